"""Whatever Ray raises is said in our words: what may go better elsewhere, and what would not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tools.cluster.news import Gone
from tools.cluster.ray_backend import RayBackend, outcome_of
from tools.cluster.values import Failed
from tools.errors import ClusterError

ray: Any = pytest.importorskip("ray", reason="Ray is not installed: ./tools/setup --ray")


def raising(error: Exception) -> Any:
    def call(*given: object, **more: object) -> None:
        raise error

    return call


def of_task(cause: Exception) -> Exception:
    """What Ray raises for a task that raised *cause*."""
    error: Exception = ray.exceptions.RayTaskError("attempt", "a traceback", cause)
    return error


def test_a_task_that_could_not_fetch_what_lies_in_the_cluster_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lost it with another node, as if it had been lost itself."""
    lost = ray.exceptions.ObjectLostError("0" * 56, b"", "")
    monkeypatch.setattr(ray, "get", raising(of_task(lost)))

    assert outcome_of(object()) == Gone("what it gave or needed was lost with a node")


def test_a_mistake_on_a_node_is_an_error_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "get", raising(of_task(MemoryError("out of it"))))
    outcome = outcome_of(object())

    assert isinstance(outcome, Failed)
    assert "the task ended in an error that nobody expected: MemoryError: out of it (on a node)" == outcome.raised.what


def test_a_full_object_store_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is the error of the case whose artifacts do not fit."""
    monkeypatch.setattr(ray, "put", raising(ray.exceptions.ObjectStoreFullError("no room")))
    backend = RayBackend(SimpleNamespace(nodes=tuple))  # type: ignore[arg-type]
    with pytest.raises(ClusterError, match="the object store of the cluster does not take 3 bytes") as caught:
        backend.put(b"abc")

    assert caught.value.remedy
