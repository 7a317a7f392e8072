"""ACL below the runtime module: initialisation, devices, contexts, error codes and its own words on fd 1."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from simulated import state

libc = ctypes.PyDLL(None)  # keeps the interpreter's lock during calls, as the extension does
TEXTS = {-1: "ACL: general failure", 1: "ACL: invalid parameter", 2: "ACL: memory allocation fail", 3: "ACL: runtime failure",
         26: "ACL: memory copy fail"}
KERNEL_FAULT = ("EZ9999: Inner Error!\nEZ9999: The error from device(chipId:{device}, dieId:0), serial number is 1, there is an aicore "
                "error exception, core id is 0, error code = 0x800000, mte error info: 0x3000000, {cause}\n"
                "        TraceBack (most recent call last):\n"
                "        rtStreamSynchronize execute failed, reason=[aicore exception][FUNC:FuncErrorReason]\n"
                "        synchronize stream failed, runtime result = {code}[FUNC:ReportCallError]")


def say(level: int, text: str) -> None:
    """Print through C's stdio as the extension does: nothing but C itself flushes.

    Levels: 1 debug, 2 info, 3 warning, 4 error.
    """
    if level >= Process.log_level:
        libc.printf(b"%s", f"[{('DEBUG', 'INFO', 'WARN', 'ERROR')[level - 1]}] {text}\n".encode())


def say_recent(text: str) -> None:
    """Print ACL's own last error message, whatever the level."""
    libc.printf(b"%s", f"[ACL ERROR] {text}\n".encode())


def fail(code: int) -> NoReturn:
    """Raise what the extension makes of an error code.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError(f"[{code}][{TEXTS.get(code, 'Error code unknown')}] ")


class Process:
    """What ACL knows in this process; initialised once, shut down once."""

    log_level = 2
    pid: int | None = None
    finalised = False
    faulted = False
    failed = False  # aclInit
    threads = threading.local()
    contexts: ClassVar[dict[int, set[int]]] = {}
    next_index: ClassVar[dict[int, int]] = {}


def of_one_context() -> bool:
    """Whether this build has one context per device, bound to the thread that opened it."""
    return state.read()["variant"] in ("2022-06", "2023-06")


def initialise() -> None:
    """aclInit, once per process and never after a fork or a shutdown."""
    if Process.finalised:
        say_recent("EE1001: The argument is invalid. Reason: ACL has been finalized in this process, repeated init is not supported. "
                   "ret=100002")
        say(4, "acl init failed")
        fail(100002)
    check_fork()
    if Process.pid is None:
        Process.pid = os.getpid()
        Process.failed = bool(state.due("init"))
        say(*((4, "acl init failed") if Process.failed else (2, "acl init success")))


def check_fork() -> None:
    """A child of a process that initialised ACL has its memory, not its device."""
    if Process.pid not in (None, os.getpid()):
        say_recent("EE1001: The argument is invalid. Reason: context pointer null. rtGetDevice failed, runtime result = 107002")
        fail(107002)


def physical(device: int) -> int:
    """The device a logical id means."""
    visible = state.visible_devices()
    if not 0 <= device < len(visible):
        say_recent(f"EE1001: The argument is invalid. Reason: Set device failed, invalid device id. device={device}, valid range is "
                   f"[0, {len(visible)}), runtime result = {107001 if visible else 207004}")
        say(4, f"acl open device {device} failed")
        fail(107001)
    return visible[device]


def open_device(device: int) -> int:
    """Open a device, bind a new context to this thread and return the context's index."""
    initialise()
    _check_health(device, physical(device))
    if of_one_context():
        Process.contexts.setdefault(device, {0})
        index = 0
    else:
        index = Process.next_index.get(device, 0)
        Process.next_index[device] = index + 1
        Process.contexts.setdefault(device, set()).add(index)
    say(2, f"open device {device} success")
    Process.threads.context = (device, index)
    return index


def _check_health(device: int, number: int) -> None:
    if state.due("lost", device=number, at="load") or state.lost(number):
        state.lose(number)
        say_recent(f"EL0001: Failed to open device {number}. drvDeviceOpen failed, device lost heartbeat, runtime result = 507899")
        say(4, f"acl open device {device} failed")
        fail(507899)
    if state.due("mismatch", device=number):
        say_recent("E30006: Failed to verify the OPP. The driver, the firmware and the toolkit do not match, runtime result = 507033")
        say(4, f"acl open device {device} failed")
        fail(507033)


def bind(device: int, index: int) -> None:
    """Make a context this thread's own."""
    check_fork()
    if index not in Process.contexts.get(device, ()):
        say(4, f"set context failed: device {device} is not set or context {index} is not created.")
        fail(1)
    Process.threads.context = (device, index)


def bound() -> tuple[int, int] | None:
    """This thread's device and context, if it has any that still lives."""
    context: tuple[int, int] | None = getattr(Process.threads, "context", None)
    if Process.pid != os.getpid() or context is None or context[1] not in Process.contexts.get(context[0], ()):
        return None
    return context


def close_context(device: int, index: int) -> None:
    """Destroy a context for good; its index is never given again."""
    Process.contexts.get(device, set()).discard(index)


def finalise() -> int:
    """Reset every device and shut ACL down for this process; nobody looks at a second time's refusal."""
    if Process.finalised or Process.pid is None:
        return 1002
    for device in Process.contexts:
        say(2, f"end to reset device {device}")
    Process.contexts.clear()
    Process.finalised = True
    say(2, "end to finalize acl")
    return 0


def dump(inputs: list[tuple[str, bytes]]) -> None:
    """What the exception callback leaves in the working folder; one build cannot overwrite an earlier one."""
    for index, (shape, data) in enumerate(inputs):
        path = Path(f"exception_cb_index_0_input_{index}_format_2_dtype_0_shape_{shape}.bin")
        if path.exists() and state.read()["variant"] == "2025-12":
            say(4, "open file failed")
        else:
            path.write_bytes(data)


def kernel_fault(device: int, code: int, cause: str, inputs: list[tuple[str, bytes]]) -> NoReturn:
    """An exception on the device's cores: dumps, words on fd 1, and a process that can run nothing now."""
    Process.faulted = True
    dump(inputs)
    details: dict[str, Any] = {"device": device, "cause": cause, "code": code}
    say_recent(KERNEL_FAULT.format(**details))
    say(4, "execute model failed, modelId is 1")
    fail(-1)
