"""`status.json` of a run: how far it is, for whoever watches from elsewhere; it is rewritten whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tools.errors import MeasureError
from tools.machine.files import write_whole, writing
from tools.machine.progress import State, Work
from tools.machine.progress_words import work_words
from tools.spec.digest import Json

FILE = "status.json"
EVERY_S = 2.0
How = Literal["running", "finished", "interrupted"]


class Status:
    """Keeps the file of one run. A disk that does not take it is told of once, and asked again."""

    def __init__(self, run: Path, say: Callable[[str], None]) -> None:
        self._run, self._say, self._is_told = run, say, False
        self._began, self._kept_s = _now(), float("-inf")

    def keep(self, state: State, how: How = "running", *, now: bool = False) -> None:
        """Write it, unless that was done a moment ago; *now*: even then."""
        if not now and state.now_s - self._kept_s < EVERY_S:
            return
        self._kept_s = state.now_s
        text = json.dumps(self._told(state, how), indent=1).encode()
        try:
            with writing(f"how far this run is, to {FILE}", self._run, MeasureError):
                self._run.mkdir(parents=True, exist_ok=True)
                write_whole(self._run / FILE, lambda file: file.write(text))
        except (MeasureError, OSError) as error:
            if not self._is_told:
                self._say(f"the run goes on, and {FILE} does not: {error}")
            self._is_told = True

    def _told(self, state: State, how: How) -> dict[str, Json]:
        return {"run": self._run.name, "pid": os.getpid(), "began": self._began, "updated": _now(), "state": how,
                "cells": {"done": state.cells, "total": state.total}, "verdicts": dict(state.verdicts),
                "now": [_work(work, state.now_s) for work in state.works] if how == "running" else [],
                "eta_s": _rounded(state.left_s) if how == "running" else None}


def _work(work: Work, now_s: float) -> dict[str, Json]:
    return {"case": work.case, "device": work.device, "what": work_words(work, now_s), "doing": work.doing, "step": work.step,
            "done": work.done, "total": work.total, "unit": work.unit, "per_s": _rounded(work.per_s, 3),
            "eta_s": _rounded(work.left_s(now_s)), "elapsed_s": _rounded(now_s - work.began_s),
            "device_busy": _rounded(work.busy, 3), "waiting": work.waiting, "silent_s": _rounded(work.silent_s(now_s))}


def _rounded(number: float | None, digits: int = 1) -> float | None:
    return None if number is None else round(number, digits)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
