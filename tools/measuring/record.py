"""What was measured with what, and how the device was fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.measuring.inputs import Digests
from tools.spec.chips import CPU

NOTED_S = 1.0  # of waiting
NOTED_SHARE = 0.1  # of a scoring pass: a first batch has to be waited for


@dataclass(frozen=True, slots=True)
class Record:
    """What was measured with what; written as soon as the scores are safe.

    network: which of the case's networks. clips: the number of items that it was run on.
    chip: the kind of chip as its own tool names it (`cpu`: ONNX Runtime). simulated: it behaved like one.
    data, weights: as reports name them. digests: of the weights, the graph and the clips.
    others: what of it other code made, in words.
    scoring_s: wall time of decoding and running every clip, which overlap.
    peak_bytes: this process's largest resident size. surgery: the names of the rewrites of the graph.
    inputs: what a model's first network was fed of a few items, as digests by id.
    given: of a graph that was not made from the weights, what it is and how it was read, in words.
    own: the same of the graph of a model that is an ONNX file alone. itself: whether it ran where its
    reference does, so that the network is compared with itself.
    flags: a person's own for the compiler of the device's model.
    shifted: whether rows of scores are logits up to a constant.
    repeat: the largest difference of a second pass over the first batch, over the largest score: 0 where the
    bits are equal, None where there was none. repeat_flipped: the clips of it with another best class.
    engine: what the device's runtime says of itself. busy: the share of the scoring pass, opening apart, in
    which the device computed; None where nobody knows. waited_s: what it waited for: `decode`, and `copy`
    where that is no part of computing. Of a pass that several processes made, both are of all of them.
    place: who measured it, as NODE/DEVICE, where that is not this machine. scored_by: who scored parts of the
    clips for it, in words. alone: whether no other task of a cluster was on its node.
    """

    case: str
    network: str
    data: str
    weights: str
    precision: str
    chip: str
    simulated: bool
    clips: int
    scoring_s: float
    peak_bytes: int
    estimated_bytes: int
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    surgery: str = ""
    inputs: Digests = field(default_factory=dict)
    others: Sequence[str] = ()
    given: str = ""
    flags: str = ""
    shifted: bool = False
    own: str = ""
    itself: bool = False
    repeat: float | None = None
    repeat_flipped: int = 0
    engine: Mapping[str, str] = field(default_factory=dict)
    busy: float | None = None
    waited_s: Mapping[str, float] = field(default_factory=dict)
    place: str = ""
    scored_by: Sequence[str] = ()
    alone: bool = False

    @property
    def elsewhere(self) -> list[str]:
        """Where it was measured and by whom it was scored, in words; none of what this machine did alone."""
        return [*([f"measured on {self.place}{', alone on its node' if self.alone else ''}"] if self.place else []),
                *([f"scored by {', '.join(self.scored_by)}"] if self.scored_by else [])]

    @property
    def kept_waiting(self) -> str:
        """That decoding kept the device waiting, in words; empty where it did not, or nobody knows.

        The CPU is no device that waits: its cores decode as well.
        """
        waited_s = self.waited_s.get("decode", 0.0)
        if self.busy is None or self.chip == CPU.name or waited_s <= max(NOTED_S, NOTED_SHARE * self.scoring_s):
            return ""
        return f"the device computed {self.busy:.0%} of the scoring pass; it waited {waited_s:.1f} s for decoding"
