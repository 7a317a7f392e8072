"""What a library prints to this process's stderr: only there does ONNX Runtime say why it falls back."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


class Heard:
    """What was printed in the block, once it is over."""

    text = ""


@contextmanager
def stderr() -> Iterator[Heard]:
    """Note what goes to stderr in this block; it goes there all the same.

    Where stderr is a file, as the log of a cell is, that file is read afterwards: the last words of a library
    that ends the process are in it. Else they wait in a file of our own until the block is over.
    """
    heard = Heard()
    sys.stderr.flush()
    there = os.fstat(STDERR)
    with tempfile.TemporaryFile() as own:
        kept = None if stat.S_ISREG(there.st_mode) else os.dup(STDERR)
        if kept is not None:
            os.dup2(own.fileno(), STDERR)
        try:
            yield heard
        finally:
            sys.stderr.flush()
            if kept is None:
                heard.text = _since(there.st_size)
            else:
                os.dup2(kept, STDERR)
                os.close(kept)
                own.seek(0)
                printed = own.read()
                os.write(STDERR, printed)
                heard.text = printed.decode(errors="replace")


def _since(size: int) -> str:
    """What stderr's file holds behind its first *size* bytes; nothing where this user may not read it."""
    try:
        with open(f"/proc/self/fd/{STDERR}", "rb") as file:
            file.seek(size)
            return file.read().decode(errors="replace")
    except OSError:
        return ""
