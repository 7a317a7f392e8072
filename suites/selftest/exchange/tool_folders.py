"""Result folders laid out as ais_bench, msame and benchmark leave them, from known rows of scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tools.media.preprocess import Floats

SUMMARY = {"NPU_compute_time": {"min": 20.0, "max": 24.0, "mean": 22.0, "median": 21.5, "percentile(99%)": 23.9, "count": 6},
           "throughput": 1000 * 4 / 22.0, "pid": 1}


def text(path: Path, rows: Floats, number: str = "%f") -> None:
    """As both tools print: a row a line, a space after every number.

    ais_bench has six decimals, msame six digits (%g).
    """
    path.write_text("".join("".join(f"{number % value} " for value in row) + "\n" for row in rows))


def raw(path: Path, rows: Floats) -> None:
    rows.astype(np.float32).tofile(path)


def ais_bench(folder: Path, batches: Mapping[str, Floats], ending: str) -> Path:
    """`<stem>_0.<ending>` in a folder named by the time, a summary beside it; gives what --output named."""
    inner = folder / "2022_12_01-10_00_00"
    inner.mkdir(parents=True)
    for stem, rows in batches.items():
        writers: dict[str, Callable[[Path, Floats], object]] = {"txt": text, "bin": raw, "npy": np.save}
        writers[ending](inner / f"{stem}_0.{ending}", rows)
    (folder / f"{inner.name}_summary.json").write_text(json.dumps(SUMMARY))
    return folder


def ais_bench_of_2022_09(folder: Path, batches: Mapping[str, Floats], ending: str) -> Path:
    """The older version's, whose sumary.json lies among the results."""
    ais_bench(folder, batches, ending)
    (folder / "2022_12_01-10_00_00_summary.json").rename(folder / "2022_12_01-10_00_00" / "sumary.json")
    return folder / "2022_12_01-10_00_00"


def msame(folder: Path, batches: Mapping[str, Floats], ending: str) -> Path:
    inner = folder / "20210727_143344"
    inner.mkdir(parents=True)
    for stem, rows in batches.items():
        path = inner / f"{stem}_output_0.{ending}"
        raw(path, rows) if ending == "bin" else text(path, rows, "%g")
    return folder


def benchmark(folder: Path, batches: Mapping[str, Floats], ending: str) -> Path:
    """result/dumpOutput_device0 with `<stem>_1.<ending>`, and the table of speeds in result."""
    inner = folder / "dumpOutput_device0"
    inner.mkdir(parents=True)
    for stem, rows in batches.items():
        path = inner / f"{stem}_1.{ending}"
        raw(path, rows) if ending == "bin" else text(path, rows)
    (folder / "perf_vision_batchsize_4_device_0.txt").write_text("[e2e] throughputRate: 180.879, latency: 106303\n")
    return folder


LAYOUTS: Sequence[tuple[Callable[[Path, Mapping[str, Floats], str], Path], str]] = (
    (ais_bench, "bin"), (ais_bench, "npy"), (ais_bench, "txt"), (ais_bench_of_2022_09, "txt"), (msame, "txt"), (msame, "bin"),
    (benchmark, "bin"), (benchmark, "txt"))
NAMES = [f"{layout.__name__}-{ending}" for layout, ending in LAYOUTS]


def batches_of(rows: Floats, size: int, *, pad: bool = True) -> dict[str, Floats]:
    """Rows in files of *size*, numbered; the last one padded with copies of its first."""
    found = {}
    for number, start in enumerate(range(0, len(rows), size)):
        part = rows[start : start + size]
        found[str(number)] = np.concatenate([part, *[part[:1]] * (size - len(part))]) if pad else part
    return found
