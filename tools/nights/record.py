"""What one measured cell leaves of a night: one line of a history, which later nights are judged beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

VERSION = 1  # of a line; a reader skips and counts lines of other versions
PROTOCOL = 1  # of how series are taken: one more whenever the same device would give other times
Role = Literal["own", "again", "control"]
Word = Literal["", "learning", "fine", "suspect", "slow", "bad day", "trend"]


@dataclass(frozen=True, slots=True)
class Series:
    """One series of times through all networks of a cell.

    role: own: the cell's first; again: a confirmation; control: of this cell while another was confirmed.
    clips_per_s: of one chip. half_width: of the 95 % interval of its typical time, as a share of it.
    """

    role: Role
    clips_per_s: float
    iterations: int
    timed_s: float
    spread: float
    half_width: float


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Nights whose fingerprints are equal are comparable. The graph is the digest of all networks' graphs."""

    chip: str
    driver: str
    toolkit: str
    runtime: str
    graph: str
    batch: int
    precision: str
    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class Record:
    """A measured cell of one run.

    unit: which chip of its kind it was, as far as the device tells; else host and device. began: in UTC.
    word: what the sequential test said of the speed; ratio: the logarithm of its likelihood ratio, with which
    the next night goes on where the word is suspect. accuracy: share by metric. flips: digest of the flipped
    clips. scores: digest of the scores. run: the folder of the run. wall_s: of the whole cell.
    """

    case: str
    model: str
    device: str
    unit: str
    fingerprint: Fingerprint
    data: str
    weights: str
    digests: Mapping[str, str]
    series: tuple[Series, ...]
    word: Word
    ratio: float
    accuracy: Mapping[str, float]
    flips: str
    scores: str
    run: str
    commit: str
    began: str
    wall_s: float
    simulated: bool = False
    clock_mhz: float | None = None
    temperature_c: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    version: int = VERSION
