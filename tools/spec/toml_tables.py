"""Toml tables into frozen values; what is unknown, missing or of the wrong type is a fault that names it.

msgspec would ignore unknown keys of a dataclass, name one missing key of several, and no table. Importing
pydantic takes a fifth of what a bare pytest takes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import TypeVar, get_args, get_origin, get_type_hints

from tools.spec.faults import Faults, Place, shown
from tools.spec.ranges import outside, wanted

Table = Mapping[str, object]
T = TypeVar("T")
hints_of = cache(get_type_hints)  # else most of the time that reading figures takes


@dataclass(frozen=True, slots=True)
class Part:
    """A table of a file: what is in it, where it stands, what the file calls it, and what is wrong so far."""

    table: Table
    at: Place
    label: str
    faults: Faults

    def wrong(self, sentence: str, *keys: str | int) -> None:
        """Note a fault of this table, or of what the *keys* lead to in it."""
        self.faults.add((*self.at, *keys), f"{self.label} {sentence}".lstrip())

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Refuse keys that are not *known*: most likely they are misspelt."""
        for name in self.table:
            if name not in known:
                self.wrong(f"{'has the ' if self.label else ''}unknown key {name}; known here: {', '.join(sorted(known))}", name)

    def inner(self, name: str) -> Part | None:
        """The table called *name*; None, and a fault, where there is something else."""
        found = self.table.get(name)
        label = f"[{'.'.join(map(str, (*self.at, name)))}]"
        if isinstance(found, dict):
            return Part(found, (*self.at, name), label, self.faults)
        self.faults.add((*self.at, name) if name in self.table else self.at,
                        f"{label} {'should be a table' if name in self.table else 'is missing'}")
        return None

    def inners(self) -> dict[str, Part]:
        """The tables that this one should consist of, by their names."""
        found = {name: self.inner(name) for name in self.table}
        return {name: part for name, part in found.items() if part is not None}

    def rows(self, name: str) -> list[Part]:
        """The tables of the array called *name*; each is named by its id, or by its number."""
        found = self.table.get(name, [])
        array = f"{self.label} {name}" if self.at else f"[[{name}]]"
        if not isinstance(found, list):
            self.faults.add((*self.at, name), f"{array} should hold tables only")
            return []
        for number, row in enumerate(found):
            if not isinstance(row, dict):
                self.faults.add((*self.at, name, number), f"{array} should hold tables only, and {shown(row)} is none")
        return [Part(row, (*self.at, name, number), f"{self.label} {row['id']}" if row.get("id") else f"{array} {number + 1}", self.faults)
                for number, row in enumerate(found) if isinstance(row, dict)]

    def fill(self, kind: type[T], **more: object) -> T | None:
        """A frozen value of this table: every key known, every required key there, each type and range right.

        *more* is added by the reader and stands in no file. None where something is wrong, which is noted.
        """
        hints = hints_of(kind)  # type: ignore[arg-type]
        own = [field for field in fields(kind) if field.name not in more]  # type: ignore[arg-type]
        before = len(self.faults.found)
        self.refuse_unknown({field.name for field in own})
        required = [field.name for field in own if field.default is MISSING and field.default_factory is MISSING]
        if missing := [name for name in required if name not in self.table]:
            self.wrong(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
        for field in own:
            if field.name in self.table:
                self._check(field.name, hints[field.name])
        return kind(**self.table, **more) if len(self.faults.found) == before else None

    def _check(self, name: str, hint: object) -> None:
        value = self.table[name]
        if isinstance(value, dict) and get_origin(hint) is Mapping:
            each = Part(value, (*self.at, name), f"{self.label} {name}:", self.faults)
            for key in value:
                each._check_value(key, name, get_args(hint)[1])
        else:
            self._check_value(name, name, hint)

    def _check_value(self, key: str, name: str, hint: object) -> None:
        """Note what is wrong with the value at *key*, which means what *name* says."""
        value = self.table[key]
        if not fits(value, hint):
            self.wrong(f"{key} = {shown(value)} has the wrong type ({wanted(name, hint)})", key)
        elif why := outside(name, value):
            self.wrong(f"{key} = {shown(value)} {why} ({wanted(name, hint)})", key)


def fits(value: object, hint: object) -> bool:
    """Whether a value of a toml is of a type that *hint* allows."""
    if get_origin(hint) is Mapping:
        return isinstance(value, dict)  # what is in it is looked at key by key
    choices = getattr(hint, "__args__", None)
    if choices and all(isinstance(choice, str) for choice in choices):
        return value in choices
    accepted = choices or (hint,)
    return type(value) in accepted or (type(value) is int and float in accepted)
