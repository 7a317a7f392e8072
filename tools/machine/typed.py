"""Whether values out of a JSON file that others can write have the types that their dataclass says."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TypeVar

from tools.errors import ClipgateError

T = TypeVar("T")


def require(value: T, error: type[ClipgateError], where: str, remedy: str) -> T:
    """The dataclass *value*, once each of its fields, and each of theirs, has the type written at it.

    Raises:
        ClipgateError: of class *error*; naming the first field that has not.
    """
    kind: type = type(value)
    hints = _hints(kind)
    for one in fields(value):  # type: ignore[arg-type]
        found = getattr(value, one.name)
        if not fits(found, hints[one.name]):
            raise error(f"{one.name} cannot be {found!r:.60}", where=where, remedy=remedy)
        if is_dataclass(found):
            require(found, error, where, remedy)
    return value


@cache
def _hints(kind: type) -> dict[str, object]:
    """What is written at each field of a dataclass; to find it takes longer than to check a value."""
    return typing.get_type_hints(kind)


def fits(value: object, hint: object) -> bool:
    """Whether a value out of JSON has the type *hint*; a whole number is a float, and true is no number."""
    kind, inside = typing.get_origin(hint), typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inside)
    if kind is typing.Literal:
        return isinstance(value, str) and value in inside
    if kind is not None and issubclass(kind, Mapping):
        return isinstance(value, Mapping) and all(fits(key, inside[0]) and fits(one, inside[1]) for key, one in value.items())
    if kind is not None and issubclass(kind, Sequence):
        return isinstance(value, list | tuple) and all(fits(one, inside[0]) for one in value)
    if hint in (int, float):
        return isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
    return isinstance(value, hint) if isinstance(hint, type) else value is None
