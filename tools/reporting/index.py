"""All runs of an artifacts folder, a line each: what one page over them tells."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tools.errors import on_one_line
from tools.judging.rows import RESULTS
from tools.reporting import verdict
from tools.reporting.asked import asked, at_last, began_of, ended, problems
from tools.reporting.cases import bare, by_case
from tools.reporting.facts import Word
from tools.reporting.lacking import Lacking
from tools.reporting.rows import rows
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
    lacking: Lacking = []
    found, unreadable = rows(run, lacking)
    end = ended(run, lacking)
    known = at_last(asked(run, lacking), end) if (run / runs.ASKED).is_file() else None
    answered = {(row.case, row.question) for row in found if not row.superseded}
    wrong = (*unreadable, *(problems(known, end, answered) if known else ()))
    nightly = bool(known and known.nightly)
    reds = verdict.red(found, nightly=nightly, allowed=known.allowed if known else frozenset())
    cases = [bare(of_case, {}, {id(row) for row in reds}) for of_case in by_case(found).values()]
    link = os.path.relpath(run / PAGE, beside) if (run / PAGE).is_file() else ""
    began = began_of(run.name) or min((row.date for row in found if row.date), default="")
    return RunLine(on_one_line(run.name), began, verdict.sentence(cases, reds=reds, problems=wrong),
                   verdict.word(cases, wrong) if cases else None, verdict.counts(cases),
                   tuple(dict.fromkeys(row.model for row in found)), nightly, any(row.simulated for row in found), link)
