"""report.md: a run in at most 60 lines for chats and summaries of CI, the worst first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.errors import on_one_line
from tools.reporting.facts import CaseFacts, Number, Report
from tools.reporting.verdict import ORDER

MOST = 60  # lines
REASONS, CASES, LACKING = 10, 24, 6
LONGEST = 300  # characters of a text
MEANT = re.compile(r"([\\`*_\[\]|~])")  # what marks text up
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "#": "&#35;"}  # with @ somebody would be called, with # an issue


def plain(text: str, longest: int = LONGEST) -> str:
    """A text of a run that marks nothing up, calls nobody and ends no line or cell of a table."""
    shown = on_one_line(text)
    short = shown if len(shown) <= longest else f"{shown[: longest - 3]}..."
    marked = "".join(ENTITIES.get(letter, letter) for letter in MEANT.sub(r"\\\1", short))
    return marked.replace("://", ":&#8203;//")


def code(command: str) -> str:
    """A command that can be copied, from the text as well: inside backquotes nothing is marked up."""
    fence = "`" * (1 + max(map(len, re.findall("`+", command)), default=0))
    space = " " if command[:1] == "`" or command[-1:] == "`" else ""
    return f"{fence}{space}{on_one_line(command)}{space}{fence}"


def markdown(report: Report) -> str:
    """The whole file, worst first."""
    kind = " by night" if report.nightly else ""
    of = f"Run {plain(report.run)}{kind}, begun {plain(report.began)}, commit {plain(report.commit) or 'unknown'}"
    lines = [f"**{plain(report.sentence)}**", "", of, ""]
    lines += _listed(report.why, REASONS)
    lines += _table(report.cases)
    if report.missing:
        lines += ["Not told here:", "", *_listed(report.missing, LACKING)]
    lines += [f"Again: {code(report.command)}"] if report.command else []
    return "\n".join(lines[:MOST]).rstrip() + "\n"


def _listed(texts: Sequence[str], most: int) -> list[str]:
    """Texts as a list, and that there are more."""
    if not texts:
        return []
    more = ["* and more, which report.html tells"] if len(texts) > most else []
    return [*(f"* {plain(text)}" for text in texts[:most]), *more, ""]


def _table(cases: Sequence[CaseFacts]) -> list[str]:
    if not cases:
        return []
    worst = sorted(cases, key=lambda case: ORDER.index(case.word))
    lines = ["| cell | verdict | clips/s of a chip | what decides it | data, weights |", "| --- | --- | ---: | --- | --- |",
             *(_row(case) for case in worst[:CASES]), ""]
    return [*lines, f"and {len(cases) - CASES} more cells, none of them worse", ""] if len(cases) > CASES else lines


def _row(case: CaseFacts) -> str:
    rate = "-" if case.clips_per_s is None else f"{case.clips_per_s:.2f}"
    texts = (case.name, case.shown, rate, _deciding(case), f"{case.data}, {case.weights}")
    return f"| {' | '.join(plain(text, 80) for text in texts)} |"


def _deciding(case: CaseFacts) -> str:
    """The number that gives a case its word; of a good one its first."""
    found: Number | None = next((one for one in case.numbers if one.word == case.word and not one.superseded), None)
    return f"{found.metric} {found.measured} (reference {found.reference})" if found else ""
