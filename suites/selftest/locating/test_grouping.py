"""Tensors that are in memory at once stay within a bound."""

from __future__ import annotations

import pytest

from tools.locating import grouping
from tools.locating.grouping import at_once_bytes, grouped
from tools.machine import memory


@pytest.mark.parametrize(("bound", "groups"), [(20, ["abc"]), (15, ["ab", "c"]), (14, ["a", "b", "c"]), (0, ["a", "b", "c"])])
def test_what_several_have_counts_once(bound: int, groups: list[str]) -> None:
    """One that is beyond the bound by itself is alone."""
    sizes = {"a": {"x": 5, "y": 5}, "b": {"y": 5, "z": 5}, "c": {"z": 5, "u": 5}}

    assert groups == ["".join(one) for one in grouped("abc", lambda one: {**sizes[one]}, bound)]


@pytest.mark.parametrize(("free", "share"), [(2**40, 1), (2**33, 1), (2**33 - 1, 2), (2**31, 4), (0, 32)])
def test_where_memory_is_short_less_is_there_at_once(monkeypatch: pytest.MonkeyPatch, free: int, share: int) -> None:
    """Never more than a quarter of it, but what is always there; in steps, so that groups stay the same."""
    monkeypatch.setattr(memory, "available_bytes", lambda: free)

    assert grouping.MOST_BYTES // share == at_once_bytes()
