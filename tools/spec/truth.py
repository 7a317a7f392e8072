"""Reads a model's toml into frozen values; an unknown or missing key is an error that names it."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, TypeVar

from tools.errors import TruthError
from tools.spec import toml_tables
from tools.spec.chips import is_simulated
from tools.spec.figures import METRICS, Figure, Provenance
from tools.spec.toml_tables import Table

FIGURE_KEYS = {field.name for field in fields(Figure)} - {"origin", "source"}  # those two are filled in here
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
    """Net loss against the torch reference on the same clips: the larger of the two is allowed."""

    max_loss_clips: int
    max_loss_share: float


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
    """What a measured rate must reach.

    max_variation: the spread above which times are not judged.
    max_slowdown: the share of a stored rate that may be missing.
    t4: the T4 column that ratios are taken against, if any. min_t4_ratio: the least ratio of a device's card.
    judge_by: whether a published or a recorded figure judges where both are stored of a chip and batch size.
    """

    max_variation: float
    max_slowdown: float
    t4: str | None = None
    min_t4_ratio: Mapping[str, float] = field(default_factory=dict)
    judge_by: Provenance = "published"


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
    weights: those of a model of one network. network_weights: those of a model of several, by name.
    pairs: how a recogniser is judged beside torch. recall: how a localiser is.
    """

    path: Path
    dataset: str
    weights: PublishedWeights | None
    network_weights: Mapping[str, PublishedWeights]
    accuracy: AccuracyGate
    pairs: PairsGate | None
    recall: RecallGate | None
    fidelity: Mapping[str, FidelityGate]
    throughput: ThroughputGate
    figures: tuple[Figure, ...]
    archive: tuple[Figure, ...]
    known_issues: tuple[KnownIssue, ...]

    def figure(self, id: str) -> Figure:
        for figure in self.figures:
            if figure.id == id:
                return figure
        raise TruthError(f"no figure has the id {id!r}", where=str(self.path),
                         remedy="gates name figures by their id; those of [archive] judge nothing")

    def rate(self, device: str, batch: int, network: str = "") -> Figure | None:
        """The stored clips per second of *device* at *batch*, of the whole model or of one of its networks.

        Where a published and a recorded one are stored, judge_by of [gates.throughput] decides.
        """
        return self.preferred([figure for figure in self.figures
                               if (figure.device, figure.metric, figure.batch, figure.network) == (device, "throughput", batch, network)])

    def preferred(self, figures: Sequence[Figure]) -> Figure | None:
        """The first of *figures* that has the provenance of judge_by; else the first."""
        return min(figures, key=lambda figure: figure.provenance != self.throughput.judge_by, default=None)


def read_truth(path: Path) -> Truth:
    """Read and check *path*.

    Raises:
        TruthError: naming the table and the key that is unknown, missing or of the wrong type.
    """
    table = _load(path)
    weights, network_weights = _weights(table, path)
    gates = _gates(table, path)
    truth = Truth(
        path=path,
        dataset=str(table["dataset"]),
        weights=weights,
        network_weights=network_weights,
        accuracy=_gate(AccuracyGate, gates, "accuracy", path),
        pairs=_gate(PairsGate, gates, "pairs", path) if "pairs" in gates else None,
        recall=_gate(RecallGate, gates, "recall", path) if "recall" in gates else None,
        fidelity={name: toml_tables.fill(FidelityGate, row, f"{path} [gates.fidelity.{name}]")
                  for name, row in toml_tables.sections(toml_tables.section(gates, "fidelity", path), f"{path} [gates.fidelity]")},
        throughput=_gate(ThroughputGate, gates, "throughput", path),
        figures=_figures(table, "figures", path),
        archive=_figures(table, "archive", path) if "archive" in table else (),
        known_issues=_known_issues(table, path),
    )
    _check(truth)
    return truth


def _load(path: Path) -> Table:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # no toml, no text, too long a number, tables too deep
        raise TruthError(f"cannot be read: {error}", where=str(path), remedy="every model has a toml beside its .py") from error
    toml_tables.refuse_unknown(table, {"dataset", "sources", "weights", "gates", "figures", "archive", "known_issues"}, str(path))
    if not isinstance(table.get("dataset"), str):
        raise TruthError("dataset is missing or no text", where=str(path))
    return table


