"""What a run has used of its store lies in the cluster once, where not every node sees the store."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.specs import recogniser_spec
from tools.cluster import carrying, joined
from tools.spec.settings import Settings
from tools.storage.context import Context

SPEC = recogniser_spec(TINY_MODELS, "tiny")


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context[Any]:
    """A run that has used two entries, the second in two pieces."""
    monkeypatch.setattr(carrying, "used", lambda context: ("data/a@1", "onnx/b@2"))
    monkeypatch.setattr(carrying, "packed", lambda root, name: iter([name.encode()] * (2 if "@2" in name else 1)))
    return Context(Settings.parse({"artifacts": str(tmp_path), "weights": "mini", "models": str(TINY_MODELS)}), SPEC)


def test_an_entry_is_put_into_the_cluster_once(context: Context[Any]) -> None:
    """In its pieces; cases that share it get the same references."""
    put: list[bytes] = []

    def keep(data: bytes) -> int:
        put.append(data)
        return len(put)

    carrier = joined.Carrier(keep, shared=False)
    first, again = carrier.carry(context), carrier.carry(context)

    assert {"data/a@1": [1], "onnx/b@2": [2, 3]} == first == again
    assert [b"data/a@1", b"onnx/b@2", b"onnx/b@2"] == put


def test_an_entry_that_no_case_needs_any_more_is_let_go(context: Context[Any]) -> None:
    """Else the weights of every batch size lie in the cluster until the run ends."""
    class Reference:
        """Stands for Ray's, which keeps what it names until nobody has it."""

    put: list[weakref.ref[Reference]] = []

    def keep(data: bytes) -> Reference:
        there = Reference()
        put.append(weakref.ref(there))
        return there

    carrier = joined.Carrier(keep, shared=False)
    needed = carrier.carry(context)
    assert [False] * 3 == [one() is None for one in put]
    del needed
    assert [True] * 3 == [one() is None for one in put]
    carrier.carry(context)
    assert 6 == len(put)


def test_nothing_travels_where_every_node_sees_the_store(context: Context[Any]) -> None:
    assert {} == joined.Carrier(lambda data: pytest.fail("it was put"), shared=True).carry(context)


def test_published_weights_travel_as_files(context: Context[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are no entries of the store."""
    (tmp_path / "tsm.pth").write_bytes(b"published")
    monkeypatch.setattr(joined, "origin", lambda context: "published")
    monkeypatch.setattr(carrying, "weights", lambda settings, spec: (("weights/tsm.pth@3", tmp_path / "tsm.pth"),))

    assert [b"published"] == joined.Carrier(lambda data: data, shared=False).carry(context)["weights/tsm.pth@3"]
