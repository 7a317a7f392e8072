"""Reads a model's toml into frozen values; all that is wrong with it is one error."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from tools.errors import STAGES, TruthError
from tools.spec.case import BATCHES
from tools.spec.faults import Faults, shown
from tools.spec.figure_rows import check_names, figures
from tools.spec.figures import Figure, Provenance, rates
from tools.spec.toml_lines import lines_of
from tools.spec.toml_tables import Part, Table
from tools.spec.toolchain import Toolchain

TABLES = ("dataset", "sources", "weights", "gates", "figures", "archive", "known_issues")
GATES = ("accuracy", "pairs", "recall", "fidelity", "throughput")
EXACT = "fp32"  # the limits of a device that computes as torch does; those of others are made from them
PAGE = "suites/README.md, 'Stored numbers', says what each table holds"
IssueKind = Literal["notimpl", "notyet", "never"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """The checkpoint the figures were made with; *url* and *sha256_prefix* are empty where unknown."""

    file: str
    url: str
    sha256_prefix: str


@dataclass(frozen=True, slots=True)
class AccuracyGate:
    """The figure that is the reference of each metric, by its id, and the drop they allow as a fraction."""

    references: Mapping[str, str]
    max_drop: float


@dataclass(frozen=True, slots=True)
class PairsGate:
    """Net loss against the torch reference on the same clips.

    Below 3,000 clips the larger of max_loss_clips and max_loss_share is allowed. On longer lists a loss
    counts if chance makes it with a probability of max_p at most, and if it is min_net_share of the clips.
    """

    max_loss_clips: int
    max_loss_share: float
    max_p: float = 0.001
    min_net_share: float = 0.001


@dataclass(frozen=True, slots=True)
class RecallGate:
    """How far average recall may be from torch's on the same videos, either way, as a fraction."""

    max_difference: float


@dataclass(frozen=True, slots=True)
class FidelityGate:
    """How far a device's log-probabilities may lie from torch's, for one precision."""

    max_relative_difference: float
    min_cosine: float
    max_flipped_share: float


