"""What nodes do in tests in the place of real work: they look quickly, sleep, lose devices and die."""

from __future__ import annotations

import os
import platform
import signal
import time
from math import inf
from pathlib import Path

from tools.cluster.task import Entries, fetched
from tools.cluster.telling import Events
from tools.cluster.values import Answer, Code, Failed, Needs, Node, Outcome, Work
from tools.spec.case import Case, Device
from tools.spec.settings import Settings

LATE_S = 4.0  # in which a process starts
CODE = Code("c0ffee", "1", "3.11", "2.60")
NPUS = "RIG_NPUS"  # the variable of a node that says how many NPUs it has
ON_NPU, ON_CPU = Needs(cpus=1, device="NPU"), Needs(cpus=1)


def look(settings: Settings, token: str) -> Node:
    """A node that says what its variables say."""
    devices = tuple((Device("npu", index), "310P3") for index in range(int(os.environ.get(NPUS, "0"))))
    own = Path(os.environ["CLIPGATE_NODE"]).parent / "artifacts"
    return Node("", platform.node(), CODE, "/", str(own), (own / token).is_file(), "", (), 0.0, 0.0, (*devices, (Device("cpu"), "a CPU")))


def run(work: Work, entries: Entries, events: Events) -> Outcome:
    """Do what the first word of the work's key says."""
    import ray

    here = ray.get_runtime_context()
    ids = here.get_accelerator_ids().get("NPU") or ["0"]
    label = f"npu{ids[0]}" if work.case.device.family == "npu" else "cpu"
    marks, node = Path(str(work.settings.artifacts)), Path(os.environ["CLIPGATE_NODE"]).parent.name
    word, number, *others = work.key.split()
    (marks / f"{work.key} {node} {label} {os.getpid()}").touch()
    first = len(list(marks.glob(f"{work.key} *"))) == 1
    if word == "nap" or (word == "nap-first" and first):
        naps(float(number), marks / f"{work.key} tidied")
    if word == "stuck":
        time.sleep(float(number))
    if word == "die" or (word == "die-first" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "unfit-on" and node in others:
        return Failed(here.get_node_id(), "?", label, ("DataError", "clip 7 is not there", None, None), unfit=True)
    if word == "lose-first" and first:
        return Failed(here.get_node_id(), "?", label, ("EngineError", "it hung", None, None), lost="it hung")
    if word == "fail":
        return Failed(here.get_node_id(), "?", label, ("DataError", "the list is empty", "list.txt", "fill it"))
    for _ in range(int(number) if word == "tell" else 1):
        events.tell(work.key, {"kind": "say", "text": f"{word} is done"})
    return Answer("?", label, tuple((name, b"".join(fetched(parts))) for name, parts in entries.items()))


def naps(seconds: float, tidied: Path) -> None:
    """Sleep as work does that looks up now and then, and tidies up when it is interrupted."""
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            time.sleep(0.1)
    except KeyboardInterrupt:
        tidied.touch()
        raise


def late(marks: str, keys: str) -> bytes:
    """What tasks take, which comes once two of them have begun, or long after the first; how many had."""
    began: list[Path] = []
    until = inf
    while len(began) < 2 and time.monotonic() < until:
        time.sleep(0.05)
        began = list(Path(marks).glob(f"{keys} *"))
        until = min(until, time.monotonic() + LATE_S) if began else inf
    return str(len(began)).encode()


def work(key: str, settings: Settings, family: str = "cpu") -> Work:
    return Work(key, "scores", settings, CODE, Case("tsm", 16, Device(family)), (("data", "d1"),))
