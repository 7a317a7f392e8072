"""Which red numbers say that a device computes something else, so that it can be looked for where; pure."""

from __future__ import annotations

from tools.judging.numbers import Numbers
from tools.judging.rows import Row
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import Cell
from tools.spec.options import USES
from tools.spec.repeat import locating
from tools.spec.settings import Settings

ROWS_LOST = "clips"  # the metric of a cell that has other rows than clips
NOT_FINITE = "finite"


def otherwise(question: str, judged: Judgement | Row) -> bool:
    """Whether a judged number is red since the device's scores are others than torch's on the same clips.

    What a device loses beside a stored figure, or beside `--expect`, torch may lose as well.
    """
    verdict = judged.verdict.value if isinstance(judged.verdict, Verdict) else judged.verdict
    if verdict != Verdict.FAIL.value:
        return False
    if question == "fidelity":
        return judged.metric != ROWS_LOST
    return question == "accuracy" and (judged.metric == NOT_FINITE or _beside_torch(judged.numbers))


def _beside_torch(numbers: Numbers | None) -> bool:
    return numbers is not None and numbers.pairs is not None


def command(settings: Settings, cell: Cell) -> str:
    """What looks for the place where the device of *cell* begins to compute something else."""
    return locating(cell.case, ["--run", str(cell.folder.parent), *settings.chosen(*USES["locate"])])
