"""What aclruntime asks of a compiled model's path since 2024-08. Older builds take any path."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from tools.errors import StoreError

SUFFIX = ".om"
MODE = 0o644
MAX_DEPTH = 32
BELOW_ROOT = 4  # store/om/<entry>/model.om
MAX_BYTES = 64 * 2**30
REFUSED = re.compile(r"[^A-Za-z0-9_./-]")


def require_root(artifacts: Path) -> None:
    """Check, before anything is compiled, that models below *artifacts* can be loaded.

    Raises:
        StoreError: naming the rule that the path breaks.
    """
    wrong = _broken_rule(artifacts, BELOW_ROOT)
    if wrong:
        raise StoreError(f"aclruntime would refuse every model below this folder: {wrong}", where=str(artifacts),
                         remedy="choose another folder with --artifacts DIR")


def refusal(path: Path) -> str:
    """The rule that the file of a compiled model breaks; empty if it can be loaded."""
    wrong = _broken_rule(path)
    if wrong:
        return wrong
    if path.suffix != SUFFIX:
        return f"its name must end in {SUFFIX}"
    try:
        status = path.lstat()
    except FileNotFoundError:
        return "it is not there"
    if not stat.S_ISREG(status.st_mode):
        return "it must be a regular file, not a link"
    if status.st_mode & 0o022:
        return f"group and others must not be able to write it (mode {stat.S_IMODE(status.st_mode):o}; 644 or 600 is right)"
    if not status.st_mode & stat.S_IRUSR or not os.access(path, os.R_OK):
        return "it must be readable"
    return "it must not be larger than 64 GiB" if status.st_size > MAX_BYTES else ""


def _broken_rule(path: Path, below: int = 0) -> str:
    """The rule that *path*, or one *below* folders deeper, breaks; empty if it keeps them."""
    path = path.absolute()
    strange = sorted(set(REFUSED.findall(str(path))))
    if strange:
        return f"a path may hold letters, digits and _ . / - only, not {' '.join(map(repr, strange))}"
    depth = len(path.parts) - 1 + below
    return f"a path may be {MAX_DEPTH} folders deep, this one is {depth}" if depth > MAX_DEPTH else ""
