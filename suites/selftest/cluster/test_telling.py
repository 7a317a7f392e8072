"""What a task tells, and the folders that it works in."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from suites.selftest.cluster.node import CASE, Heard
from tools.cluster import scratch
from tools.cluster.home import Place
from tools.cluster.telling import Telling
from tools.cluster.values import Work
from tools.errors import ClusterError
from tools.machine.event import Event
from tools.measuring import quarantine
from tools.spec.case import Device
from tools.spec.settings import Settings

WORK = Work("tiny-bs4-cpu 0-8", "scores", Settings.parse({}), cast("Any", None), CASE, (), run="run-1")
NPU, NODE = Device("npu", 0), Place("id-a", "node-1")


def progress(done: int) -> Event:
    return {"kind": "progress", "text": "scoring", "done": done, "total": 90}


def test_two_events_of_progress_leave_a_node_in_a_second() -> None:
    """The last one of a step always does, and each bears who works."""
    now, heard = 0.0, Heard()
    tell = Telling(heard, "key", "node-1/npu0", lambda: now)
    for done in range(91):
        now = done / 50
        tell(progress(done))

    assert [0, 25, 50, 75, 90] == [event["done"] for event in heard.events]
    assert {"node-1/npu0"} == {event["worker"] for event in heard.events}


def test_what_is_said_and_what_is_waited_for_is_told_at_once() -> None:
    """However often progress comes between."""
    heard = Heard()
    tell = Telling(heard, "key", "node-1/npu0", lambda: 1.0)
    waits = {"kind": "alive", "text": "waiting for quiet"}
    for event in (progress(1), {"kind": "say", "text": "a"}, {"kind": "stage", "text": "b"}, {"kind": "alive"}, {"kind": "alive"},
                  waits, waits, {"kind": "ended", "text": "b"}):
        tell(cast("Event", event))

    assert ["progress", "say", "stage", "alive", "alive", "ended"] == [event["kind"] for event in heard.events]


def test_a_folder_goes_with_a_task_that_went_well(tmp_path: Path) -> None:
    """That of one that failed stays for its log, and goes after some days; each task has its own."""
    with scratch.folder(tmp_path, WORK) as first, scratch.folder(tmp_path, WORK) as second:
        assert first != second
        (first / "child.log").write_text("")
    with pytest.raises(ClusterError), scratch.folder(tmp_path, WORK) as failed:
        (failed / "child.log").write_text("")
        raise ClusterError("no")

    assert [failed] == [*(tmp_path / scratch.FOLDER).iterdir()]
    os.utime(failed, (0, time.time() - scratch.KEPT_S - 1))
    with scratch.folder(tmp_path, WORK):
        assert not failed.exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """A file is in the place of the node's artifacts."""
    (tmp_path / "art").write_text("")
    with pytest.raises(ClusterError, match="no folder can be made"), scratch.folder(tmp_path / "art", WORK):
        pass


def test_faults_of_a_device_add_up_over_the_tasks_of_a_run(tmp_path: Path) -> None:
    """Two tasks in a row that end in kernel faults give it up; another run, or another node, begins anew."""
    def task(work: Work, place: Place) -> str:
        with scratch.folder(tmp_path, work) as run:
            scratch.bring_note(tmp_path, run, work, place, NPU)
            quarantine.count_kernel_fault(run, NPU, "a kernel failed")
            scratch.keep_note(tmp_path, run, work, place, NPU)
            return quarantine.given_up(run, NPU)

    assert "" == task(WORK, NODE)
    assert "" == task(WORK, replace(NODE, id="id-b"))
    assert "" == task(replace(WORK, run="run-2"), NODE)
    assert "2 cells in a row failed: a kernel failed" == task(WORK, NODE)
