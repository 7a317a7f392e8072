"""Whether a network was fed what torch's own pipeline makes of the same clips, bit for bit; pure."""

from __future__ import annotations

from tools.judging.numbers import Numbers
from tools.judging.verdict import Judgement, Verdict, recorded
from tools.measuring.inputs import Digests, TorchInputs

METRIC = "inputs"


def same_inputs(ours: Digests, torch: TorchInputs, items: str, remake: str) -> Judgement:
    """PASS where every compared input has torch's bits, FAIL naming the first that has not.

    RECORDED where torch's pipeline is not at hand: then only the scores tell of the preprocessing.
    """
    if torch.absent:
        return recorded(METRIC, f"{torch.absent}; on a machine that has it: {remake}")
    other = [id for id, digest in torch.digests.items() if ours.get(id) != digest]
    meaning = f"inputs of {len(torch.digests)} {items} that are not torch's bit for bit, before the device rounds them"
    if other:
        first = other[0]
        meaning = f"{meaning}; the first is {first}: {ours.get(first, 'none')} here, {torch.digests[first]} of torch's pipeline"
    return Judgement(METRIC, str(len(other)), "<= 0", Verdict.FAIL if other else Verdict.PASS, meaning, "<= 0",
                     numbers=Numbers("inputs", len(other), 0, limit="at most"))
