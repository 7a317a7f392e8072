"""All runs of an artifacts folder, a line each: what one page over them tells."""

from __future__ import annotations

from dataclasses import dataclass

from tools.reporting.facts import Word


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
