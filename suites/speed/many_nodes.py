"""What a driver of many nodes does and holds: `python -m suites.speed.many_nodes` starts them here and tells.

All nodes are of this machine, so whatever they do themselves takes longer than on machines of their own. It
stops adding nodes where the memory gets short, and says how many there are. Ray's agents beside each node,
which no task of ours asks anything, are halted, and all of it gives way to what else runs here.
"""

from __future__ import annotations

import argparse
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

import psutil

from suites.selftest.cluster import rig, stand_ins
from suites.selftest.cluster.rig import Rig
from tools.cluster import nodes
from tools.cluster.pool import Pool
from tools.cluster.ray_backend import RayBackend
from tools.cluster.session import Session, connect
from tools.cluster.task import Entries
from tools.cluster.telling import Events
from tools.cluster.values import Answer, Outcome, Work
from tools.machine.event import Event

TURNS = 4  # tasks of each node
TOLD = 100  # events of each task that tells any
AT_ONCE = 4  # nodes that start together
PATIENCE_S = 900.0  # for all of them to be looked at
GIVING_WAY = 10  # the niceness of all processes
PATIENT = {"health_check_period_ms": 30_000, "health_check_timeout_ms": 120_000, "health_check_failure_threshold": 20}
T = TypeVar("T")


def run(work: Work, entries: Entries, events: Events) -> Outcome:
    """Tell as many events as the span is long, as fast as they go."""
    for number in range(work.span[1]):
        events.tell(work.key, {"kind": "progress", "text": "scoring", "done": number, "total": work.span[1], "worker": "here"})
    return Answer("?", "cpu", ())


@contextmanager
def started(count: int, keep_gib: float) -> Iterator[Rig]:
    """A cluster of *count* nodes, or of as many as leave *keep_gib* of memory; how many is printed."""
    with rig.cluster() as made:
        there, before = 0, psutil.virtual_memory().available
        began_s = time.monotonic()
        while there < count and psutil.virtual_memory().available > keep_gib * 2**30:
            for number in range(there, min(count, there + AT_ONCE)):
                made.add(f"n{number}")
            there = min(count, there + AT_ONCE)
            made.ready()
            halt(signal.SIGSTOP)
        held = (before - psutil.virtual_memory().available) / there / 2**20
        tell("nodes started", f"{there} of {count} in {time.monotonic() - began_s:.0f} s, each with {held:.0f} MiB")
        try:
            yield made
        finally:
            halt(signal.SIGCONT)


def halt(what: signal.Signals) -> None:
    """Halt Ray's agents, or let them go on."""
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "Agent" in "".join(one.cmdline()):
                one.send_signal(what)


def tell(what: str, measured: str) -> None:
    print(f"| {what} | {measured} | {os.getloadavg()[0]:.0f} |", flush=True)


def rss() -> int:
    return int(psutil.Process().memory_info().rss)


def timed(call: Callable[[], T]) -> tuple[T, str]:
    """What a call gives, and its seconds, by the clock and of this process's own processor time."""
    began_s, own_s = time.perf_counter(), time.process_time()
    given = call()
    return given, f"{time.perf_counter() - began_s:.2f} s, {time.process_time() - own_s:.2f} s of this process"


def joined(made: Rig) -> Session:
    session, taken = timed(lambda: connect(made.settings(), stand_ins.look, stand_ins.CODE))
    tell("joining", taken)
    before = rss()
    found, taken = timed(session.nodes)
    grown = (rss() - before) / len(found) / 1e3
    tell(f"looking at {len(found)} nodes, each of which starts a process for it", f"{taken}; {grown:.1f} kB a node")
    again = Session(made.settings(), stand_ins.look, stand_ins.CODE)
    found, taken = timed(again.nodes)
    tell(f"looking at {len(found)} nodes once more", taken)
    return again


def measured(made: Rig, session: Session) -> None:
    """Submit short tasks, and tasks that tell many events."""
    told: list[Event] = []
    backend = RayBackend(session, run)
    pool, count = Pool(backend, told.append), TURNS * len(session.nodes())
    names = tuple((node.id, node.name) for node in session.nodes())
    work = replace(stand_ins.work("short", made.settings()), names=names)
    with_names, without = (len(pickle.dumps(one)) / 1e3 for one in (work, replace(work, names=())))
    tell("a task's description", f"{with_names:.1f} kB, {without:.1f} kB without the names of nodes")
    pool.wait(pool.submit(work, stand_ins.ON_CPU, {}))  # the actor begins
    for what, events in (("short tasks", 0), (f"tasks that tell {TOLD} events each", TOLD)):
        before, number = rss(), len(told)
        works = [replace(work, key=f"{what} {one}", span=(0, events)) for one in range(count)]
        began_s = time.perf_counter()
        handles, taken = timed(lambda works=works: [pool.submit(one, stand_ins.ON_CPU, {}) for one in works])  # type: ignore[misc]
        tell(f"submitting {count} {what}", f"{taken}; {(rss() - before) / count / 1e3:.1f} kB a task")
        _, taken = timed(lambda handles=handles: [pool.wait(one) for one in handles])  # type: ignore[misc]
        passed_s, heard = time.perf_counter() - began_s, len(told) - number
        tell(f"until {count} {what} ended", f"{taken}; {count / passed_s:.0f} tasks and {heard / passed_s:.0f} events a second")
    pool.cancel()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m suites.speed.many_nodes", description=__doc__)
    parser.add_argument("--nodes", type=int, default=64, metavar="N")
    parser.add_argument("--keep-gib", type=float, default=6.0, metavar="GIB", help="memory that is left to others")
    options = parser.parse_args(arguments)
    nodes.LOOK_S = PATIENCE_S  # of nodes that share cores
    rig.HEALTH = PATIENT
    os.nice(GIVING_WAY)
    print("| what | measured | load |\n| --- | --- | --- |", flush=True)
    with started(options.nodes, options.keep_gib) as made:
        session = joined(made)
        try:
            measured(made, session)
        finally:
            session.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
