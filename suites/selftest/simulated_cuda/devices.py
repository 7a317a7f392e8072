"""A simulated GPU as a process has it: a stream of work, counted memory, a context that can break."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ClassVar

from simulated_cuda import state, words
from simulated_cuda.hosts import deaf

MB = 1 << 20
CONTEXT_MB = 254  # what the driver keeps for a process that has a context


class Stream:
    """Work that runs one after the other while the caller goes on."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Future[None], Callable[[], None]]] = queue.SimpleQueue()
        self._last: Future[None] | None = None
        threading.Thread(target=self._serve, name="simulated stream", daemon=True).start()

    def _serve(self) -> None:
        while True:
            done, work = self._work.get()
            try:
                state.marked_running(busy=True)
                work()
            except BaseException as error:  # noqa: BLE001 - the caller's, when it waits
                done.set_exception(error)
            else:
                done.set_result(None)
            finally:
                state.marked_running(busy=False)

    def queue(self, work: Callable[[], None]) -> None:
        """Let work be done; who reads its result has to wait first."""
        self._last = Future()
        self._work.put((self._last, work))

    def wait(self) -> None:
        """Wait until all of the work is done; as in C, no handler of a signal runs meanwhile."""
        last, self._last = self._last, None
        if last is not None:
            with deaf():
                last.result()


class Context:
    """What this process has on one GPU."""

    _found: ClassVar[dict[int, Context]] = {}
    _lock = threading.RLock()  # memory may be freed while some is taken: by the collector, at any moment

    def __init__(self, gpu: state.Gpu) -> None:
        self.gpu, self.stream, self.broken, self._bytes = gpu, Stream(), 0, 0

    @classmethod
    def of(cls, number: int) -> Context:
        """The context on the GPU that CUDA gives this number; a RuntimeError where it has none."""
        visible = state.ordered()
        if state.read()["cuda"] // 1000 < state.read()["needs_cuda"]:
            raise RuntimeError(_opening(35, number))
        if not 0 <= number < len(visible):
            raise RuntimeError(_opening(101 if visible else 100, number))
        gpu = visible[number]
        if gpu["device"] in cls._found:
            cls._found[gpu["device"]].require_alive()
        if state.due("lost", gpu, at="load") or state.lost(gpu):
            state.lose(gpu)
            raise RuntimeError(_opening(100, number))
        with cls._lock:
            found = cls._found.get(gpu["device"]) or cls(gpu)
            cls._found[gpu["device"]] = found
        found.take(0)
        return found

    def require_alive(self) -> None:
        """Fail again where this process's context is broken; nothing but a new process helps."""
        if self.broken:
            raise RuntimeError(words.cuda_failure(self.broken, self.gpu["device"], "cuda_stream_handle.cc", 152,
                                                  "cudaStreamSynchronize(stream_)"))

    def take(self, size: int) -> None:
        """Count memory as ours; a RuntimeError in the arena's words where there is no room."""
        others = sum(one["memory_mb"] or 0 for one in state.held(self.gpu) if one["pid"] != os.getpid())
        room = (self.gpu["memory_mb"] - self.gpu["reserved_mb"] - others - CONTEXT_MB) * MB
        with self._lock:
            if self._bytes + size > room:
                raise RuntimeError(words.no_memory(size))
            self._bytes += size
            state.hold(self.gpu, CONTEXT_MB + self._bytes // MB)

    def give(self, size: int) -> None:
        """Count memory as free again."""
        with self._lock:
            self._bytes -= size


def _opening(code: int, number: int) -> str:
    return words.cuda_failure(code, number, "cuda_execution_provider.cc", 330, "cudaSetDevice(info_.device_id)")
