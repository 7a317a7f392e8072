"""Reads the result folders of the guides' tools, ais_bench, msame and benchmark: files of scores."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tools.errors import ScoreError
from tools.exchange.raw_rows import Number
from tools.machine.reading import load_npy, numbers_of, read_text, refusing
from tools.media.preprocess import Floats

Tool = Literal["ais_bench", "msame", "benchmark"]
NAME = re.compile(r"(?P<stem>.+?)(?P<msame>_output)?_(?P<output>\d+)\.(?P<format>txt|bin|npy)")
PERFORMANCE = ("perf_vision_", "PureInfer_perf_of_")  # benchmark's own tables in its result folder
DUMPED = "dumpOutput_device"
DEEP = 2  # benchmark's result/dumpOutput_device0 and a time stamp below --output are one level down
FORMS = "ais_bench 12_0.txt|bin|npy, msame 12_output_0.txt|bin, benchmark 12_1.txt|bin"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One result file; *stem* is the name of the input file that it answers."""

    path: Path
    stem: str


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """A folder of result files of one tool, all in one format and of one output tensor, in no order."""

    path: Path
    tool: Tool
    format: str
    files: tuple[OutputFile, ...]


def find(given: Path) -> OutputFolder:
    """The result folder *given*, or the only one in it.

    ais_bench and msame name a folder in it by the time, benchmark one by the device.

    Raises:
        ScoreError: there is none or more than one, or it holds files of several tools, formats or tensors.
    """
    if not given.is_dir():
        raise ScoreError("there is no such folder of results", where=str(given), remedy=f"give one with files like {FORMS}")
    matches = _matches(given)
    if matches:
        return _of(given, matches)
    found = [(folder, inside) for folder in _below(given) if (inside := _matches(folder))]
    if len(found) != 1:
        names = ", ".join(str(folder) for folder, _ in found)
        raise ScoreError(f"{len(found)} folders of results are in it" if found else "no file is named as a result is", where=str(given),
                         remedy=f"give one of them: {names}" if found else f"results are named {FORMS}")
    return _of(*found[0])


def _below(folder: Path, deep: int = DEEP) -> list[Path]:
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return [*inside, *(path for one in inside for path in _below(one, deep - 1))] if deep else []


def _matches(folder: Path) -> dict[Path, re.Match[str]]:
    return {path: match for path in sorted(folder.iterdir())
            if not path.name.startswith(PERFORMANCE) and (match := NAME.fullmatch(path.name))}


def _of(folder: Path, matches: dict[Path, re.Match[str]]) -> OutputFolder:
    seen: dict[str, list[str]] = {}
    for path, match in matches.items():
        seen.setdefault(f"{'msame' if match['msame'] else ''} output {match['output']} as {match['format']}".strip(), []).append(path.name)
    if len(seen) > 1:
        told = "; ".join(f"{kind}: {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}" for kind, names in seen.items())
        raise ScoreError(f"the results are of several kinds: {told}", where=str(folder),
                         remedy="a recogniser has one output; move what is of another run or tensor elsewhere")
    first = next(iter(matches.values()))
    tool: Tool = "msame" if first["msame"] else "benchmark" if folder.name.startswith(DUMPED) else "ais_bench"
    return OutputFolder(folder, tool, first["format"], tuple(OutputFile(path, match["stem"]) for path, match in matches.items()))


def rows(file: OutputFile, format: str, classes: int, type: Number = np.float32) -> Floats:
    """The rows of scores in a file, [rows, *classes*] float32; *type*: that of a BIN file's numbers.

    Raises:
        ScoreError: the file is empty or not of its format, or has rows of another length.
    """
    with refusing(ScoreError, "the result cannot be read", str(file.path),
                  f"rows of {classes} float32 scores are expected; --classes says otherwise"):
        found = _raw(file.path, classes, type) if format == "bin" else {"txt": _text, "npy": _array}[format](file.path)
    if found.shape[1] != classes:
        raise ScoreError(f"a row has {found.shape[1]} scores, not {classes}", where=str(file.path),
                         remedy="--classes N says how many outputs this checkpoint has")
    return found


def _text(path: Path) -> Floats:
    lines = read_text(path, ScoreError, "the result").splitlines()  # a line may hold the scores of a whole batch
    return numbers_of(lines, ScoreError, "the result", str(path))


def _raw(path: Path, classes: int, type: Number) -> Floats:
    size = path.stat().st_size
    if size == 0 or size % (type().itemsize * classes):
        raise ValueError(f"its {size} bytes are no whole number of rows")
    return np.fromfile(path, type).reshape(-1, classes).astype(np.float32)


def _array(path: Path) -> Floats:
    found = load_npy(path, ScoreError, "the result")
    if found.dtype.kind != "f" or found.size == 0 or found.ndim == 0:
        raise ValueError("it holds no array of floating-point numbers")
    with np.errstate(over="ignore"):  # a score too large for float32 is infinite, and judged as that
        return found.reshape(-1, found.shape[-1]).astype(np.float32)
