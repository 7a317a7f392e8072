"""What makes a run end well or badly: which verdicts are red, and the line that gives the reason; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tools.judging.rows import Row
from tools.judging.verdict import RED, Judgement, Verdict
from tools.spec.allowed import Allowed

NAMED = 3  # of each word, in a line
BY_NIGHT: Mapping[Verdict, Allowed] = {Verdict.RECORDED: "recorded", Verdict.NO_VERDICT: "no-verdict"}


def is_red(judged: Judgement | Row, *, nightly: bool, allowed: Collection[Allowed]) -> bool:
    """Whether a number makes its run end badly.

    By night a number that nothing judges is red as well, but for the first nights of a history and for a part
    of what is judged as a whole. What cannot be judged is not red, where that is allowed.
    """
    verdict = _verdict(judged)
    if not nightly:
        return verdict in RED
    if verdict in BY_NIGHT:
        return BY_NIGHT[verdict] not in allowed and not (verdict is Verdict.RECORDED and (judged.learning or judged.within))
    return verdict in RED


def reason(rows: Sequence[Row], status: int, *, nightly: bool, allowed: Collection[Allowed], others: Sequence[str] = ()) -> str:
    """The line that says why a run ends with *status*; others: what else is wrong, in words."""
    counted = [row for row in rows if not row.superseded and row.verdict]
    red = [row for row in counted if is_red(row, nightly=nightly, allowed=allowed)]
    told = [*_counts(red), *others] or ["nothing is red" if status == 0 else "see above what ended it"]
    suspects = [row for row in counted if _verdict(row) is Verdict.SUSPECT]
    told += _counts(suspects)
    learning = [row for row in counted if _verdict(row) is Verdict.RECORDED and row.learning]
    told += [f"{len(learning)} learning"] if learning and nightly else []
    return f"exit status {status}: {'; '.join([*told, *(_used(counted, allowed) if nightly else [])])}"


def _used(rows: Sequence[Row], allowed: Collection[Allowed]) -> list[str]:
    """What was allowed and has come to pass."""
    used = []
    if "mini" in allowed and any("mini" in (row.weights, row.data.partition("[")[0]) for row in rows):
        used.append("--allow mini: on data or weights that the harness made itself, so nothing here is an acceptance")
    for verdict, word in BY_NIGHT.items():
        found = [row for row in rows if _verdict(row) is verdict and not (row.learning or row.within)]
        used += [f"--allow {word}: {' '.join(_counts(found))}"] if word in allowed and found else []
    return used


def _counts(rows: Sequence[Row]) -> list[str]:
    """How many rows have each verdict, the worst first, with the names of some."""
    told = []
    for verdict in reversed(Verdict):
        names = [f"{row.case} {row.metric}" for row in rows if _verdict(row) is verdict]
        more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
        told += [f"{len(names)} {verdict.value} ({', '.join([*names[:NAMED], *more])})"] if names else []
    return told


def _verdict(judged: Judgement | Row) -> Verdict:
    """A row has its verdict as a word, which may say of a pass that it is mini or simulated."""
    if isinstance(judged, Judgement):
        return judged.verdict
    return next(verdict for verdict in Verdict if judged.verdict.partition(" (")[0] == verdict.value)
