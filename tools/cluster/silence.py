"""How long nothing is heard of work: what waits for others is told, and what hangs is given up."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence

from tools.cluster.handle import Handle
from tools.cluster.values import Needs
from tools.machine import child

WAITS_S = 60.0  # that work may wait for others' tasks before it is told
AGAIN_S = 600.0  # between two times that it is told
MARGIN_S = 300.0  # beyond the time in which a node ends a child of a task by itself: to fetch artifacts, say
LOOK_S = 5.0
GAP_S = 30.0  # between two looks: this process was busy meanwhile, and may not have heard yet what tasks told
Places = Callable[[Handle], Collection[str]]  # the ids of the nodes that a work may go to


class Silence:
    """Watches tasks from outside, since a node that is stopped tells nobody that it is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_s = clock()
        self._told_s: dict[Needs, float] = {}

    def hear(self, handle: Handle) -> None:
        """Something was heard of this work."""
        handle.quiet_s = self._clock()

    def is_due(self, running: Iterable[Handle]) -> bool:
        """Whether it is time for a look; where this process was busy for long, the time begins anew."""
        now = self._clock()
        passed, busy = now - self._looked_s, now - self._looked_s > GAP_S
        if busy:
            for handle in running:
                handle.quiet_s = now
        if busy or passed >= LOOK_S:
            self._looked_s = now
        return passed >= LOOK_S and not busy

    def waiting(self, running: Collection[Handle], places: Places) -> list[str]:
        """A sentence for each kind of work that waits although no task of ours is where it could go."""
        now, works = self._clock(), {handle.began.node for handle in running if handle.began}
        told = []
        for needs, handles in _alike([handle for handle in running if not handle.began]).items():
            if works.intersection(places(handles[0])):  # it waits for ours
                for handle in handles:
                    handle.quiet_s = now
            elif now - handles[0].quiet_s >= WAITS_S and now - self._told_s.get(needs, -AGAIN_S) >= AGAIN_S:
                self._told_s[needs] = now
                told.append(_words(handles))
        return told

    def silent(self, running: Iterable[Handle]) -> list[tuple[Handle, str]]:
        """The tasks that have begun and tell nothing any more, each with the reason in words."""
        now = self._clock()
        return [(handle, f"nothing was heard of it for {now - handle.quiet_s:.0f} s") for handle in running
                if handle.began and now - handle.quiet_s > _patience_s(handle)]


def _patience_s(handle: Handle) -> float:
    return max(handle.work.settings.timeout_s, child.STALL_S) + MARGIN_S


def _alike(handles: Iterable[Handle]) -> dict[Needs, list[Handle]]:
    """These handles by what they ask for, in their order."""
    alike: dict[Needs, list[Handle]] = {}
    for handle in handles:
        alike.setdefault(handle.needs, []).append(handle)
    return alike


def _words(handles: Sequence[Handle]) -> str:
    needs, others = handles[0].needs, len(handles) - 1
    others_too = f" and {others:,} more wait" if others else " waits"
    wanted = [*([f"1 {needs.device}"] if needs.device else []), f"{needs.cpus:g} CPUs"]
    return (f"{handles[0].work.key}{others_too}: no node that can do it has {' and '.join(wanted)} free, "
            "all are in use by others on the cluster")
