"""The cases of a run as far as its rows alone tell them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tools.judging.rows import Row
from tools.reporting import verdict
from tools.reporting.facts import CaseFacts
from tools.reporting.numbers import number, paired
from tools.spec.truth import Truth


def by_case(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each case, in the order in which the cases came."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.case, []).append(row)
    return found


def bare(of_case: Sequence[Row], truths: Mapping[str, Truth], reds: Collection[int]) -> CaseFacts:
    """A case without what its folder tells. reds: the rows, by `id`, for which the run ends badly."""
    row = of_case[-1]
    numbers = tuple(number(one, truths.get(row.model), red=id(one) in reds) for one in of_case)
    deciding = verdict.worst(numbers)
    return CaseFacts(
        name=row.case, model=row.model, batch=row.batch, device=row.device, chip=next((one.chip for one in of_case if one.chip), ""),
        data=row.data, weights=row.weights, word=deciding.word, shown=deciding.shown, simulated=any(one.simulated for one in of_case),
        again="", numbers=numbers, accuracies=tuple(one for one in map(paired, of_case) if one))