@dataclass(frozen=True, slots=True)
class ThroughputGate:
    """What a measured rate must reach. The defaults are ours, and those of every toml here: no guide has any.

    max_variation: the spread above which times are not judged.
    max_slowdown: the share of a stored rate that may be missing.
    t4: the T4 column that ratios are taken against, if any. min_t4_ratio: the least ratio of a device's card.
    judge_by: whether a published or a recorded figure judges where both are stored of a chip and batch size.
    margin, step: shares of the time a clip takes. A speed is good if it is slower by the margin at most, and
    bad if it is slower by the step.
    """

    max_variation: float = 0.1
    max_slowdown: float = 0.05
    t4: str | None = None
    min_t4_ratio: Mapping[str, float] = field(default_factory=dict)
    judge_by: Provenance = "published"
    margin: float = 0.0
    step: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIssue:
    """A cell that cannot pass yet: a strict xfail of its stage's error. Batch 0 stands for all sizes."""

    device: str
    batch: int
    kind: IssueKind
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything stored about one model.

    figures: what gates, comparisons and tables read. archive: what else the sources print; nothing reads it.
    accuracy: None where nobody published any; then torch alone judges.
    weights: those of a model of one network. network_weights: those of a model of several, by name.
    pairs: how a recogniser is judged beside torch. recall: how a localiser is.
    """

    path: Path
    dataset: str
    weights: PublishedWeights | None
    network_weights: Mapping[str, PublishedWeights]
    accuracy: AccuracyGate | None
    pairs: PairsGate | None
    recall: RecallGate | None
    fidelity: Mapping[str, FidelityGate]
    throughput: ThroughputGate
    figures: tuple[Figure, ...]
    archive: tuple[Figure, ...]
    known_issues: tuple[KnownIssue, ...]

    @property
    def references(self) -> Mapping[str, str]:
        """The id of the published figure that judges each metric; empty where nobody published any."""
        return self.accuracy.references if self.accuracy else {}

    def figure(self, id: str) -> Figure:
        for figure in self.figures:
            if figure.id == id:
                return figure
        raise TruthError(f"no figure has the id {id!r}", where=str(self.path),
                         remedy="gates name figures by their id; those of [archive] judge nothing")

    def rate(self, device: str, batch: int, network: str = "", by: Toolchain | None = None) -> Figure | None:
        """The stored clips per second of *device* at *batch*, of the whole model or of one of its networks.

        by: measured in that way; without it in the usual one. Where a published and a recorded one are
        stored, judge_by of [gates.throughput] decides.
        """
        return self.preferred([figure for figure in rates(self.figures, device, batch, network)
                               if (figure.toolchain.same(by) if by else figure.toolchain.usual)])

    def preferred(self, figures: Sequence[Figure]) -> Figure | None:
        """The first of *figures* that has the provenance of judge_by; else the first."""
        return min(figures, key=lambda figure: figure.provenance != self.throughput.judge_by, default=None)


def read_truth(path: Path) -> Truth:
    """Read and check *path*.

    Raises:
        TruthError: naming every table and key that is unknown, missing or of the wrong type, with its line.
    """
    text, table = _load(path)
    root = Part(table, (), "", Faults())
    root.refuse_unknown(TABLES)
    if not isinstance(table.get("dataset"), str):
        root.wrong("dataset is missing or no text", "dataset")
    truth = _truth(root, path)
    check_names(root)
    root.faults.settle(path, lambda: lines_of(text), PAGE)
    return truth


def _load(path: Path) -> tuple[str, Table]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise TruthError(f"cannot be read: {error}", where=str(path), remedy="every model has a toml beside its .py") from error
    try:
        return text, tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no toml, too long a number, tables too deep
        raise TruthError(f"cannot be read as toml: {error}", where=str(path), remedy="correct that place first; "
                         "what else may be wrong is told once it can be read") from error


def _truth(root: Part, path: Path) -> Truth:
    """What could be read; faulty parts are left out."""
    gates = _gates(root)
    weights, network_weights = _weights(root)
    return Truth(
        path=path,
        dataset=str(root.table.get("dataset")),
        weights=weights,
        network_weights=network_weights,
        accuracy=_gate(AccuracyGate, gates, "accuracy"),
        pairs=_gate(PairsGate, gates, "pairs"),
        recall=_gate(RecallGate, gates, "recall"),
        fidelity=_fidelity(gates),
        throughput=_gate(ThroughputGate, gates, "throughput") or ThroughputGate(),
        figures=figures(root, "figures"),
        archive=figures(root, "archive"),
        known_issues=_known_issues(root),
    )


def _known_issues(root: Part) -> tuple[KnownIssue, ...]:
    found = []
    for row in root.rows("known_issues"):
        issue = row.fill(KnownIssue)
        if issue is not None and issue.batch not in (0, *BATCHES):
            row.wrong(f"batch = {issue.batch} is none of {', '.join(map(str, BATCHES))}, or 0 for all of them", "batch")
        if issue is not None and issue.stage not in STAGES:
            row.wrong(f"stage = {shown(issue.stage)} is none of {', '.join(STAGES)}", "stage")
        found += [issue] if issue is not None else []
    return tuple(found)


def _gates(root: Part) -> Part:
    gates = root.inner("gates")
    if gates is None:
        return Part({}, ("gates",), "[gates]", root.faults)
    gates.refuse_unknown(GATES)
    if ("pairs" in gates.table) == ("recall" in gates.table):
        gates.wrong("needs either [gates.pairs] or [gates.recall]: a recogniser is judged clip by clip, a proposal network by its recall")
    return gates


def _gate(kind: type[T], gates: Part, name: str) -> T | None:
    part = gates.inner(name) if name in gates.table else None
    return part.fill(kind) if part else None


def _fidelity(gates: Part) -> dict[str, FidelityGate]:
    if not gates.table:
        return {}  # that they are missing is said of all of them
    limits = gates.inner("fidelity")
    if limits and EXACT not in limits.table:
        limits.inner(EXACT)  # says that it is missing
    filled = {name: part.fill(FidelityGate) for name, part in (limits.inners() if limits else {}).items()}
    return {name: gate for name, gate in filled.items() if gate is not None}


def _weights(root: Part) -> tuple[PublishedWeights | None, dict[str, PublishedWeights]]:
    """The checkpoint of [weights], or one for each [weights.<network>]; a model may have neither."""
    found = root.inner("weights") if "weights" in root.table else None
    if found is None:
        return None, {}
    if not any(isinstance(row, dict) for row in found.table.values()):
        return found.fill(PublishedWeights), {}
    filled = {name: part.fill(PublishedWeights) for name, part in found.inners().items()}
    return None, {name: weights for name, weights in filled.items() if weights is not None}
