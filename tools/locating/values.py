"""What is looked at and what is found, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

Tensors = Mapping[str, "NDArray[Any]"]  # by the name that the graph gives them
Kind = Literal["node", "together", "between", "everywhere", "inherited", "nothing"]


class Runs(Protocol):
    """What runs a graph once: a device, or the reference on the CPU."""

    def __call__(self, model: onnx.ModelProto, feeds: Tensors) -> dict[str, NDArray[Any]]:
        """All outputs of *model*, by their names; *feeds* has each of its inputs."""


@dataclass(frozen=True, slots=True)
class Span:
    """Nodes of a graph that follow each other: from number *start* up to *stop*, and their name."""

    name: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a tensor lies from the reference's.

    relative: the largest difference over the reference's range. rms: the root of the mean square of the
    differences over that of the reference, by which it is judged, since rounding adds up in the largest.
    cosine: of both. unusual: the share of values that are not finite, or at the end of half precision's
    range, where the reference's are not. unknown: the share that is NaN in the reference itself.
    """

    relative: float
    rms: float
    cosine: float
    unusual: float = 0.0
    unknown: float = 0.0

    @property
    def weight(self) -> float:
        """What it is judged by: infinite where values are unusual."""
        return float("inf") if self.unusual else self.rms


@dataclass(frozen=True, slots=True)
class Seen:
    """A part of the network: its own error, and what has come together up to its end; None: not looked at."""

    span: Span
    own: Difference | None = None
    cumulative: Difference | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason that can be known, and the sentence about it."""

    kind: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found.

    kind: a single node; nodes that err only *together*; nodes *between* known tensors, of which nobody knows
    which err; parts that all err more than rounding does, of which none stands out (*everywhere*); an error
    that no part has as its own (*inherited*); nothing. span: the nodes, named as the graph names them.
    among: how many of the span's these are that lie *between*. segment: the part of the network they are in.
    limit: what an error of one's own is judged by here; usual: that of its neighbours. seen: all parts;
    halves: the single nodes that were looked at more closely. compilations: how many graphs the device has
    been given. scores: how far those of the device lie from the reference's; None where nobody has compared
    them.
    """

    kind: Kind
    span: Span | None
    segment: Span | None
    own: Difference | None
    usual: float
    limit: float
    seen: tuple[Seen, ...]
    halves: tuple[Seen, ...]
    compilations: int
    causes: tuple[Cause, ...] = ()
    scores: Difference | None = None
    among: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A step from a clip's file to a network's input, or between two networks: ours beside mmaction2's.

    difference: None where it was not compared; *sentence* says why, or what differs where. limit: the
    difference that is news. feeds: the network whose input this is; empty of all other steps.
    """

    name: str
    clip: str
    difference: Difference | None
    sentence: str = ""
    limit: float = 0.0
    feeds: str = ""

    @property
    def differs(self) -> bool:
        return self.difference is not None and self.difference.weight > self.limit


@dataclass(frozen=True, slots=True)
class StageSeen:
    """A stage beside the one before it: `onnxsim against export`, say.

    difference: of the scores; None where they were not compared, and *sentence* says why.
    limit: the difference that is news. first: the first node whose tensor differs, in the later
    stage's graph; None where none does, or where the two share no names. sentence: what more is known.
    """

    name: str
    difference: Difference | None
    limit: float
    first: Span | None = None
    sentence: str = ""

    @property
    def differs(self) -> bool:
        return self.difference is not None and self.difference.weight > self.limit


@dataclass(frozen=True, slots=True)
class Chosen:
    """The clips that are looked at, *ids* in the batch's order, and *why* these, in words.

    run: the folder of the run in which the case failed; None without one. worst: a few of them that are
    looked at step by step, the worst first.
    """

    ids: tuple[str, ...]
    why: str
    run: Path | None = None
    worst: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Located:
    """All that was looked at for one network of a case.

    found: None where an earlier step differs already. part: the only one of the network that was searched;
    empty where all of it was.
    """

    case: str
    network: str
    device: str
    precision: str
    chosen: Chosen
    steps: tuple[Step, ...]
    stages: tuple[StageSeen, ...]
    found: Found | None
    repeat: str
    part: str = ""
