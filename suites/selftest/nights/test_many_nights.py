"""A history of years is read in seconds."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.nights.made import RECORD
from tools.nights import lines, scan
from tools.nights.history import History

CASES = 126


def _many(folder: Path, count: int, files: int = 8) -> History:
    """A history of many records of 126 cases, in several files."""
    history = History.init(folder)
    text = [lines.of_record(replace(RECORD, case=f"tsm-bs{case}-npu0", versions={f"package{n}": "1.2.3" for n in range(10)}, night=1))
            for case in range(CASES)]
    each = count // files
    for number in range(files):
        with (folder / f"many-{number}.jsonl").open("w") as file:
            for at in range(number * each, (number + 1) * each):
                night_number = at // CASES + 1
                file.write(text[at % CASES].replace('"000000000001"', f'"{night_number:012}"', 1).replace("20261127-010000-7",
                                                                                                       f"run-{night_number}", 1) + "\n")
    return history


def _seconds(history: History) -> float:
    begun = time.process_time()
    history.nights()
    return time.process_time() - begun


def _bytes_s(history: History) -> float:
    """Seconds that it takes to get all bytes, and to look for the ends of lines only."""
    begun = time.process_time()
    for path in history.folder.glob("*.jsonl"):
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(scan.CHUNK):
                chunk.count(b"\n")
    return time.process_time() - begun


def test_reading_takes_time_in_proportion(tmp_path: Path) -> None:
    """Eight times the records take no more than 16 times as long, and a line less than 20 microseconds."""
    few, many = _many(tmp_path / "few", 2000), _many(tmp_path / "many", 16000)

    short, long = min(_seconds(few) for _ in range(3)), min(_seconds(many) for _ in range(3))

    assert long < 16 * max(short, 0.002)
    assert long < 16000 * 20e-6
    assert 16000 == sum(len(found) for _, found in many.nights().timed())


@pytest.mark.slow
def test_a_million_records_are_read_in_seconds(tmp_path: Path) -> None:
    """In less than 3 s of a processor; where getting the bytes is slow now, in 5 times as long as that."""
    history = _many(tmp_path / "h", 1_000_000)

    taken, bytes_s = min(_seconds(history) for _ in range(3)), max(_bytes_s(history) for _ in range(3))

    print(f"a million records were read in {taken:.2f} s, their bytes in {bytes_s:.2f} s")
    assert taken < max(3.0, 5 * bytes_s)
    assert 7937 == len(history.nights().of(replace(RECORD, case="tsm-bs0-npu0").subject))
