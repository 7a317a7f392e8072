"""What this Python's aclruntime is. Another process asks: it needs the toolkit's libraries from its start."""

from __future__ import annotations

from types import ModuleType

from tools.engines.ascend import engine, nodes
from tools.errors import EngineError
from tools.machine import events, versions

CALLS = (("run", "run_from_tensors", "run_execute"), ("sumary", "summary"), ("reset_sumaryinfo", "reset_summaryinfo"))
FEATURES = ("run_pipeline", "free_resource", "set_context", "infer_options")


def describe(runtime: ModuleType) -> str:
    """The runtime's place, and what its build can do; an EngineError where it lacks what every build has."""
    session = getattr(runtime, "InferenceSession", None)
    absent = [name for name in ("InferenceSession", "session_options", "Tensor") if not hasattr(runtime, name)]
    absent += [" or ".join(names) for names in CALLS if session and not any(hasattr(session, name) for name in names)]
    if absent:
        raise EngineError(f"this aclruntime is of no known build: it has no {', no '.join(absent)}", where=runtime.__file__,
                          remedy=engine.WHEEL)
    features = {name: hasattr(session, name) or hasattr(runtime, name) for name in FEATURES}
    has, lacks = (", ".join(name for name in FEATURES if features[name] is there) or "nothing" for there in (True, False))
    times = ", ".join(name for name in CALLS[1] if hasattr(session, name))
    simulated = "simulated, " if getattr(runtime, "__simulated__", False) else ""
    return (f"{simulated}{dict(versions.of('aclruntime'))['aclruntime']} in {runtime.__file__}; has {has}; lacks {lacks}; "
            f"times in {times}")


def tell() -> None:
    """Import aclruntime and say what it is."""
    runtime = engine.import_runtime()
    for device in nodes.devices():
        engine.require_nature(runtime, device)
    events.say(describe(runtime))
