"""Two runs side by side: what each measured, how far apart that is, and what changed between them."""

from __future__ import annotations

from dataclasses import dataclass

from tools.reporting.facts import Report, Word


@dataclass(frozen=True, slots=True)
class Pair:
    """One number of a case in both runs. first, second: as tables show them; empty where a run lacks it.

    difference: second less first, as tables show it; empty where the two cannot be subtracted.
    word_first, word_second: how each was judged; None where a run lacks it. is_worse: its word got worse.
    """

    question: str
    metric: str
    first: str
    second: str
    difference: str
    word_first: Word | None
    word_second: Word | None
    is_worse: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between both runs: `compiler`, `weights`; empty where a run lacks it."""

    what: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class CasePair:
    """A case in both runs, by name; a run that lacks it gives no word and no numbers."""

    name: str
    word_first: Word | None
    word_second: Word | None
    shown_first: str
    shown_second: str
    numbers: tuple[Pair, ...]
    changes: tuple[Change, ...]
    is_worse: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs. sentence: what came of it, a sentence. changes: between the runs as wholes.

    cases: those of either run, what got worse first.
    """

    first: Report
    second: Report
    sentence: str
    cases: tuple[CasePair, ...]
    changes: tuple[Change, ...] = ()
