"""How a device is fed in a scoring pass, and what it stood still for meanwhile.

Where two batches may lie on a device (`Engine.lanes`), the next one is taken and brought there while a thread
of its own runs the current one. Where only one may, each is taken, brought and run in turn. That is so on the
CPU, whose cores would bring the next batch while they compute this one. It is so on Ascend too: aclruntime is
used only on the thread that made its session, and holds the interpreter lock while it runs, so that nothing
else of this process happens meanwhile. Decoding goes on everywhere, in processes of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from tools.errors import EngineError
from tools.machine import events
from tools.media.batches import Batch
from tools.media.preprocess import Floats

if TYPE_CHECKING:
    from tools.engines import Bound, Engine

LANES = 2  # that are used, however many there are: one batch runs, one is brought


@dataclass(slots=True)
class Spent:
    """Seconds in which a device computed, and in which it waited for a batch to be decoded, or to be brought.

    What happens while it computes is waited for by nobody. Where bringing and running are one call, both are
    in *computed_s*.
    """

    computed_s: float = 0.0
    decode_s: float = 0.0
    copy_s: float = 0.0

    def share(self, of_s: float) -> float:
        """The part of *of_s* seconds in which it computed, from 0 to 1."""
        return min(1.0, self.computed_s / of_s) if of_s > 0 else 0.0


def answered(engine: Engine, stream: Iterable[Batch], spent: Spent) -> Iterator[tuple[Batch, Floats]]:
    """Each batch of *stream* with its rows of output, in order; the times are added to *spent*.

    The first batch is run before another one is taken, so that its array is its own when it comes. The memory
    of a later one may hold another batch by then.

    Raises:
        EngineError: the device fails. Whatever *stream* raises passes as it is.
    """
    return _side_by_side(engine, iter(stream), spent) if engine.lanes >= LANES else _in_turn(engine, iter(stream), spent)


def _in_turn(engine: Engine, batches: Iterator[Batch], spent: Spent) -> Iterator[tuple[Batch, Floats]]:
    while True:
        began = perf_counter()
        batch = next(batches, None)
        taken = perf_counter()
        spent.decode_s += taken - began
        if batch is None:
            return
        found = engine.infer(batch.array)
        spent.computed_s += perf_counter() - taken
        yield batch, found


def _side_by_side(engine: Engine, batches: Iterator[Batch], spent: Spent) -> Iterator[tuple[Batch, Floats]]:
    lanes: list[Bound] = []
    ahead: Batch | None = None  # what runs while the next one is brought
    with _Device(spent) as device:
        while True:
            with device.waits("decode_s"):
                batch = next(batches, None)
            if batch is None:
                break
            with device.waits("copy_s"):
                brought = _brought(engine, batch, lanes)
            if not brought:
                yield from _in_one_lane(lanes[0], chain([batch], batches), device)
                return
            done = (ahead, device.found()) if ahead else None
            device.run(lanes[-1])
            if done:
                yield done
            ahead = batch
            if len(lanes) == 1:
                yield batch, device.found()
                ahead = None
        if ahead:
            yield ahead, device.found()


def _brought(engine: Engine, batch: Batch, lanes: list[Bound]) -> bool:
    """Whether the batch is on the device, in the last of *lanes*; no where a second one finds no room."""
    if len(lanes) < LANES:
        try:
            lanes.append(engine.bind(batch.array))
        except EngineError as error:
            if not lanes:
                raise
            events.say(f"each batch is brought when the one before it has run, since a second one finds no room: {error.what}")
            return False
    else:
        lanes.reverse()
        lanes[-1].put(batch.array)
    return True


def _in_one_lane(lane: Bound, batches: Iterator[Batch], device: _Device) -> Iterator[tuple[Batch, Floats]]:
    while True:
        with device.waits("decode_s"):
            batch = next(batches, None)
        if batch is None:
            return
        with device.waits("copy_s"):
            lane.put(batch.array)
        device.run(lane)
        yield batch, device.found()


class _Device:
    """Runs one bound batch at a time, on a thread of its own.

    Leaving it waits for the one that runs, but for Ctrl-C. Where that one has failed too, its error goes
    before the one with which it is left.
    """

    def __init__(self, spent: Spent) -> None:
        self._spent = spent
        self._thread = ThreadPoolExecutor(1, "device")
        self._running: Future[Floats] | None = None
        self._ended = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown(wait=kind is not KeyboardInterrupt)
        if isinstance(error, Exception) and self._running is not None:
            failed = self._running.exception()
            if failed is not None and failed is not error:
                raise failed from error

    def run(self, bound: Bound) -> None:
        self._running = self._thread.submit(self._run, bound)

    def found(self) -> Floats:
        """What the batch that was run last gave, once it has."""
        assert self._running is not None
        return self._running.result()

    def _run(self, bound: Bound) -> Floats:
        began = perf_counter()
        try:
            scores = bound.scores(bound())
        finally:
            self._ended = perf_counter()
            self._spent.computed_s += self._ended - began
        if scores is None:
            raise EngineError("the device gave nothing that could be scores")
        return scores

    @contextmanager
    def waits(self, what: Literal["decode_s", "copy_s"]) -> Iterator[None]:
        """What happens inside is waited for as far as the device does not run meanwhile."""
        began = perf_counter()
        yield
        ended = perf_counter()
        if self._running is not None:
            began = max(began, self._ended) if self._running.done() else ended
        setattr(self._spent, what, getattr(self._spent, what) + max(0.0, ended - began))
