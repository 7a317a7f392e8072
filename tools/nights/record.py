"""What one measured cell leaves of a night: one line of a history, which later nights are judged beside."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

VERSION = 1  # of a line; a reader skips and counts lines of other versions
PROTOCOL = 1  # of how series are taken: one more whenever the same device would give other times
Role = Literal["own", "again", "control"]
Word = Literal["", "learning", "fine", "suspect", "slow", "bad day", "trend"]
NO_NIGHT = 0  # the number of a record that no history has taken yet


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
    """Nights whose fingerprints are equal are comparable. The graph is the digest of all networks' graphs.

    alone: whether no other task of a cluster was on the node while times were taken.
    """

    chip: str
    driver: str
    toolkit: str
    runtime: str
    graph: str
    batch: int
    precision: str
    protocol: int = PROTOCOL
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A measured cell of one run.

    unit: which chip of its kind it was, as far as the device tells; else host and device.
    began: in UTC, 2026-11-27T01:30:00Z.
    word: what the sequential test said of the speed; empty where nobody judged it: then it counts nowhere.
    ratio: the logarithm of its likelihood ratio, with which the next night goes on where the word is suspect.
    accuracy: share by metric. flips: digest of the flipped clips. scores: digest of the scores.
    run: the folder of the run. wall_s: of the whole cell.
    night: orders the records of a history; it is given when the record is written, and no clock shapes it.
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
    night: int = NO_NIGHT

    @property
    def subject(self) -> Subject:
        return Subject(self.case, self.unit, self.fingerprint)

    @property
    def logs(self) -> tuple[float, ...]:
        """Of each series the natural logarithm of the seconds that a clip takes."""
        return tuple(-math.log(one.clips_per_s) for one in self.series)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a series of nights is of: a case on one chip, measured in one way."""

    case: str
    unit: str
    fingerprint: Fingerprint

    @property
    def cell(self) -> str:
        """The case without its device: what is compared with other chips of the kind."""
        return cell_of(self.case)


@dataclass(frozen=True, slots=True)
class Night:
    """What the statistics of speed need of a record.

    log_s: the mean of its logarithms over all its series, those as a control too; None: nothing was timed.
    series: how many they are. apart: the sum of the squares of their distances from the mean.
    """

    number: int
    began: str
    run: str
    word: Word
    ratio: float
    log_s: float | None
    series: int
    apart: float

    @property
    def clips_per_s(self) -> float:
        return math.nan if self.log_s is None else math.exp(-self.log_s)


@dataclass(frozen=True, slots=True)
class Accepted:
    """That a person takes what a subject now does for what it should do.

    since: the number of the first night that counts. at: of the last night that the person saw; what was
    found slow between the two counts as well. by: the name of the user. when: in UTC.
    """

    case: str
    unit: str
    fingerprint: Fingerprint
    since: int
    at: int
    run: str
    by: str
    why: str
    when: str

    @property
    def subject(self) -> Subject:
        return Subject(self.case, self.unit, self.fingerprint)


def cell_of(case: str) -> str:
    """`tsm-bs16` of `tsm-bs16-npu0`."""
    found = re.match(r".+-bs\d+(?=-)", case)
    return found[0] if found else case.rpartition("-")[0]
