"""All that a page tells of a run, as frozen values: gathered from its folder once, then only laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.reporting.along import LocatedFacts

Word = Literal["PASS", "RECORDED", "SUSPECT", "NO VERDICT", "FAIL", "ERROR", "SKIPPED", "XFAIL"]
Mark = Literal["accepted", "changed", "shift"]


@dataclass(frozen=True, slots=True)
class Number:
    """One judged number, or why there is none.

    measured, reference: as tables show them. word: sorts and colours it; *shown* is what people read,
    `PASS (mini)`. file, key: where the number is kept: a file below the run, and what to look for in it.
    stored: where its reference is stored, `suites/models/tsm.toml: guide-T4-bs16`; empty where nothing is.
    value: the measured number, in *unit*; None where there is none. red: whether its run ends badly for it.
    within: the metric that is judged in its place, of which it is a part.
    """

    question: str
    metric: str
    measured: str
    reference: str
    word: Word
    shown: str
    reason: str
    file: str = ""
    key: str = ""
    stored: str = ""
    superseded: bool = False
    value: float | None = None
    unit: str = ""
    red: bool = False
    within: str = ""


@dataclass(frozen=True, slots=True)
class Paired:
    """A metric of the device and of torch on the same clips, as shares.

    low, high: the 95 % interval of *ours* less *reference*. lost, won: clips that only torch, or only the
    device has right; None where the metric is not counted clip by clip.
    """

    metric: str
    ours: float
    reference: float
    low: float | None
    high: float | None
    clips: int
    lost: int | None = None
    won: int | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """A class, its name where somebody named it, and its probability; a raw score where *is_score*."""

    label: int
    name: str
    probability: float
    is_score: bool = False


@dataclass(frozen=True, slots=True)
class FlippedClip:
    """A clip on which the device and torch do not agree; *thumbnails*: sampled frames as `data:` URIs."""

    id: str
    label: int
    name: str
    ours: tuple[Guess, ...]
    reference: tuple[Guess, ...]
    thumbnails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Latency:
    """The single-iteration times of one network, in milliseconds of a whole batch.

    series: those that count, in their order. warm_up: the calls before them. clock: whose times they are.
    doubt: why they are not times of the network; empty where they are.
    """

    network: str
    series_ms: tuple[float, ...]
    warm_up_ms: tuple[float, ...] = ()
    clock: Literal["host", "device"] = "host"
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class NightPoint:
    """A night of a case; *began* in UTC. word: RECORDED where nobody judged its speed.

    setup: with which of the past's setups it was measured.
    """

    number: int
    began: str
    clips_per_s: float
    word: Word
    run: str
    setup: int
    is_this_run: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Where the level of a case's speed changed: at a night, and what changed, as a sentence."""

    night: int
    mark: Mark
    sentence: str


@dataclass(frozen=True, slots=True)
class Past:
    """The nights of a case, oldest first. setups: how they were measured, in words. centre: in clips/s."""

    nights: tuple[NightPoint, ...]
    setups: tuple[str, ...]
    centre: float | None
    drift: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of what something was made of: `tem`, `weights`, 64 hexadecimal digits."""

    network: str
    what: str
    digest: str


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """A case of a run. word: the worst of its numbers; *shown* as people read it.

    again: the command that repeats the case without pytest. locate: the one that looks for where its device
    begins to compute something else; empty where no number asks that. clips_per_s: of one chip; None where it
    was not timed. flips_found: how many clips flipped, of which *flips* are shown.
    facts: pairs of words about how it was measured: versions, machine, precision, notes.
    """

    name: str
    model: str
    batch: int
    device: str
    chip: str
    data: str
    weights: str
    word: Word
    shown: str
    simulated: bool
    again: str
    numbers: tuple[Number, ...]
    clips_per_s: float | None = None
    accuracies: tuple[Paired, ...] = ()
    flips: tuple[FlippedClip, ...] = ()
    flips_found: int = 0
    latencies: tuple[Latency, ...] = ()
    past: Past | None = None
    digests: tuple[Digest, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    locate: str = ""
    located: tuple[LocatedFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """Clips per second of a chip or card at a batch size; low, high: the 5th and 95th percentile."""

    batch: int
    clips_per_s: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Speeds:
    """Throughput against batch size: one line of a model. of: `measured on npu0`, `T4`, `310`, `310P`.

    network: of a model of several; empty for the whole. per: what one of these rates is of.
    """

    model: str
    network: str
    of: str
    measured: bool
    points: tuple[SpeedPoint, ...]
    per: Literal["chip", "card"] = "card"
    source: str = ""


@dataclass(frozen=True, slots=True)
class RatioTable:
    """A table as a guide prints it: a heading, the words of the columns, and rows of texts."""

    model: str
    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A run. sentence: its verdict in one sentence; *why*: what decided it, worst first, a sentence each.

    command: what was typed. environment: pairs of words. missing: what could not be read or shown, a sentence
    each with its remedy. problems: why the run is not what it was to be, which none of its numbers says.
    """

    run: str
    folder: str
    began: str
    commit: str
    sentence: str
    word: Word
    why: tuple[str, ...]
    command: str
    nightly: bool
    simulated: bool
    cases: tuple[CaseFacts, ...]
    speeds: tuple[Speeds, ...] = ()
    tables: tuple[RatioTable, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