def _known_issues(table: Table, path: Path) -> tuple[KnownIssue, ...]:
    rows = toml_tables.rows(table.get("known_issues", []), f"{path} known_issues")
    return tuple(toml_tables.fill(KnownIssue, row, f"{path} [[known_issues]] {number}") for number, row in enumerate(rows, 1))


def _gates(table: Table, path: Path) -> Table:
    gates = toml_tables.section(table, "gates", path)
    toml_tables.refuse_unknown(gates, {"accuracy", "pairs", "recall", "fidelity", "throughput"}, f"{path} [gates]")
    if ("pairs" in gates) == ("recall" in gates):
        raise TruthError("needs either [gates.pairs] or [gates.recall]", where=f"{path} [gates]",
                         remedy="a recogniser is judged clip by clip, a proposal network by its recall")
    return gates


def _gate(kind: type[T], gates: Table, name: str, path: Path) -> T:
    return toml_tables.fill(kind, toml_tables.section(gates, name, path), f"{path} [gates.{name}]")


def _weights(table: Table, path: Path) -> tuple[PublishedWeights | None, dict[str, PublishedWeights]]:
    """The checkpoint of [weights], or one for each [weights.<network>]; a model may have neither."""
    if "weights" not in table:
        return None, {}
    found, where = toml_tables.section(table, "weights", path), f"{path} [weights"
    if not any(isinstance(row, dict) for row in found.values()):
        return toml_tables.fill(PublishedWeights, found, f"{where}]"), {}
    return None, {name: toml_tables.fill(PublishedWeights, row, f"{where}.{name}]")
                  for name, row in toml_tables.sections(found, f"{where}]")}


def _check(truth: Truth) -> None:
    """Check that every figure, device and network that is named is stored."""
    where = f"{truth.path} [gates.accuracy.references]"
    if not truth.accuracy.references:
        raise TruthError("names no figure", where=where, remedy=f"name one for any of {', '.join(METRICS)}")
    for metric, id in truth.accuracy.references.items():
        if metric not in METRICS:
            raise TruthError(f"unknown metric {metric}", where=where, remedy=f"known here: {', '.join(METRICS)}")
        if truth.figure(id).metric != metric:
            raise TruthError(f"{id} is a figure of {truth.figure(id).metric}, not of {metric}", where=where)
    _check_devices(truth)
    for network in truth.network_weights:
        if network not in {figure.network for figure in truth.figures}:
            raise TruthError(f"no figure is of the network {network!r}", where=f"{truth.path} [weights.{network}]")
    for id, count in Counter(figure.id for figure in (*truth.figures, *truth.archive)).items():
        if count > 1:
            raise TruthError(f"{count} figures have the id {id!r}", where=str(truth.path))


def _check_devices(truth: Truth) -> None:
    if truth.throughput.t4 not in {None, *(figure.device for figure in truth.figures)}:
        raise TruthError(f"no figure is of the device {truth.throughput.t4!r}", where=f"{truth.path} [gates.throughput]")
    for device in truth.throughput.min_t4_ratio:
        if device not in {figure.device for figure in truth.figures}:
            raise TruthError(f"no figure is of the device {device!r}", where=f"{truth.path} [gates.throughput] min_t4_ratio")


def _figures(table: Table, name: str, path: Path) -> tuple[Figure, ...]:
    sources = toml_tables.section(table, "sources", path)
    found = []
    for origin, rows in toml_tables.section(table, name, path).items():
        if origin not in sources:
            raise TruthError(f"[{name}] {origin} has no entry in [sources]", where=str(path))
        for row in toml_tables.rows(rows, f"{path} [{name}] {origin}"):
            where, source = f"{path} [{name}] {row.get('id')}", f"{sources[origin]}, section {row.get('section')}"
            toml_tables.refuse_unknown(row, FIGURE_KEYS, where)
            figure = toml_tables.fill(Figure, {**row, "origin": origin, "source": source}, where)
            if is_simulated(figure.device):
                raise TruthError("was measured on a simulation, and judges nothing", where=where, remedy="take it out")
            if figure.contradiction:
                raise TruthError(figure.contradiction, where=where)
            found.append(figure)
    return tuple(found)
