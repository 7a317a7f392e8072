"""What clipgate sees of a graph's file, as lines for a person: first which of our models it fits."""

from __future__ import annotations

import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tools.deployment import onnx_file, signature
from tools.deployment.matching import Match, match
from tools.engines.ascend import om, om_header
from tools.engines.ports import Port
from tools.errors import GraphError, visible
from tools.machine.files import sha256
from tools.spec.case import BATCHES
from tools.spec.given import OM, ONNX
from tools.spec.model import Spec

if TYPE_CHECKING:
    import onnx

Row = tuple[str, str]
COLUMNS, LABEL = 110, 14
SHOWN = 2000  # characters of a text that a file holds
FEW = 8  # ports, or files, that a row names
NOT_TOLD = "not told"
BY_RUNTIME = "not told; the device's runtime says them when it loads the model"


def lines(path: Path, specs: Sequence[Spec], batches: Sequence[int] = BATCHES, options: Sequence[str] = ()) -> list[str]:
    """All that is told of the file at *path*, beside the models *specs* at *batches*.

    options: what a command that judges the graph needs besides, as for models of another folder.

    Raises:
        GraphError: it is no file, or neither an ONNX graph nor an offline model of CANN, or a graph whose
            weights lie outside its folder.
    """
    found = signature.kind(path)
    if found == signature.OFFLINE:
        return _offline(path)
    model = signature.onnx_model(path)
    if model is None or not model.graph.node:
        otherwise = om_header.UNKNOWN if path.suffix == OM else "the file is no ONNX graph, or is cut off"
        raise GraphError(f"the file is {found}, and neither {signature.ONNX} nor {signature.OFFLINE}" if found else otherwise,
                         where=str(path), remedy="name an ONNX graph, or a model that atc compiled")
    onnx_file.require_beside(path, onnx_file.external(model))
    ports = onnx_file.ports(model)
    matches = [match(ports, spec, network, batches) for spec in specs for network in spec.networks]
    return [*_verdict(path, model, matches), "", *_matched(path, matches, options), "",
            *_table([*_file(path), *_facts(model), *_beside(path, model)[0]])]


def _verdict(path: Path, model: onnx.ModelProto, matches: Sequence[Match]) -> Iterator[str]:
    fits = [one.name for one in matches if one.batches]
    perhaps = [one.name for one in matches if one.unsaid]
    found = f"fits {', '.join(fits)}" if fits else f"may be {', '.join(perhaps)}" if perhaps else "fits none of the models"
    yield visible(f"{path.name} {found}.")
    if missing := _beside(path, model)[1]:
        yield _shown(f"Its weights are missing: {_few(missing)}. Keep them beside the graph.")
    yield from _renamed(path, ONNX)


def _matched(path: Path, matches: Iterable[Match], options: Sequence[str]) -> Iterator[str]:
    """A line for each network, those that fit first, with the command that judges the graph as that."""
    ordered = sorted(matches, key=lambda one: (not one.batches, not one.unsaid))
    told = {one.name: _shown(one.told) for one in ordered}
    width = max((len(told[one.name]) for one in ordered if one.batches), default=0)
    for one in ordered:
        command = f"   {one.command(path, options)}" if one.batches else ""
        yield f"  {one.name:<{LABEL - 2}}{told[one.name]:<{width}}{visible(command)}".rstrip()


def _facts(model: onnx.ModelProto) -> list[Row]:
    """What the graph says of itself."""
    ports = onnx_file.ports(model)
    kinds = Counter(_qualified(node.domain, node.op_type) for node in model.graph.node)
    opsets = [f"{one.version} ({one.domain or 'ai.onnx'})" for one in model.opset_import]
    operators = ", ".join(f"{name} {count}" for name, count in sorted(kinds.items(), key=lambda one: (-one[1], one[0])))
    inside = [tensor for tensor in model.graph.initializer if tensor.data_location != tensor.EXTERNAL]
    held = sum(len(tensor.raw_data) or tensor.ByteSize() for tensor in inside)
    return [("inputs", _ports(ports.inputs)), ("outputs", _ports(ports.outputs)), ("opset", ", ".join(opsets) or NOT_TOLD),
            ("IR version", str(model.ir_version)),
            ("producer", f"{model.producer_name} {model.producer_version}".strip() or NOT_TOLD),
            ("nodes", f"{len(model.graph.node)}: {operators}"),
            ("constants", f"{len(model.graph.initializer)}, with {_bytes(held)} in the graph itself"),
            ("precision", onnx_file.precision(model))]


def _beside(path: Path, model: onnx.ModelProto) -> tuple[list[Row], list[str]]:
    """The files of weights beside the graph, and which of them are missing."""
    names = onnx_file.external(model)
    there = [name for name in names if signature.is_there(path.parent / name)]
    size = sum((path.parent / name).stat().st_size for name in there)
    rows = [("beside it", f"{_few(there)}: {_bytes(size)}")] * bool(there)
    return rows, [name for name in names if name not in there]


def _offline(path: Path) -> list[str]:
    model = om_header.read(path)
    header, told = model.header, model.attributes
    wrong, judged = om.refusal(path), f"pytest -m MODEL --device npu:0 --graph {shlex.quote(str(path))}"
    rows = [("chip", told.soc_version), ("atc", told.atc_version), ("operators", told.opp_version), ("framework", told.framework_type),
            ("command", told.atc_cmdline), ("name", header.name), ("kind", header.kind),
            ("models in it", str(header.models or "")), ("shapes", "free" if header.dynamic else ""),
            ("inputs", BY_RUNTIME), ("outputs", BY_RUNTIME), ("format", f"{header.version:#x}, IR version {header.ir_version}"),
            ("platform", f"{header.platform or NOT_TOLD}, type {header.platform_type}"), ("user's words", header.user_info),
            ("computing", f"{header.ops} thousand operations" if header.ops else ""),
            ("parts", ", ".join(f"{one.name} {_bytes(one.end - one.start)}" for one in model.parts))]
    return [f"{visible(path.name)} is {signature.OFFLINE}{f' for {visible(told.soc_version)}' * bool(told.soc_version)}.",
            visible(f"Which model it fits is not told; the device's runtime says that: {judged}"),
            *[f"aclruntime refuses this file: {wrong}."] * bool(wrong and path.suffix == OM), *_renamed(path, OM), "",
            *_table([*_file(path), *((label, text or NOT_TOLD) for label, text in rows)])]


def _file(path: Path) -> list[Row]:
    return [("size", _bytes(path.stat().st_size)), ("sha256", sha256(path))]


def _renamed(path: Path, suffix: str) -> list[str]:
    return [f"--graph wants a name that ends in {suffix}: rename the file."] * (path.suffix != suffix)


def _table(rows: Iterable[Row]) -> Iterator[str]:
    for label, text in rows:
        yield from textwrap.wrap(_shown(text), COLUMNS, initial_indent=f"{label:<{LABEL}}", subsequent_indent=" " * LABEL,
                                 break_long_words=False, break_on_hyphens=False)


def _shown(text: str) -> str:
    """What a file says, on one line of a length that can be read."""
    return visible(text if len(text) <= SHOWN else f"{text[:SHOWN]}...").replace("\n", " ")


def _ports(ports: Sequence[Port]) -> str:
    return _few([str(port) for port in ports]) or "none"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")


def _qualified(domain: str, operator: str) -> str:
    return operator if domain in ("", "ai.onnx") else f"{domain}::{operator}"


def _bytes(size: int) -> str:
    return f"{size} bytes" if size < 10**5 else f"{size / 1e6:.1f} MB"
