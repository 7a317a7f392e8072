"""Where things stand in a model's .py, and what its calls of our classes get wrong; nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import MappingProxyType

from tools.spec.bins import Bins
from tools.spec.faults import Faults, Place
from tools.spec.mini import RENAMED, MiniSpec, MiniVideos
from tools.spec.model import Atc, LocaliserSpec, ModelSpec, Network, Preprocess, ProposalSpec, Sampling, Tensor

KINDS: Mapping[str, type] = MappingProxyType({kind.__name__: kind for kind in (
    Atc, Bins, LocaliserSpec, MiniSpec, MiniVideos, ModelSpec, Network, Preprocess, ProposalSpec, Sampling, Tensor)})


def lines_of(path: Path) -> dict[Place, int]:
    """The line of each value of SPEC, by the names that lead to it; what another name stands for has none."""
    found: dict[Place, int] = {}
    for node in _parsed(path).body:
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "SPEC" for one in node.targets):
            found[("SPEC",)] = node.lineno
            found |= _inside(node.value, ())
    return found


def _inside(node: ast.expr, at: Place) -> dict[Place, int]:
    found: dict[Place, int] = {}
    for name, value in _given(node) if isinstance(node, ast.Call) else ():
        found |= {(*at, name): value.lineno, **_inside(value, (*at, name))}
    return found


def _given(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """What a call of one of our classes gives, each with the name of its field."""
    kind = _kind(call)
    names = [field.name for field in fields(kind)] if kind else []
    yield from zip(names, call.args, strict=False)
    yield from ((keyword.arg, keyword.value) for keyword in call.keywords if kind and keyword.arg)


def check_calls(path: Path) -> None:
    """Check that each call of our classes gives what they take.

    Raises:
        TruthError: naming every argument that is unknown, missing or too many, with its line.
    """
    faults = Faults()
    lines: dict[Place, int] = {}
    for call in ast.walk(_parsed(path)):
        kind = _kind(call) if isinstance(call, ast.Call) else None
        if kind is None or not isinstance(call, ast.Call):
            continue
        for line, sentence in _wrong(call, kind):
            lines[(line,)] = line
            faults.add((line,), f"{kind.__name__} {sentence}")
    faults.settle(path, lambda: lines, "tools/spec/model.py and mini.py say what each of them takes")


def _wrong(call: ast.Call, kind: type) -> Iterator[tuple[int, str]]:
    known = {field.name: field for field in fields(kind)}
    for keyword in call.keywords:
        if keyword.arg in RENAMED and RENAMED[keyword.arg] in known:
            yield keyword.lineno, f"calls {keyword.arg} {RENAMED[keyword.arg]} now: write that name"
        elif keyword.arg is not None and keyword.arg not in known:
            yield keyword.lineno, f"has no {keyword.arg}; it takes {', '.join(known)}"
    if len(call.args) > len(known):
        yield call.lineno, f"takes {len(known)} values, and is given {len(call.args)}"
    given = {RENAMED.get(name, name) for name, _ in _given(call)}
    missing = [name for name, field in known.items() if name not in given and _required(field)]
    if missing and not _spread(call):
        yield call.lineno, f"lacks {', '.join(missing)}"


def _required(field: Field[object]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _spread(call: ast.Call) -> bool:
    """Whether it gives more than can be read, by * or **."""
    return any(isinstance(one, ast.Starred) for one in call.args) or any(keyword.arg is None for keyword in call.keywords)


def _kind(call: ast.Call) -> type | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    return KINDS.get(name)


def _parsed(path: Path) -> ast.Module:
    """The file as it is written; empty where it is no Python, which whoever runs it says."""
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
