"""Reads a model's toml into frozen values; an unknown or missing key is an error that names it. Never writes."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar, get_type_hints

from tools.errors import TruthError

Table = Mapping[str, object]
FigureKind = Literal["raw", "derived", "ratio"]
Kind = Literal["notimpl", "notyet", "never"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number somebody published: as printed, with the corrected value beside it where the print is wrong.

    kind: raw, derived (recomputed from *expression*) or ratio. batch is None for figures of no batch; best marks a
    figure over all of them. source is filled in from the toml's [sources] and the section.
    """

    id: str
    device: str
    metric: str
    value: float
    unit: str
    kind: FigureKind
    status: str
    section: str
    batch: int | None = None
    best: bool = False
    expression: str = ""
    corrected: float | None = None
    note: str = ""
    source: str = ""

    @property
    def right(self) -> float:
        """The value to compare with: the corrected one where there is one."""
        return self.value if self.corrected is None else self.corrected


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """The checkpoint the figures were made with."""

    file: str
    url: str
    sha256_prefix: str


@dataclass(frozen=True, slots=True)
class AccuracyGate:
    """Figure ids of the reference top-1 and top-5, and the drop they allow in absolute points."""

    top1: str
    top5: str
    max_drop: float


@dataclass(frozen=True, slots=True)
class PairsGate:
    """Net loss against the torch reference on the same clips: the larger of the two is allowed."""

    max_loss_clips: int
    max_loss_share: float


@dataclass(frozen=True, slots=True)
class FidelityGate:
    """How far a device's log-probabilities may lie from torch's, for one precision."""

    max_relative_difference: float
    min_cosine: float
    max_flipped_share: float


@dataclass(frozen=True, slots=True)
class ThroughputGate:
    """The T4 column that ratios are taken against, and the spread above which times carry no judgement."""

    t4: str
    max_variation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIssue:
    """A cell that cannot pass yet: becomes a strict xfail of that stage's error. batch 0 stands for every batch."""

    device: str
    batch: int
    kind: Kind
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything stored about one model."""

    path: Path
    dataset: str
    weights: PublishedWeights | None
    accuracy: AccuracyGate
    pairs: PairsGate
    fidelity: Mapping[str, FidelityGate]
    throughput: ThroughputGate
    figures: tuple[Figure, ...]
    known_issues: tuple[KnownIssue, ...]

    def figure(self, id: str) -> Figure:
        for figure in self.figures:
            if figure.id == id:
                return figure
        raise TruthError(f"no figure has the id {id!r}", where=str(self.path), remedy="gates name figures by their id")

    def rate(self, device: str, batch: int, network: str = "") -> Figure | None:
        """The stored throughput of *device* at *batch*, clips per second."""
        found = [figure for figure in self.figures
                 if (figure.device, figure.metric, figure.batch) == (device, "throughput", batch)]
        return found[0] if found else None


def read_truth(path: Path) -> Truth:
    """Read and check *path*.

    Raises:
        TruthError: naming the table and the key that is unknown, missing or of the wrong type.
    """
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise TruthError(f"cannot be read: {error}", where=str(path), remedy="every model has a toml beside its .py") from error
    known = {"dataset", "sources", "weights", "gates", "figures", "known_issues"}
    _refuse_unknown(table, known, str(path))
    gates = _table(table, "gates", path)
    _refuse_unknown(gates, {"accuracy", "pairs", "fidelity", "throughput"}, f"{path} [gates]")
    if not isinstance(table.get("dataset"), str):
        raise TruthError("dataset is missing or no text", where=str(path))
    truth = Truth(
        path=path,
        dataset=str(table["dataset"]),
        weights=_fill(PublishedWeights, _table(table, "weights", path), f"{path} [weights]") if "weights" in table else None,
        accuracy=_fill(AccuracyGate, _table(gates, "accuracy", path), f"{path} [gates.accuracy]"),
        pairs=_fill(PairsGate, _table(gates, "pairs", path), f"{path} [gates.pairs]"),
        fidelity={name: _fill(FidelityGate, row, f"{path} [gates.fidelity.{name}]")
                  for name, row in _tables(_table(gates, "fidelity", path), f"{path} [gates.fidelity]")},
        throughput=_fill(ThroughputGate, _table(gates, "throughput", path), f"{path} [gates.throughput]"),
        figures=_figures(table, path),
        known_issues=tuple(_fill(KnownIssue, row, f"{path} [[known_issues]] {number}")
                           for number, row in enumerate(_list(table.get("known_issues", []), f"{path} known_issues"), 1)),
    )
    for id in (truth.accuracy.top1, truth.accuracy.top5):
        truth.figure(id)
    if truth.throughput.t4 not in {figure.device for figure in truth.figures}:
        raise TruthError(f"no figure is of the device {truth.throughput.t4!r}", where=f"{path} [gates.throughput]")
    return truth


def _figures(table: Table, path: Path) -> tuple[Figure, ...]:
    sources = _table(table, "sources", path)
    found = []
    for source, rows in _table(table, "figures", path).items():
        if source not in sources:
            raise TruthError(f"[figures] {source} has no entry in [sources]", where=str(path))
        for row in _list(rows, f"{path} [figures] {source}"):
            text = f"{sources[source]}, section {row.get('section')}"
            found.append(_fill(Figure, {**row, "source": text}, f"{path} [figures] {row.get('id')}"))
    for id, count in Counter(figure.id for figure in found).items():
        if count > 1:
            raise TruthError(f"{count} figures have the id {id!r}", where=str(path))
    return tuple(found)


def _fill(kind: type[T], table: Table, where: str) -> T:
    """A frozen value from a toml table: every key known, every required key there, every type right."""
    hints = get_type_hints(kind)
    own = fields(kind)  # type: ignore[arg-type]
    _refuse_unknown(table, {field.name for field in own}, where)
    missing = [field.name for field in own if field.default is MISSING and field.name not in table]
    if missing:
        raise TruthError(f"{', '.join(missing)} is missing", where=where)
    for name, value in table.items():
        if not _fits(value, hints[name]):
            raise TruthError(f"{name} = {value!r} has the wrong type", where=where)
    return kind(**table)


def _fits(value: object, hint: object) -> bool:
    choices = getattr(hint, "__args__", None)
    if choices and all(isinstance(choice, str) for choice in choices):
        return value in choices
    accepted = choices or (hint,)
    return type(value) in accepted or (type(value) is int and float in accepted)


def _refuse_unknown(table: Table, known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise TruthError(f"unknown key {', '.join(unknown)}", where=where, remedy=f"known here: {', '.join(sorted(known))}")


def _table(table: Table, name: str, path: Path) -> Table:
    found = table.get(name)
    if not isinstance(found, dict):
        raise TruthError(f"[{name}] is missing", where=str(path))
    return found


def _tables(table: Table, where: str) -> list[tuple[str, Table]]:
    wrong = [name for name, row in table.items() if not isinstance(row, dict)]
    if wrong:
        raise TruthError(f"{', '.join(wrong)} should be a table", where=where)
    return list(zip(table, _list(list(table.values()), where), strict=True))


def _list(rows: object, where: str) -> list[Table]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TruthError("should hold tables only", where=where)
    return rows
