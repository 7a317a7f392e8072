"""A cluster that nobody reaches any more ends all work at once: Ray would end this process for it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest

from suites.selftest.cluster.scripted import NPU, WORK, Backend, crashed, done, pool
from tools.cluster.first import CLIENT, GONE_S, First
from tools.cluster.news import News
from tools.cluster.values import Node
from tools.errors import ClusterError

GONE = ClusterError("the cluster's first machine is gone", where="--ray", remedy="--resume goes on")


class Leaving(Backend):
    """A cluster that is gone once *where* says so: as nodes are listed, or as tasks are heard."""

    where = ""

    def nodes(self) -> tuple[Node, ...]:
        if self.where == "nodes":
            raise GONE
        return super().nodes()

    def news(self, seconds: float) -> Sequence[News]:
        if self.where == "news":
            raise GONE
        return super().news(seconds)


@pytest.mark.parametrize("where", ["nodes", "news"])
def test_where_the_cluster_is_gone_all_work_ends_in_that_error(where: str) -> None:
    """So does work that comes later; no task begins."""
    backend = Leaving(lambda work, there: None, "a")
    tasks, _ = pool(backend)
    handles = [tasks.submit(WORK, NPU, {}) for _ in range(2)]
    backend.where = where
    tasks.pump(0)
    handles.append(tasks.submit(replace(WORK, key="later"), NPU, {}))

    for handle in handles:
        with pytest.raises(ClusterError, match="first machine is gone") as caught:
            tasks.wait(handle)
        assert ("--ray", "--resume goes on") == (caught.value.where, caught.value.remedy)
    assert 2 == len(backend.started)


def test_a_first_machine_that_is_silent_for_long_is_gone() -> None:
    """A moment without an answer is none."""
    now_s = 0.0
    with socket.create_server(("127.0.0.1", 0)) as server:
        first = First(f"{CLIENT}127.0.0.1:{server.getsockname()[1]}", lambda: now_s)
        client, _ = socket.create_connection(server.getsockname()), server.accept()[0].close()
        client.close()
    now_s = GONE_S / 2
    assert not first.answers()
    now_s = GONE_S

    with pytest.raises(ClusterError, match=r"the cluster's first machine is gone: nobody answers at ray://127\.0\.0\.1") as caught:
        first.answers()
    assert "--resume" in str(caught.value.remedy)


def test_what_has_come_counts_when_all_is_cancelled() -> None:
    """No task begins any more for what was lost meanwhile."""
    backend = Backend(lambda work, there: done(work, there) if work.key == WORK.key else crashed(there), "a", "b")
    tasks, _ = pool(backend)
    ended, lost = tasks.submit(WORK, NPU, {}), tasks.submit(replace(WORK, key="other"), NPU, {})
    tasks.cancel()

    assert "a" == tasks.wait(ended).node
    with pytest.raises(ClusterError, match="other was cancelled"):
        tasks.wait(lost)
    with pytest.raises(ClusterError, match="cancelled"):
        tasks.wait(tasks.submit(WORK, NPU, {}))
    assert 2 == len(backend.started)
    assert backend.cancelled
