"""From a path to a loaded model: arguments, the model's checks, the executing process, the driver's table."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from simulated import acl, execution, model_files, om, state, values

IDLE_MB = 180
numbers = itertools.count()


def now_s() -> float:
    """The wall clock, which is what the extension reads."""
    return time.time()


def check_arguments(model_path: str, device: int, options: values.session_options | None) -> None:
    """Options are dereferenced unseen; new builds check ranges and the file."""
    if options is None:
        os.kill(os.getpid(), signal.SIGSEGV)
        return
    acl.Process.log_level = options.log_level
    if state.read()["variant"] in ("2022-06", "2023-06"):
        return
    if not 1 <= options.loop <= 100000:
        raise RuntimeError("loop num out of range. Please check.")
    if not 1 <= options.log_level <= 4:
        raise RuntimeError("log level out of range. Please check.")
    model_files.check(model_path)
    if options.acl_json_path and not Path(options.acl_json_path).is_file():
        raise RuntimeError("please check acl json path")
    if not 0 <= device <= 255:
        raise RuntimeError("device id is out of range")


def load(model_path: str, physical: int) -> dict[str, Any]:
    """The model's header, if the device takes the model.

    Raises:
        RuntimeError: the same for every reason; the reason goes to fd 1.
    """
    slow = state.due("slow-load", device=physical)
    if slow:
        time.sleep(slow.get("seconds", 3))
    if acl.Process.failed:
        _refuse(model_path)
    reason, header = _refusal(Path(model_path), physical)
    if reason:
        acl.say_recent(reason)
        _refuse(model_path)
    acl.say(2, f"load model {model_path} success")
    acl.say(2, "create model description success")
    return header


def _refuse(model_path: str) -> NoReturn:
    """The same for every reason; the newest build writes it in another letter case."""
    if state.read()["variant"] == "2026-08":
        acl.libc.printf(b"%s", b"[error] Load model from file failed\n")
    else:
        acl.say(4, f"load model from file failed, model file is {model_path}")
    acl.fail(1)


def _refusal(path: Path, physical: int) -> tuple[str | None, dict[str, Any]]:
    try:
        header = om.read(path)[0]
    except (OSError, ValueError, KeyError) as error:
        return f"EE1001: The argument is invalid. Reason: {error}, load model from file failed, ret=100012", {}
    now, batch = state.read(), om.batch(header["inputs"])
    if header["soc"] != f"Ascend{now['chip']}":
        return (f"EE1001: The argument is invalid. Reason: supported socVersion=Ascend{now['chip']}, but the model "
                f"socVersion={header['soc']}, ret: 0x7BC80"), {}
    if version(header["cann"]) > version(now["cann"]):
        return f"EE9999: Inner Error! the model was built by a newer toolkit {header['cann']}, ret=545001", {}
    if state.due("oom", device=physical, batch=batch, at="load"):
        return ("EL0004: Failed to allocate memory. Possible Cause: Available memory is insufficient. rtMalloc failed, "
                "runtime result = 207001"), {}
    fault = state.due("load", device=physical, batch=batch)
    if fault:
        return f"EE9999: Inner Error! model load failed, ret={fault.get('code', 500002)}", {}
    return None, header


def version(text: str) -> list[int]:
    """Numbers of a toolkit version; letters do not count."""
    return [int(part) for part in text.split(".")[:2] if part.isdigit()]


def start(model_path: str) -> execution.Execution:
    """The process that runs the model."""
    running = execution.Execution(Path(model_path))
    if not running.ready:
        running.close()
        acl.say_recent("EE9999: Inner Error! the graph cannot be built, ret=500002")
        _refuse(model_path)
    return running


def register(model_path: str, physical: int) -> Path:
    """Enter this process into the driver's table."""
    memory_mb = IDLE_MB + 2 * (Path(model_path).stat().st_size >> 20)
    path = state.root() / "sessions" / f"{os.getpid()}-{next(numbers)}.json"
    entry = {"pid": os.getpid(), "device": physical, "memory_mb": memory_mb, "name": Path(sys.executable).name}
    state.replace_text(path, json.dumps(entry))
    return path
