"""The rules by which tasks run on a cluster: again, elsewhere, not on that device, or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tools.cluster.backend import Backend
from tools.cluster.candidates import Candidates
from tools.cluster.first import RESUME
from tools.cluster.handle import Handle
from tools.cluster.news import Began, Ended, Gone, Told
from tools.cluster.silence import Silence
from tools.cluster.task import Entries
from tools.cluster.values import Answer, Failed, Needs, Work
from tools.errors import ChildError, ClusterError, DeviceError, EngineError, StoreError
from tools.machine import events
from tools.machine.event import Event, OnEvent

TRIES = 3  # of a work whose tasks are lost
PUMP_S = 0.5
PASSING = (StoreError.__name__,)  # a parcel that was damaged on the way, a full disk: the next time it may go well
CHANCE = (ChildError.__name__, ClusterError.__name__, DeviceError.__name__, EngineError.__name__)  # elsewhere it may go well
CANCEL_S = 4.5  # for tasks to end, what is heard of them before that among it
LEAST_S = 2.0  # for them to end in any case


class Pool:
    """Submits work, and sees to it until it is done."""

    def __init__(self, backend: Backend, on_event: OnEvent, silence: Silence | None = None) -> None:
        """on_event: gets what tasks tell, with `worker` NODE/DEVICE, and what the pool says itself."""
        self._backend, self._on_event = backend, on_event
        self._last = 0  # the number of the last task that began to wait
        self._running: dict[int, Handle] = {}
        self._candidates = Candidates(backend.nodes(), backend.unfit())
        self._said: set[str] = set()
        self._silence = silence or Silence()
        self._over: ClusterError | None = None  # why no work begins any more

    def submit(self, work: Work, needs: Needs, entries: Entries) -> Handle:
        """Start work; where no node can do it, its handle is done at once and `wait` raises."""
        handle = Handle(work, needs, entries)
        self._look_round()
        self._start(handle)
        return handle

    def wait(self, handle: Handle) -> Answer:
        """The answer of this work, once it is there; other work goes on meanwhile.

        Raises:
            ClusterError: no node can do it, or its tasks were lost too often.
            ClipgateError: what the node raised.
        """
        while not handle.done:
            self.pump(PUMP_S)
        if handle.answer is not None:
            return handle.answer
        assert handle.error is not None
        raise handle.error

    def pump(self, seconds: float) -> None:
        """Hear what happened, and see to what ended; waits until a task ends, *seconds* at most."""
        if self._over is None:
            self._hear(seconds)
            self._look_round()
            self._listen()
        events.tick()

    def cancel(self) -> None:
        """End every task within 5 s, after what has come by now is heard, and begin none any more.

        Work that is not done ends with an error that says how to go on.
        """
        began_s = time.monotonic()
        try:
            if self._over is None:
                self._over = ClusterError("all tasks were cancelled", remedy=RESUME)
                self._hear(0.0)
        finally:
            self._backend.cancel(max(LEAST_S, CANCEL_S - (time.monotonic() - began_s)))
            for handle in self._running.values():
                handle.error = handle.cancelled
            self._running.clear()

    def _hear(self, seconds: float) -> None:
        """See to what tasks tell, and to those that ended."""
        with self._there():
            for news in self._backend.news(seconds):
                handle = self._running.get(news.number)
                if handle is None:  # of an attempt that is over
                    continue
                self._silence.hear(handle)
                if isinstance(news, Began):
                    handle.began = news
                    self._tell(handle, {"kind": "cell", "case": str(handle.work.case), "device": self._place(handle)})
                elif isinstance(news, Told):
                    self._tell(handle, news.event)
                else:
                    self._end(handle, news)

    @contextmanager
    def _there(self) -> Iterator[None]:
        """End all work where the cluster itself cannot be reached any more; nothing begins then."""
        try:
            yield
        except ClusterError as error:
            self._over = error
            for handle in self._running.values():
                handle.error = ClusterError(error.what, where=error.where, remedy=error.remedy)
            self._running.clear()

    def _look_round(self) -> None:
        with self._there():
            if self._candidates.see(self._backend.nodes()):
                self._give_up_waiting()

    def _listen(self) -> None:
        """Tell of work that waits for others' tasks, and take for gone what tells nothing any more."""
        running = list(self._running.values())
        if not self._silence.is_due(running):
            return
        for text in self._silence.waiting(running, self._places):
            self._say(text)
        for handle, why in self._silence.silent(running):
            self._backend.drop(handle.number)
            self._end(handle, Ended(handle.number, Gone(why)))

    def _places(self, handle: Handle) -> set[str]:
        """The ids of the nodes that a work which waits may go to."""
        return self._fit(handle) - handle.barred

    def _fit(self, handle: Handle) -> set[str]:
        return {node.id for node in self._candidates.of(handle.work, handle.needs)} - handle.failed.keys()

    def _start(self, handle: Handle) -> None:
        if self._over is not None:
            handle.error = ClusterError(self._over.what, where=self._over.where, remedy=self._over.remedy)
            return
        fit = self._fit(handle)
        if not fit:
            handle.error = next(iter(handle.failed.values()), None) or self._nobody(handle)
            return
        self._last += 1
        handle.number, handle.began = self._last, None
        self._running[handle.number] = handle
        self._silence.hear(handle)
        elsewhere = handle.left if fit - handle.left else set()
        handle.barred = self._candidates.barred(handle.work, handle.needs) | handle.failed.keys() | elsewhere
        work = replace(handle.work, refused=handle.work.refused | self._candidates.refused)
        self._backend.start(handle.number, work, handle.needs, handle.entries, handle.barred)

    def _end(self, handle: Handle, ended: Ended) -> None:
        del self._running[handle.number]
        outcome, place = ended.outcome, self._place(handle)
        if handle.began is not None:
            self._tell(handle, {"kind": "ended"})
        if isinstance(outcome, Answer):
            node = handle.began.node if handle.began else outcome.node_id  # what it told as it began may be lost
            handle.answer = replace(outcome, node=self._candidates.names.get(node, outcome.node))
            if outcome.lost:
                self._refuse(node, handle.answer.node, outcome.device, outcome.lost)
        elif self._over is not None:
            handle.error = handle.cancelled
        elif isinstance(outcome, Gone):
            self._again(handle, outcome, place)
        else:
            self._failed(handle, replace(outcome, node=self._name(handle, outcome.node)))

    def _again(self, handle: Handle, gone: Gone, place: str) -> None:
        """Run lost work again, elsewhere where there is another node."""
        handle.lost += 1
        if handle.began is not None:
            handle.left.add(handle.began.node)
        if handle.lost >= TRIES:
            handle.error = ClusterError(f"{handle.work.key} was lost {TRIES} times, the last time on {place}: {gone.why}", where=place,
                                        remedy=f"see what ends processes or nodes there; {RESUME}")
            return
        self._say(f"{handle.work.key} was lost on {place} ({gone.why}): it runs again, attempt {handle.lost + 1} of {TRIES}")
        self._start(handle)

    def _failed(self, handle: Handle, failed: Failed) -> None:
        if failed.unfit and failed.error[0] in PASSING and self._candidates.doubt(handle.work, failed.node_id, handle.number, self._last):
            self._once(f"{failed.node} is asked once more for {handle.work.case.model}: {failed.error[1]}")
        elif failed.unfit:
            self._once(f"{failed.node} is not used for {handle.work.case.model}: {failed.error[1]}")
            self._candidates.bar(handle.work, failed.node_id, failed.error[1])
        elif self._device_is_over(handle, failed) if failed.lost else self._is_over(handle, failed):
            handle.error = failed.raised
            return
        self._give_up_waiting()
        self._start(handle)

    def _device_is_over(self, handle: Handle, failed: Failed) -> bool:
        """Refuse the device that failed; whether it is the work's error as well."""
        new = self._refuse(failed.node_id, failed.node, failed.device, failed.lost)
        if not (new and failed.remembered):  # of which a node has no more than devices
            handle.retries += 1 if new else 0
            handle.refused += 1
            handle.left.add(failed.node_id)
        return handle.retries > 1 or handle.refused > TRIES

    def _is_over(self, handle: Handle, failed: Failed) -> bool:
        """Whether what failed is the work's error: no chance, or no other node to try, or the second time."""
        where = failed.node_id or (handle.began.node if handle.began else "")
        handle.retries += 1
        handle.failed[where] = failed.raised
        if failed.error[0] not in CHANCE or handle.retries > 1 or not where or not self._fit(handle):
            return True
        self._say(f"{handle.work.key} failed on {failed.node}/{failed.device}: {failed.error[1]}; it is tried once on another node")
        return False

    def _refuse(self, node: str, name: str, device: str, why: str) -> bool:
        """Do not use a device again; whether it was used until now."""
        self._once(f"{name}/{device} is not used again in this run: {why}")
        return self._candidates.refuse(node, device, why)

    def _give_up_waiting(self) -> None:
        """Let work that waits for a node or device which does not come any more go elsewhere, or end."""
        waiting = [handle for handle in self._running.values() if handle.began is None]
        for handle in waiting:
            if not self._places(handle):
                del self._running[handle.number]
                self._backend.drop(handle.number)
                self._start(handle)

    def _nobody(self, handle: Handle) -> ClusterError:
        reasons = "; ".join(f"{name}: {why}" for name, why in self._candidates.reasons(handle.work, handle.needs).items())
        return ClusterError(f"no node of the cluster can do {handle.work.key}: {reasons or 'there is none'}",
                            remedy=f"add a node that can, or mend one of these; {RESUME}")

    def _name(self, handle: Handle, otherwise: str) -> str:
        return self._candidates.names.get(handle.began.node, otherwise) if handle.began else otherwise

    def _place(self, handle: Handle) -> str:
        return f"{self._name(handle, 'a new node')}/{handle.began.device}" if handle.began else "a node that did not say so"

    def _tell(self, handle: Handle, event: Event) -> None:
        self._on_event({**event, "worker": self._place(handle)} if handle.began else event)

    def _say(self, text: str) -> None:
        self._on_event({"kind": "say", "text": text})

    def _once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)
