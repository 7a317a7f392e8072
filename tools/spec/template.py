"""The two files of a new model, made of those of one that is there: a line explains every value."""

from __future__ import annotations

import ast
import configparser
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from types import FunctionType

from tools.errors import OptionError
from tools.spec.case import CONTROL
from tools.spec.catalog import load_spec, load_truth, model_names
from tools.spec.model import LocaliserSpec, ModelSpec, Network, Spec
from tools.spec.settings import ROOT
from tools.spec.template_words import words
from tools.spec.truth import EXACT, Truth

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
OPERATORS = {"and", "or", "not", "True", "False", "None"}  # words of pytest's -m; other keywords of Python can be markers
OF_PYTEST = {"filterwarnings", "parametrize", "skip", "skipif", "tryfirst", "trylast", "usefixtures", "xfail", "benchmark"}
BATCH = re.compile(r"bs\d+")
ON_ONE_LINE = {"Tensor", "Atc", "ProposalSpec"}
LEFT_OUT = {"bins", "optional_surgery", "auto_tune", "own"}  # what a model can do without, or nobody writes
KIND = re.compile(r"\b([A-Z]\w+)\(")
START = "Every value is that of {like}, as a start: replace what differs in your model."
TOML = """# What judges {name}.
{start}

# the whole data set, in words
dataset = {dataset}

# beside torch on the same data
[gates.{header}]
{gate}

# how far the scores of a device that computes in float32 may be from torch's; without limits of their own,
# devices of other precisions are held against a floor
[gates.fidelity.{exact}]
{fidelity}

# Nothing else is needed. What somebody has published goes into tables of its own: the checkpoint into
# [weights], accuracies and rates with their source into [sources], [figures] and [gates.accuracy].
# suites/README.md, 'Stored numbers', says how. What you measure yourself, python -m tools.record stores,
# that of a GPU with its engine and precision.
"""
IMPORT = re.compile(r"^from tools\.spec import .+\n", re.MULTILINE)


def write(name: str, like: str, folder: Path, models: Path, families: Collection[str]) -> tuple[Path, Path]:
    """Write the files of the model *name* into *folder*, made of those of *like* there or in *models*.

    Raises:
        OptionError: the name cannot be a model's or is taken, there is no model *like*, or nothing can be
            written.
        TruthError: the files of *like* are wrong.
    """
    require_free(name, folder, families)
    home = folder if (folder / f"{like}.py").is_file() else models
    spec, truth = load_spec(home, like), load_truth(home, like)
    texts = {folder / f"{name}.py": python(name, spec, (home / f"{like}.py").read_text(encoding="utf-8")),
             folder / f"{name}.toml": toml(name, like, truth)}
    begun: list[Path] = []
    try:
        folder.mkdir(exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                begun.append(path)
                file.write(text)
    except OSError as error:
        for path in begun:
            path.unlink()
        raise OptionError(f"the files cannot be written: {error.strerror}", where=str(folder),
                          remedy="--models takes a folder that you may write to") from error
    return folder / f"{name}.py", folder / f"{name}.toml"


def require_free(name: str, folder: Path, families: Collection[str]) -> None:
    """Refuse a name that no model can have, or that is taken: by a file, a marker or a device."""
    if not NAME.fullmatch(name):
        raise OptionError(f"{name!r} cannot name a model", where="NAME", remedy="begin with a letter; letters, digits and _ may follow")
    if name == "conftest" or name.startswith("test_"):
        raise OptionError(f"pytest takes {name}.py for a file of its own", where="NAME", remedy="choose another name")
    if name == CONTROL:
        raise OptionError(f"{name!r} is the fixed graph that doubtful cells are measured in turn with", where="NAME",
                          remedy="choose another name")
    if name in OPERATORS:
        raise OptionError(f"pytest -m takes {name!r} for a word of its own", where="NAME", remedy="choose another name")
    if name in {*OF_PYTEST, *families, *_markers()} or BATCH.fullmatch(name):
        raise OptionError(f"{name!r} is a marker already: pytest -m {name} selects something else", where="NAME",
                          remedy="choose another name")
    taken = [path for path in (folder / f"{name}.py", folder / f"{name}.toml") if path.exists()]
    if taken:
        raise OptionError(f"{name!r} is taken, and nothing is overwritten", where=", ".join(map(str, taken)), remedy=(
            f"choose a name other than {', '.join(model_names(folder))}" if list(folder.glob("*.py")) else "choose another name"))


def _markers() -> set[str]:
    """The markers that pytest.ini declares."""
    read = configparser.ConfigParser(interpolation=None)
    read.read(ROOT / "pytest.ini", encoding="utf-8")
    return {line.partition(":")[0].partition("(")[0].strip() for line in read.get("pytest", "markers").splitlines() if line}


def python(name: str, spec: Spec, source: str) -> str:
    """The .py: what *source*, the file of *spec*, has before SPEC, and the values of SPEC, each explained."""
    named = replace(spec, network=replace(spec.network, name=name)) if isinstance(spec, ModelSpec) else replace(spec, name=name)
    lines = list(_call(named, name, 0))
    used = sorted({kind for line in lines if not line.lstrip().startswith("#") for kind in KIND.findall(line)})
    about = f'"""{name}: say here what it is, and where its pipeline is from.\n\n{START.format(like=spec.name)}\n"""\n'
    head = IMPORT.sub(lambda _: f"from tools.spec import {', '.join(used)}\n", _before(source), count=1)
    return f"{about}{head}SPEC = {lines[0]}\n" + "\n".join(lines[1:]) + "\n"


def _before(source: str) -> str:
    """The lines of a model's file between what it says of itself and SPEC: what SPEC may need."""
    tree = ast.parse(source)
    begin = tree.body[0].end_lineno if ast.get_docstring(tree) is not None else 0
    end = next(node.lineno for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)
               and "SPEC" in {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)})
    return "".join(source.splitlines(keepends=True)[begin : end - 1])


