"""The ranges of what a model's toml holds: a number outside them would judge nothing, or divide by zero."""

from __future__ import annotations

from collections.abc import Mapping

LARGEST = 1e15  # no rate, count or limit comes near it; what is not finite is over it
ABOVE_ZERO = {"value", "corrected", "min_cosine", "min_t4_ratio", "max_variation"}
SHARES = {"max_drop", "max_loss_share", "max_difference", "max_flipped_share", "max_slowdown"}  # the whole would pass anything


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
