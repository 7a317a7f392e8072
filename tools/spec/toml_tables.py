"""Toml tables into frozen values; what is unknown, missing or of the wrong type is an error that names it.

msgspec would ignore unknown keys of a dataclass, name one missing key of several, and no table. Importing
pydantic takes a fifth of what a bare pytest takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import TypeVar, get_args, get_origin, get_type_hints

from tools.errors import TruthError
from tools.spec.ranges import outside

Table = Mapping[str, object]
T = TypeVar("T")
hints_of = cache(get_type_hints)  # else most of the time that reading figures takes


def fill(kind: type[T], table: Table, where: str) -> T:
    """A frozen value from a toml table: every key known, every required key there, each type and range right.

    Raises:
        TruthError: naming *where* and the key.
    """
    hints = hints_of(kind)  # type: ignore[arg-type]
    own = fields(kind)  # type: ignore[arg-type]
    refuse_unknown(table, {field.name for field in own}, where)
    required = [field.name for field in own if field.default is MISSING and field.default_factory is MISSING]
    missing = [name for name in required if name not in table]
    if missing:
        raise TruthError(f"{', '.join(missing)} is missing", where=where)
    for name, value in table.items():
        if not _fits(value, hints[name]):
            raise TruthError(f"{name} = {value!r} has the wrong type", where=where)
        if wrong := outside(name, value):
            raise TruthError(f"{name} {wrong}", where=where)
    return kind(**table)


def _fits(value: object, hint: object) -> bool:
    if get_origin(hint) is Mapping:
        return isinstance(value, dict) and all(_fits(one, get_args(hint)[1]) for one in value.values())
    choices = getattr(hint, "__args__", None)
    if choices and all(isinstance(choice, str) for choice in choices):
        return value in choices
    accepted = choices or (hint,)
    return type(value) in accepted or (type(value) is int and float in accepted)


def refuse_unknown(table: Table, known: set[str], where: str) -> None:
    """Refuse keys that are not *known*: most likely they are misspelt."""
    unknown = sorted(set(table) - known)
    if unknown:
        raise TruthError(f"unknown key {', '.join(unknown)}", where=where, remedy=f"known here: {', '.join(sorted(known))}")


def section(table: Table, name: str, path: Path) -> Table:
    """The table called *name* in *table*, which must be there."""
    found = table.get(name)
    if not isinstance(found, dict):
        raise TruthError(f"[{name}] is missing", where=str(path))
    return found


def sections(table: Table, where: str) -> list[tuple[str, Table]]:
    """The tables that *table* consists of, with their names."""
    wrong = [name for name, row in table.items() if not isinstance(row, dict)]
    if wrong:
        raise TruthError(f"{', '.join(wrong)} should be a table", where=where)
    return list(zip(table, rows(list(table.values()), where), strict=True))


def rows(found: object, where: str) -> list[Table]:
    """The tables of an array that must hold nothing else."""
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise TruthError("should hold tables only", where=where)
    return found
