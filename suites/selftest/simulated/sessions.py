"""`InferenceSession` as five builds of the extension have it."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulated import acl, execution, loading, running, state, tensors, values


class Session:
    """What all builds share: a model loaded on a device, and runs of it."""

    def __init__(self, model_path: str, device_id: int, options: values.session_options) -> None:
        self._execution: execution.Execution | None = None
        if not isinstance(model_path, str) or isinstance(device_id, float) or not isinstance(options, values.session_options | None):
            raise TypeError("__init__(): incompatible constructor arguments. The following argument types are supported:\n"
                            "    1. aclruntime.InferenceSession(arg0: str, arg1: int, arg2: aclruntime.session_options)")
        self._device, self._options = operator.index(device_id), options
        loading.check_arguments(model_path, self._device, options)
        self._index = acl.open_device(self._device)
        self._physical = acl.physical(self._device)
        self.header = loading.load(model_path, self._physical)
        self._execution = loading.start(model_path)
        self._registration = loading.register(model_path, self._physical)
        self._inputs = [values.tensor_desc.of(self, info) for info in self.header["inputs"]]
        self._outputs = [values.tensor_desc.of(self, info) for info in self.header["outputs"]]
        self._summary = values.SUMMARIES[state.read()["variant"]]()
        self._origin = loading.now_s()

    def get_inputs(self) -> list[values.tensor_desc]:
        return list(self._inputs)

    def get_outputs(self) -> list[values.tensor_desc]:
        return list(self._outputs)

    def options(self) -> values.session_options:
        return self._options

    def sumary(self) -> Any:
        return self._summary

    def reset_sumaryinfo(self) -> int:
        self._summary._times.clear()
        return 0

    def set_staticbatch(self) -> int:
        self._enter()
        return 0

    def set_dynamic_batchsize(self, batchsize: int) -> int:
        """No model here has gears.

        Raises:
            RuntimeError: always.
        """
        self._enter()
        acl.say(4, f"the dymBatch parameter is not correct: {batchsize}")
        acl.fail(1)

    def set_custom_outsize(self, sizes: list[int]) -> int:
        self._enter()
        return 0

    def run(self, out_names: Sequence[str], feeds: Any) -> list[tensors.Tensor]:
        """Execute once (or as often as the options say): outputs in device memory, in the names' order."""
        run_arguments(out_names, feeds)
        self._enter()
        memories = running.gather(self.header, self._device, feeds)
        outputs = self._execute(memories, self._options.loop)
        return running.select(self.header, outputs, out_names)

    def _execute(self, memories: list[Any], loop: int) -> list[tensors.DeviceMemory]:
        if self._execution is None:
            acl.say_recent("EE1001: The argument is invalid. Reason: the model id is not loaded, ret=145003")
            acl.fail(-1)
        outputs = running.allocate(self.header, self._device, self._physical, self._index)
        for turn in range(loop):
            times = running.execute(self._execution, self.header, self._physical, memories, outputs)
            self._summary._times.append(self._entry(*times))
            if loop > 1:
                acl.libc.printf(b"%s", f"\rloop inference exec: ({turn + 1}/{loop})".encode())
        return outputs

    def _entry(self, start_s: float, end_s: float) -> Any:
        return values.float32(1000 * (end_s - start_s))

    def _enter(self) -> None:
        """Old builds rely on the context of the thread that opened the session."""
        acl.check_fork()
        if acl.bound() is None:
            acl.say_recent("EE1001: The argument is invalid. Reason: context pointer null, runtime result = 107002")
            acl.say(4, "execute model failed, modelId is 1")
            acl.fail(-1)

    def _unload(self) -> None:
        if getattr(self, "_execution", None) is not None and acl.Process.pid == os.getpid():
            self._execution.close()
            self._registration.unlink(missing_ok=True)
            acl.say(2, "unload model success, model Id is 1")
        self._execution = None

    def __del__(self) -> None:
        self._unload()

    def __str__(self) -> str:
        def rows(infos: list[values.tensor_desc]) -> str:
            return "".join(f"  #{index}    {info.name}  ({', '.join(map(str, info.shape))})  {info.datatype.name}  {info.size}  "
                           f"{info.realsize}\n" for index, info in enumerate(infos))

        return f"<Model>\ndevice:\t{self._device}\ninput:\n{rows(self._inputs)}output:\n{rows(self._outputs)}"

    __repr__ = __str__