def _call(value: object, name: str, depth: int, *, several: bool = False) -> Iterator[str]:
    """The lines of a call that makes *value*, one of *several* networks or not; the first has no indent."""
    indent, kind = "    " * (depth + 1), "Part" if several else type(value).__name__
    yield f"{type(value).__name__}("
    for field, found in _told(value):
        yield from (f"{indent}# {line}" for line in words(kind, field, name))
        whole = is_dataclass(found) and type(found).__name__ not in ON_ONE_LINE
        part = isinstance(value, LocaliserSpec) and isinstance(found, Network)
        first, *inner = _call(found, name, depth + 1, several=part) if whole else [_short(found)]
        *between, last = [f"{indent}{field}={first}", *inner]
        yield from [*between, f"{last},"]
    yield f"{'    ' * depth})"


def _told(value: object) -> Iterator[tuple[str, object]]:
    """What is said of *value*: all that has no default, and what differs from its default."""
    for field in fields(value):  # type: ignore[arg-type]
        found = getattr(value, field.name)
        if field.name not in LEFT_OUT and (field.default is MISSING or found != field.default):
            yield field.name, found


def _short(value: object) -> str:
    if isinstance(value, FunctionType):
        return value.__name__
    if is_dataclass(value):
        return f"{type(value).__name__}({', '.join(f'{name}={_short(one)}' for name, one in _told(value))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))}{',' if len(value) == 1 else ''})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def toml(name: str, like: str, truth: Truth) -> str:
    """The .toml: what must be there, and nothing that somebody would have to have published."""
    gate, header = (truth.pairs, "pairs") if truth.pairs else (truth.recall, "recall")
    return TOML.format(name=name, start=f"# {START.format(like=like)}", dataset=_short(truth.dataset), header=header,
                       gate=_table(gate, name), exact=EXACT, fidelity=_table(truth.fidelity[EXACT], name))


def _table(gate: object, name: str) -> str:
    lines = ((*(f"# {line}" for line in words(type(gate).__name__, field, name)), f"{field} = {_short(found)}")
             for field, found in _told(gate))
    return "\n".join(line for block in lines for line in block)
