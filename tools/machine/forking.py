"""What a forked process must leave alone of the process that it was forked from."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Processes forked inside never collect the garbage that this one had.

    What it had may be a runtime's session, whose end waits for threads. A forked process has none of them,
    and would wait for ever.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
