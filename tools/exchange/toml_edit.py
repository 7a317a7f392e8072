"""Recorded figures and limits as text of a model's toml: rows and tables are put in line by line, everything else stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.errors import RecordError, TruthError
from tools.spec.figures import RECORDED
from tools.spec.truth import FidelityGate, Truth, read_truth

HEADER = re.compile(r"\[\[?[\w.\"' -]+\]\]?\s*(#.*)?$")
SOURCE = "measured with what a row's section names, and stored by python -m tools.record"
BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A figure to be recorded: one a device, network, metric and batch size. section: tool, date and place; note: the rest."""

    device: str
    network: str
    batch: int
    metric: str
    value: float
    unit: str
    section: str
    note: str

    @property
    def id(self) -> str:
        parts = (RECORDED, self.device, self.network, "" if self.metric == "throughput" else self.metric, f"bs{self.batch}")
        return "-".join(part for part in parts if part)

    @property
    def row(self) -> str:
        texts = {"id": self.id, **({"network": self.network} if self.network else {}), "device": self.device}
        more = {"unit": self.unit, "kind": "raw", "status": "ok", "section": self.section, "note": self.note}
        return f"    {{{_pairs(texts)}, batch = {self.batch}, metric = {_text(self.metric)}, value = {self.value!r}, {_pairs(more)}}},"


@dataclass(frozen=True, slots=True)
class Limits:
    """Fidelity limits to be recorded for a precision on a kind of chip (`fp16-310P3`); *note* says how they were found."""

    name: str
    gate: FidelityGate
    note: str


def with_figure(text: str, figure: Baseline) -> str:
    """*text* with the figure's row: in the place of the row of its id, or the last of `recorded`, which is made if need be."""
    lines = text.splitlines()
    start, end = _table(lines, "figures")
    opening = next((at for at in range(start, end) if re.match(rf"{RECORDED}\s*=\s*\[", lines[at])), None)
    if opening is None:
        lines[end:end] = [f"{RECORDED} = [", figure.row, "]"]
    else:
        closing = next((at for at in range(opening + 1, end) if lines[at].strip() == "]"), None)
        if closing is None:
            raise RecordError(f"[figures] {RECORDED} has no closing bracket on a line of its own", where="[figures]", remedy="write one")
        same = next((at for at in range(opening, closing) if f"id = {_text(figure.id)}," in lines[at]), closing)
        lines[same : same + (same < closing)] = [figure.row]
    start, end = _table(lines, "sources")
    if not any(re.match(rf"{RECORDED}\s*=", line) for line in lines[start:end]):
        lines.insert(end, f"{RECORDED} = {_text(SOURCE)}")
    return _joined(lines, text)


def with_limits(text: str, limits: Limits) -> str:
    """*text* with the table of these limits: in the place of the one of its name, or after the last of [gates.fidelity]."""
    name = limits.name if BARE.fullmatch(limits.name) else _text(limits.name)
    gate = limits.gate
    table = [f"[gates.fidelity.{name}] # {limits.note}", f"max_relative_difference = {gate.max_relative_difference!r}",
             f"min_cosine = {gate.min_cosine!r}", f"max_flipped_share = {gate.max_flipped_share!r}"]
    lines = text.splitlines()
    known = [at for at, line in enumerate(lines) if line.startswith("[gates.fidelity.")]
    same = next((at for at in known if lines[at].startswith(f"[gates.fidelity.{name}]")), None)
    if same is not None:
        lines[same : _end(lines, same)] = table
    elif known:
        end = _end(lines, known[-1])
        lines[end:end] = ["", *table]
    else:
        raise RecordError("there is no table [gates.fidelity.fp32] to put the limits after", where="[gates.fidelity]", remedy="write it")
    return _joined(lines, text)


def checked(path: Path, text: str, figures: Sequence[str] = (), limits: Sequence[str] = ()) -> Truth:
    """The truth that *text* would be in the place of *path*, if only these figures and limits differ.

    Raises:
        RecordError: the text cannot be read back, or something else would change.
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


def _table(lines: Sequence[str], name: str) -> tuple[int, int]:
    """The first line of a table's content, and the line after its last that is neither empty nor a comment."""
    header = next((at for at, line in enumerate(lines) if re.match(rf"\[\s*{name}\s*\]", line)), None)
    if header is None:
        raise RecordError(f"there is no line [{name}]", where=f"[{name}]", remedy="the toml must have the table")
    return header + 1, _end(lines, header)


def _end(lines: Sequence[str], header: int) -> int:
    following = next((at for at in range(header + 1, len(lines)) if HEADER.match(lines[at])), len(lines))
    return next((at + 1 for at in range(following - 1, header, -1) if lines[at].strip() and not lines[at].startswith("#")), header + 1)


def _joined(lines: Sequence[str], text: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    return newline.join(lines) + newline


def _pairs(texts: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {_text(value)}" for name, value in texts.items())


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
