"""All runs of an artifacts folder, a line each: what one page over them tells."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tools.errors import on_one_line
from tools.judging.rows import RESULTS
from tools.reporting import verdict
from tools.reporting.asked import began_of
from tools.reporting.cases import bare, by_case
from tools.reporting.facts import Word
from tools.reporting.outcome import outcome
from tools.storage import runs

PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run. word: None, and *sentence* why, where the run can not be told. counts: its cases, by word.

    link: where its report lies, from the page's own folder; empty where it has none.
    """

    run: str
    began: str
    sentence: str
    word: Word | None
    counts: tuple[tuple[Word, int], ...] = ()
    models: tuple[str, ...] = ()
    nightly: bool = False
    simulated: bool = False
    link: str = ""


def lines(artifacts: Path, beside: Path) -> tuple[RunLine, ...]:
    """A line for each run below *artifacts*, the newest first. beside: where the page with links is."""
    folder = artifacts / runs.FOLDER
    names = sorted((path.name for path in folder.iterdir() if _is_run(path)), reverse=True) if folder.is_dir() else []
    return tuple(_line(folder / name, beside) for name in names)


def _is_run(path: Path) -> bool:
    return path.is_dir() and ((path / runs.ASKED).is_file() or (path / RESULTS).is_file())


def _line(run: Path, beside: Path) -> RunLine:
    found = outcome(run, [])
    cases = [bare(of_case, {}, set(map(id, found.reds))) for of_case in by_case(found.rows).values()]
    link = os.path.relpath(run / PAGE, beside) if (run / PAGE).is_file() else ""
    began = began_of(run.name) or min((row.date for row in found.rows if row.date), default="")
    return RunLine(on_one_line(run.name), began, verdict.sentence(cases, reds=found.reds, problems=found.problems),
                   verdict.word(cases, found.problems) if cases else None, verdict.counts(cases),
                   tuple(dict.fromkeys(case.model for case in cases)), found.asked.nightly, any(case.simulated for case in cases), link)