def run_arguments(out_names: object, feeds: object) -> None:
    """The overloads: a list of names, and a list of tensors, a mapping to tensors or a list of base tensors.

    Raises:
        TypeError: none fits, as for NumPy arrays.
    """
    def all_of(kind: type, sequence: object) -> bool:
        return isinstance(sequence, Sequence) and not isinstance(sequence, str) and all(isinstance(item, kind) for item in sequence)

    named = isinstance(feeds, Mapping) and all_of(str, list(feeds)) and all_of(tensors.Tensor, list(feeds.values()))
    old = state.read()["variant"] == "2022-06"
    if not all_of(str, out_names) or not (named or all_of(tensors.Tensor, feeds) or (not old and all_of(tensors.BaseTensor, feeds))):
        raise TypeError("run(): incompatible function arguments. The following argument types are supported:\n"
                        "    1. (self: aclruntime.InferenceSession, arg0: List[str], arg1: List[aclruntime.Tensor]) -> "
                        "List[aclruntime.Tensor]\n    2. (self: aclruntime.InferenceSession, arg0: List[str], "
                        "arg1: Dict[str, aclruntime.Tensor]) -> List[aclruntime.Tensor]")


class Session2022(Session):
    """Runs in three calls as well; no end but the process's."""

    def run_setinputs(self, feeds: Any) -> int:
        run_arguments([], feeds)
        self._enter()
        self._set = running.gather(self.header, self._device, feeds)
        return 0

    def run_execute(self, loop: int = 1) -> int:
        self._enter()
        self._made = self._execute(self._set, loop)
        return 0

    def run_getoutputs(self, out_names: Sequence[str]) -> list[tensors.Tensor]:
        return running.select(self.header, self._made, out_names)


class Session2023(Session):
    """`finalize` belongs to a session."""

    def finalize(self) -> int:
        self._unload()
        return acl.finalise()


class Session2024(Session):
    """A context per session, bound on every call; times are (start, end) pairs of single precision."""

    def _enter(self) -> None:
        acl.bind(self._device, self._index)

    def _entry(self, start_s: float, end_s: float) -> Any:
        return values.float32(1000 * (start_s - self._origin)), values.float32(1000 * (end_s - self._origin))

    def set_context(self) -> None:
        """Bind this session's context to the calling thread."""
        self._enter()

    def free_resource(self) -> int:
        """Unload the model and destroy the context; a status that is easy to overlook."""
        if self._index not in acl.Process.contexts.get(self._device, ()):
            return 1
        acl.bind(self._device, self._index)
        self._unload()
        acl.close_context(self._device, self._index)
        return 0

    finalize = staticmethod(acl.finalise)


class Session2025(Session2024):
    """The same calls; what its exception callback cannot overwrite is in `acl.dump`."""


class Session2026(Session2024):
    """`summary` beside `sumary`; the other name is gone."""

    def summary(self) -> Any:
        return self._summary

    def reset_summaryinfo(self) -> int:
        return super().reset_sumaryinfo()

    @property
    def reset_sumaryinfo(self) -> Callable[[], int]:
        raise AttributeError("'aclruntime.InferenceSession' object has no attribute 'reset_sumaryinfo'")

    def run_from_tensors(self, out_names: Sequence[str], feeds: Any) -> list[tensors.Tensor]:
        return self.run(out_names, feeds)


BUILDS = {"2022-06": Session2022, "2023-06": Session2023, "2024-05": Session2024, "2025-12": Session2025, "2026-08": Session2026}
for build in BUILDS.values():
    build.__name__ = build.__qualname__ = "InferenceSession"
