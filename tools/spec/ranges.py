"""The ranges of what a model's toml holds: a number outside them would judge nothing, or divide by zero."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import get_args, get_origin

LARGEST = 1e15  # no rate, count or limit comes near it; what is not finite is over it
ABOVE_ZERO = {"value", "corrected", "min_cosine", "min_t4_ratio", "max_variation", "step", "max_p"}
SHARES = {"max_drop", "max_loss_share", "max_difference", "max_flipped_share", "max_slowdown", "margin", "step", "max_p",
          "min_net_share"}  # the whole would pass anything
PLAIN = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def outside(name: str, value: object) -> str:
    """Why *value*, a number or a table of them, cannot be what *name* says; empty where it can."""
    if isinstance(value, Mapping):
        return next((words for one in value.values() if (words := outside(name, one))), "")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if not -LARGEST < value < LARGEST:
        return "is no finite number of a sensible size"
    if value < 0 or (value == 0 and name in ABOVE_ZERO):
        return f"is not {'above' if name in ABOVE_ZERO else 'at least'} 0"
    if name in SHARES and value >= 1:
        return "is a share, and not below 1"
    return "is over 1, which no cosine is" if name == "min_cosine" and value > 1 else ""


def wanted(name: str, hint: object) -> str:
    """What may stand at the key *name*, whose type is *hint*, in words."""
    if get_origin(hint) is Mapping:
        return "a table"
    choices = [one for one in get_args(hint) if one is not NoneType]
    if choices and all(isinstance(one, str) for one in choices):
        return f"one of {', '.join(filter(None, choices))}"
    kind = choices[0] if choices else hint
    return f"{PLAIN.get(kind, 'something else') if isinstance(kind, type) else 'something else'}{_range(name, kind)}"


def _range(name: str, kind: object) -> str:
    if kind not in (int, float):
        return ""
    if name == "min_cosine":
        return " above 0 and up to 1"
    if name in SHARES:
        return " from 0 to below 1"
    return " above 0" if name in ABOVE_ZERO else " from 0 on"
