"""Puts recorded figures and limits into a model's toml; everything else in it stays byte for byte."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tools.errors import RecordError, TruthError
from tools.machine.reading import positive
from tools.spec.figures import RECORDED
from tools.spec.toolchain import Engine, Toolchain
from tools.spec.truth import FidelityGate, Truth, read_truth

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.container import Container
    from tomlkit.items import Item, Key, Table

SOURCE = "measured with what a row's section names, and stored by python -m tools.record"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFigure:
    """A figure to be recorded; section: the tool, date and place of its measurement; note: the rest.

    engine, precision: how it was measured; empty where its device has one way only.
    """

    device: str
    network: str
    batch: int
    metric: str
    value: float
    unit: str
    section: str
    note: str
    engine: Engine = ""
    precision: str = ""

    def __post_init__(self) -> None:
        """Refuse, with a RecordError, a value that others could not be divided by."""
        for value in (self.value, self.batch):
            positive(value, self.section, RecordError, f"what was measured of {self.device} is", "measure it again")

    @property
    def name(self) -> str:
        """What it was measured of; no two recorded figures of a model have the same name.

        How it was measured belongs to it, where that is not the way in which its device is always measured.
        """
        way = () if self.toolchain.usual and self.engine in ("", "trtexec") else (self.engine, self.precision)
        parts = (self.device, self.network, *way, "" if self.metric == "throughput" else self.metric, f"bs{self.batch}")
        return "-".join(part for part in parts if part)

    @property
    def toolchain(self) -> Toolchain:
        return Toolchain(self.engine, self.precision)

    @property
    def id(self) -> str:
        return f"{RECORDED}-{self.name}"

    @property
    def row(self) -> dict[str, str | int | float]:
        """The figure's row in the toml."""
        network = {"network": self.network} if self.network else {}
        way = {name: said for name, said in (("engine", self.engine), ("precision", self.precision)) if said}
        return {"id": self.id, **network, "device": self.device, "batch": self.batch, "metric": self.metric, "value": self.value,
                "unit": self.unit, "kind": "raw", "status": "ok", **way, "section": self.section, "note": self.note}


@dataclass(frozen=True, slots=True)
class Limits:
    """Fidelity limits of a precision on a kind of chip (`fp16-310P3`); *note* says how they were measured."""

    name: str
    gate: FidelityGate
    note: str


def with_figure(text: str, figure: NewFigure) -> str:
    """*text* with the figure's row: in place of the row with its id, or as the last row of `recorded`.

    A toml that had no figures gets the tables for them.
    """
    import tomlkit

    document = tomlkit.parse(text)
    sources, figures = (_last_or_new(document, name) for name in ("sources", "figures"))
    row = tomlkit.inline_table()
    row.update(figure.row)
    rows = figures.get(RECORDED)
    if rows is None:
        rows = tomlkit.array("[\n]")
        rows.add_line(row, indent="    ")
        _add(figures, RECORDED, rows)
    elif (same := next((at for at, there in enumerate(rows) if there["id"] == figure.id), None)) is not None:
        rows[same] = row
    else:
        rows.append(row)
    if RECORDED not in sources:
        _add(sources, RECORDED, tomlkit.string(SOURCE))
    return _text(document, text)


def with_limits(text: str, limits: Limits) -> str:
    """*text* with the table of these limits: in its place, or after the last one of [gates.fidelity]."""
    import tomlkit

    document = tomlkit.parse(text)
    known = _last(document, "gates", "fidelity")
    there = _pieces(document, "gates", "fidelity", limits.name)
    table = there[0] if there else tomlkit.table()
    table.comment(limits.note)
    table.update(asdict(limits.gate))
    if not there:
        if limits.name in known:
            raise _unwritten("gates", "fidelity", limits.name)
        following = _following(known.value.body[-1][1].value)
        known.append(limits.name, table)
        table.value.body.extend(following)
    return _text(document, text)


def checked(path: Path, text: str, figures: Sequence[str] = (), limits: Sequence[str] = ()) -> Truth:
    """The truth in *text*, which is to replace that of *path*.

    Raises:
        RecordError: the text cannot be read back, or more than these figures and limits would change.
    """
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(text.encode())
        try:
            found = replace(read_truth(copy), path=path)
        except TruthError as error:
            raise RecordError(f"the file would no longer be valid: {error.what}", where=str(path),
                              remedy="it is not laid out as the harness's own; nothing was written") from error

    def rest(truth: Truth) -> Truth:
        return replace(truth, figures=tuple(figure for figure in truth.figures if figure.id not in figures),
                       fidelity={name: gate for name, gate in truth.fidelity.items() if name not in limits})

    if rest(found) != rest(read_truth(path)):
        raise RecordError("another stored number would change as well", where=str(path), remedy="nothing was written; edit it by hand")
    return found


def _pieces(container: Container, name: str, *inner: str) -> list[Table]:
    """Every piece of a table: toml lets other tables stand between two pieces."""
    from tomlkit.items import Table

    found = [item for key, item in container.body if key is not None and key.key == name and isinstance(item, Table)]
    return [one for piece in found for one in _pieces(piece.value, *inner)] if inner else found


def _last(document: TOMLDocument, *path: str) -> Table:
    found = _pieces(document, *path)
    if not found:
        raise _unwritten(*path)
    return found[-1]


def _last_or_new(document: TOMLDocument, name: str) -> Table:
    """The table *name*; where the document has none, a new one at its end."""
    import tomlkit

    if name not in document:
        document.append(None, tomlkit.nl())
        document.append(name, tomlkit.table())
    return _last(document, name)


def _unwritten(*path: str) -> RecordError:
    header = f"[{'.'.join(path)}]"
    return RecordError(f"there is no table {header}", where=header, remedy="write it as a table of its own, under that header")


def _add(table: Table, name: str, item: Item) -> None:
    """Behind the last key of *table*."""
    following = _following(table.value)
    table.append(name, item)
    table.value.body.extend(following)


def _following(container: Container) -> list[tuple[Key | None, Item]]:
    """Take out the blank lines and comments behind the last key: they belong to the next table."""
    body = container.body
    end = max((at for at, (key, _) in enumerate(body, 1) if key is not None), default=0)
    found = body[end:]
    del body[end:]
    return found


def _text(document: TOMLDocument, before: str) -> str:
    """The document's text with the line ends of *before*: tomlkit adds lines without a carriage return."""
    text = document.as_string()
    return re.sub(r"\r?\n", "\r\n", text) if before.count("\r\n") == before.count("\n") else text
