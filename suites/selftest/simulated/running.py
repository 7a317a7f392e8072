"""One execution: what is checked (bytes) and what is not (everything else), and the faults that strike it."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from simulated import acl, execution, om, state, tensors, values

WILD = "The MTE instruction address is out of range."
Memory = tensors.DeviceMemory | None  # None: an address the device cannot read
leaked: list[tensors.DeviceMemory] = []


def byte_size(info: dict[str, Any]) -> int:
    """What an input or output takes."""
    return int(math.prod(info["shape"]) * values.SIZES[info["datatype"]])


def gather(header: dict[str, Any], device: int, feeds: Any) -> list[Memory]:
    """Device memories in the model's order; sizes are all that is looked at.

    Raises:
        RuntimeError: a size or the number of inputs is wrong.
    """
    wanted = header["inputs"]
    if isinstance(feeds, Mapping):
        feeds = _in_order(wanted, feeds)
    base = bool(feeds) and isinstance(feeds[0], tensors.BaseTensor)
    if len(feeds) > len(wanted):
        _too_many(len(feeds), len(wanted), checked=base and not acl.of_one_context())
    for index, (info, feed) in enumerate(zip(wanted, feeds, strict=False)):
        size = feed.size if base else feed.byte_size()
        if size != byte_size(info):
            acl.say(4, f"Check i:{index} name:{info['name']} in size:{size} needsize:{byte_size(info)} not match")
            acl.fail(-1)
    if len(feeds) < len(wanted):
        acl.say(3, f"intensors in:{len(feeds)} need:{len(wanted)} not match")
        acl.fail(-1)
    return [_copied(feed, device) if base else feed.memory_on(device) for feed in feeds]


def _in_order(wanted: list[dict[str, Any]], feeds: Mapping[str, tensors.Tensor]) -> list[tensors.Tensor]:
    if len(feeds) != len(wanted):
        acl.say(4, f"intensors size:{len(feeds)} need size:{len(wanted)} not match")
        acl.fail(-1)
    for index, info in enumerate(wanted):
        if info["name"] not in feeds:
            acl.say(4, f"intensors i:{index} name:{info['name']} not find")
            acl.fail(-1)
    return [feeds[info["name"]] for info in wanted]


def _too_many(given: int, needed: int, *, checked: bool) -> None:
    """Most paths read beyond their list; the process does not survive that here."""
    if not checked:
        os.kill(os.getpid(), signal.SIGSEGV)
    acl.say(4, f"feeds size: {given} not equal to model tensor desc size: {needed}")
    acl.fail(3)


def _copied(feed: tensors.BaseTensor, device: int) -> tensors.DeviceMemory:
    if state.due("oom", device=acl.physical(device), at="input"):
        acl.say(4, f"MxbsMalloc failed, size:{feed.size} ret:2")
        acl.say(4, f"Check i:0 in size:2 needsize:{feed.size} not match")
        acl.fail(-1)
    start = time.perf_counter()
    memory = tensors.DeviceMemory(feed.size, device, acl.bound()[1])
    memory.bytes[:feed.size] = ctypes.string_at(feed.buf, feed.size)
    tensors.MemorySummary().H2D_time_list.append(1000 * (time.perf_counter() - start))
    leaked.append(memory)
    return memory


def allocate(header: dict[str, Any], device: int, physical: int, context: int) -> list[tensors.DeviceMemory]:
    """Fresh device memory for every output."""
    batch = om.batch(header["inputs"])
    sizes = [byte_size(info) for info in header["outputs"]]
    if state.due("oom", device=physical, batch=batch, at="run"):
        tensors.out_of_memory(sum(sizes))
    return [tensors.DeviceMemory(size, device, context) for size in sizes]


def execute(graph: execution.Execution, header: dict[str, Any], physical: int, inputs: list[Memory],
            outputs: list[tensors.DeviceMemory]) -> tuple[float, float]:
    """Run once; return start and end in seconds; inputs copied for the run are freed unless it fails."""
    batch = om.batch(header["inputs"])
    strike(header, physical, batch, inputs)
    damage = [kind for kind in ("hang", "nan", "shifted") if state.due(kind, device=physical, batch=batch)]
    slow = state.due("slow", device=physical, batch=batch)
    remembers = state.due("remembers", device=physical, batch=batch)
    request = {"inputs": [memory.file for memory in inputs if memory], "outputs": [memory.file for memory in outputs],
               "damage": damage, "at_least_ms": slow.get("ms", 100) if slow else 0, "rounding": state.read()["rounding"],
               "unless_remembered_ms": remembers.get("ms", 30) if remembers else 0}
    times = graph.run(request)
    if times is None:
        acl.kernel_fault(physical, 507011, "the executing process failed", contents(header, inputs))
    leaked[:] = [memory for memory in leaked if memory not in inputs]
    return times


def strike(header: dict[str, Any], physical: int, batch: int, inputs: list[Memory]) -> None:
    """Whatever keeps this execution from starting."""
    if state.due("abort", device=physical, batch=batch):
        sys.stderr.write("terminate called after throwing an instance of 'std::runtime_error'\n  what():  [-1][ACL: general failure] \n")
        sys.stderr.flush()
        os.abort()
    if state.due("lost", device=physical, batch=batch, at="run"):
        state.lose(physical)
    if state.lost(physical):
        acl.say_recent("EL0001: Inner Error! device lost heartbeat, synchronize stream failed, runtime result = 507010")
        acl.say(4, "execute model failed, modelId is 1")
        acl.fail(-1)
    fault = state.due("kernel", device=physical, batch=batch)
    if fault or acl.Process.faulted or not all(inputs):
        code = fault.get("code", 507015) if fault else 507015
        acl.kernel_fault(physical, code, WILD, contents(header, inputs))


def contents(header: dict[str, Any], inputs: list[Memory]) -> list[tuple[str, bytes]]:
    """Shapes and bytes of the inputs, as far as the device could read them."""
    shapes = ["x".join(map(str, info["shape"])) for info in header["inputs"]]
    return [(shape, bytes(memory.bytes) if memory else b"") for shape, memory in zip(shapes, inputs, strict=True)]


def select(header: dict[str, Any], outputs: list[tensors.DeviceMemory], names: Sequence[str]) -> list[tensors.Tensor]:
    """Outputs by the names the session declares, looked up after the execution."""
    declared = {info["name"]: index for index, info in enumerate(header["outputs"])}
    for name in names:
        if name not in declared:
            acl.say(4, f"outnames {name} not valid")
            acl.fail(-1)
    found = [(header["outputs"][declared[name]], outputs[declared[name]]) for name in names]
    return [tensors.Tensor.on_device(memory, info["datatype"], info["shape"]) for info, memory in found]
