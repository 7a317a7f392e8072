"""What mmaction2 makes, in a process of its own, since it needs torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.machine import child, versions
from tools.machine.versions import ABSENT
from tools.spec.model import Spec
from tools.storage.context import Context

DOING = "running mmaction2's steps on a few inputs"
NEEDED = ("torch", "mmaction2", "mmengine")


def lacking() -> tuple[str, ...]:
    """The packages of mmaction2's pipeline that are not installed."""
    return tuple(name for name, version in versions.of(*NEEDED) if version == ABSENT)


def make(context: Context[Spec], work: Callable[[Path], None], folder: Path) -> None:
    """Let a child process do *work*, which leaves in *folder* what it makes.

    work: a function of a module, or a `partial` of one.

    Raises:
        ClipgateError: what the child reported.
    """
    context.on_event({"kind": "stage", "text": DOING})
    log = context.settings.store / "logs" / f"steps-{context.spec.name}-{os.getpid()}.log"
    try:
        child.call(partial(work, folder), DOING, log=log, on_event=context.on_event)
    finally:
        context.on_event({"kind": "ended", "text": DOING})
