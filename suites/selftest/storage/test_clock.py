"""A clock that was wrong once: no entry goes for it, and the one used last is still told."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.storage.test_store import KEY, OTHER, write
from tools.storage import elsewhere, entries
from tools.storage.entries import manifest_path
from tools.storage.packing import choose
from tools.storage.pruning import prune, unused_days
from tools.storage.store import Store

DAY_S = 86400
DAYS = (-400, -2, 0, 2, 400)  # from now


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def used(path: Path, days: float) -> None:
    """Let a manifest have been used so many days from now."""
    then = time.time() + days * DAY_S
    os.utime(path, (then, then))


def set_clock(patch: pytest.MonkeyPatch, days: float) -> None:
    """Set the clock by so many days: of Python, and of the files that are touched from now on."""
    clock, touch = time.time, os.utime
    patch.setattr(time, "time", lambda: clock() + days * DAY_S)
    patch.setattr(os, "utime", lambda path, times=None: touch(path, times or (time.time(), time.time())))


@pytest.mark.parametrize("days", [1, 400, 40000])
def test_a_use_in_the_future_is_no_age(store: Store, days: int) -> None:
    """Prune leaves such an entry alone and says so, with what to do where the clock is right."""
    path = store.build(KEY, write("a")).folder / "entry.json"
    used(path, days)
    said = list[str]()
    assert (0.0, 0) == (unused_days(path), prune(store.root, 1e-9, said.append))
    assert [f"{KEY}: its last use lies in the future, so it stays; if the clock is right: touch {path}"] == said
    assert store.find(KEY)


def test_a_clock_that_is_set_back_makes_no_entry_old(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is used while it is years behind is not unused for years once it is right again."""
    path = store.build(KEY, write("a")).folder / "entry.json"
    used(path, -1)
    with monkeypatch.context() as patch:
        set_clock(patch, -3650)
        assert store.find(KEY)
        assert 0 == prune(store.root, 30, lambda text: None)
    assert 0.9 < unused_days(path) < 1.1
    assert 0 == prune(store.root, 30, lambda text: None)
    assert store.find(KEY)
    assert unused_days(path) < 0.1


@pytest.mark.parametrize("days", DAYS)
def test_an_entry_used_now_is_used_last(store: Store, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Whatever a wrong clock has noted of another: it is taken first, and packed last."""
    keys = [replace(KEY, shaped_by=(("torch", version), ("spec", "abc"))) for version in ("1", "2")]
    for key in keys:
        store.build(key, write(key.digest))
    used(manifest_path(store.root, keys[0]), -3)
    used(manifest_path(store.root, keys[1]), days or -4)
    assert store.find(keys[0])
    monkeypatch.setattr(elsewhere, "absent", lambda key: ("torch",))
    wanted = replace(KEY, shaped_by=(("torch", "absent"), ("spec", "abc")))

    assert keys == elsewhere.alike(store.root, wanted)
    assert [manifest_path(store.root, key) for key in reversed(keys)] == choose(store.root, None, [])


def test_with_a_clock_that_was_set_back_the_order_of_use_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All uses are in its future; they are compared as they are."""
    for key, days in ((KEY, -2), (OTHER, -1)):
        store.build(key, write("a"))
        used(manifest_path(store.root, key), days)
    set_clock(monkeypatch, -3650)
    assert [manifest_path(store.root, key) for key in (KEY, OTHER)] == choose(store.root, None, [])
    assert not entries.last_use(manifest_path(store.root, KEY))[0]
