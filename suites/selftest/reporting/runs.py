"""Folders of runs as a run leaves them, written by hand: of the tiny model, and of whatever a test wants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from suites.selftest.conftest import TINY_MODELS
from tools.judging import results
from tools.judging.flips import Flip, Flips, Guess, Source, keep
from tools.judging.numbers import Numbers, Pairs
from tools.judging.rows import Row
from tools.measuring.cell import RECORD, TIMES, Record, Times, write
from tools.nights.history import History
from tools.nights.record import Fingerprint, Series
from tools.nights.record import Record as Night
from tools.spec.options import ROOT, names

NAME = "20261127-013000-4711"
DIGESTS = {"weights": "w" * 64, "graph": "9" * 64, "clips": "c" * 64}
PAIRS = Pairs(96, -0.05, 0.01, 3, 1)
SHARE = Numbers("share", 0.9375, 0.9583, pairs=PAIRS)


def row(case: str = "tiny-bs4-cpu", question: str = "accuracy", metric: str = "top1", verdict: str = "PASS (mini)", **more: Any) -> Row:
    """A judged row of the tiny model on the CPU."""
    batch = int(case.split("-bs")[1].split("-")[0]) if "-bs" in case else 4
    usual: dict[str, Any] = {"model": "tiny", "batch": batch, "device": "cpu", "chip": "cpu", "precision": "fp32",
                             "digests": {"tiny": DIGESTS}, "numbers": SHARE, "reason": "as the test says", "data": "mini",
                             "date": "2026-11-27T01:31:00+00:00", "commit": "0123456789ab"}
    return Row(case=case, question=question, weights="mini", metric=metric, measured="0.9375", reference="0.9583", verdict=verdict,
               **(usual | more))


def rate(case: str = "tiny-bs4-cpu", **more: Any) -> Row:
    return row(case, "throughput", "clips/s", **({"numbers": Numbers("clips_per_s", 25.0, None, "median")} | more))


def run_of(folder: Path, rows: Sequence[Row], **options: str) -> Path:
    """A run with these rows, and a measured cell for each of their cases. options: what it was asked."""
    run = folder / "runs" / NAME
    run.mkdir(parents=True)
    results.rewrite(rows, run)
    asked = {**dict.fromkeys(names(), ""), "device": "cpu", "nightly": "", "allow": "", "models": str(TINY_MODELS),
             "artifacts": str(folder), "history": "off", **options}
    (run / "run.json").write_text(json.dumps({"folder": str(ROOT), "arguments": ["suites/test_acceptance.py"], "deselected": [],
                                              "options": asked}))
    for case in {one.case for one in rows if one.exit_reason == "judged" and "/" not in one.case}:
        cell_of(run / case, case)
    return run


def cell_of(folder: Path, case: str, **more: Any) -> None:
    """What measuring a case leaves, but for its scores."""
    folder.mkdir(parents=True, exist_ok=True)
    told = Record(case, "tiny", "mini", "mini", "fp32", "cpu", simulated=False, clips=96, scoring_s=4.0, peak_bytes=10**8,
                  estimated_bytes=1, digests=DIGESTS, versions={"onnxruntime": "1.31.1"},
                  machine={"cpu": "a core", "cores": "2", "load": "0.5"})
    write(replace(told, **more), folder / RECORD)
    write(Times(tuple(0.16 + 0.0016 * (number % 3) for number in range(60)), 4, warm_up=(0.3, 0.2)), folder / TIMES)


def clip(folder: Path, name: str, frames: int = 9) -> Path:
    """A clip as a folder of JPEGs, each of a grey of its own."""
    place = folder / name
    place.mkdir(parents=True)
    for number in range(frames):
        cv2.imwrite(str(place / f"img_{number + 1:05d}.jpg"), np.full((90, 160, 3), 20 * number, np.uint8))
    return place


def flip(name: str, place: Path, *, sure: float = 0.9, lost: bool = True, signature: tuple[int, int] | None = None) -> Flip:
    """A clip that the device lost, of which torch was so *sure*; or one that both have wrong."""
    label = 3 if lost else 7
    ours = (Guess(5, 4.0, 0.6), Guess(3, 3.0, 0.3))
    return Flip(name, label, ours, (Guess(3, 5.0, sure), Guess(5, 1.0, 0.1)),
                Source(str(place), "rawframes", 9, (0, 2, 4, 6, 8), signature))


def flipped(run: Path, clips: Sequence[Flip], case: str = "tiny-bs4-cpu") -> None:
    keep(Flips(tuple(clips), "d" * 64), run / case)


def night(number: int, run: str, clips_per_s: float = 25.0, runtime: str = "onnxruntime 1.31.1", unit: str = "host/cpu") -> Night:
    series = Series("own", clips_per_s, 60, 9.6, 0.01, 0.005)
    how = Fingerprint("cpu a core", "linux", "", runtime, "g", 4, "fp32")
    return Night("tiny-bs4-cpu", "tiny", "cpu", unit, how, "mini", "mini", DIGESTS, (series,), "learning", 0.0, {}, "",
                 "", run, "0123", f"2026-11-{number:02}T01:30:00Z", 60.0)


def history_of(folder: Path, nights: Sequence[Night]) -> Path:
    """A history with these nights, each added by a process of its own."""
    History.init(folder)
    for one in nights:
        History.open(folder).append(one)
    return folder
