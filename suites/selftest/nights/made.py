"""Records of nights that never were, for tests of histories."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tools.nights import lines
from tools.nights.history import History
from tools.nights.nights import Nights
from tools.nights.record import Fingerprint, Record, Series, Word

CHIP = Fingerprint("310P3", "24.1.0", "8.0.RC3", "aclruntime 0.0.2", "1f2e3d4c5b6a7988", 16, "fp16")
RECORD = Record(
    case="tsm-bs16-npu0", model="tsm", device="npu:0", unit="one/npu0", fingerprint=CHIP, data="full", weights="published",
    digests={"weights": "a" * 64, "graph": "b" * 64, "clips": "c" * 64}, series=(Series("own", 80.0, 60, 4.0, 0.02, 0.004),), word="fine",
    ratio=-3.2, accuracy={"top1": 0.94}, flips="d" * 64, scores="e" * 64, run="20261127-010000-7", commit="0123456789ab",
    began="2026-11-27T01:30:00Z", wall_s=100.0, versions={"numpy": "2.4.0"})


def night(number: int, slower: float = 0.0, word: Word = "fine", record: Record = RECORD) -> Record:
    """The record of one night, slower than 80 clips/s by a share."""
    series = replace(record.series[0], clips_per_s=80.0 * math.exp(-slower))
    return replace(record, night=number, run=f"run-{number}", word=word, series=(series,))


def kept(folder: Path, records: Iterable[Record], name: str = "one-1.jsonl") -> History:
    """A history that holds these records, with the numbers that they have."""
    history = History.init(folder)
    with (folder / name).open("a") as file:
        file.writelines(f"{lines.of_record(record)}\n" for record in records)
    return history


def nights(folder: Path, records: Iterable[Record]) -> Nights:
    """The nights of a new history that holds these records."""
    return kept(folder, records).nights()
