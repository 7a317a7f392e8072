"""Which model files the runtime opens: the strict rules of the builds since 2024."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from simulated import acl

MAX_DEPTH, MAX_NAME, MAX_PATH, MAX_BYTES = 32, 255, 4096, 64 << 30


def check(path: str) -> None:
    """Refuse a path or a file's permissions before the file is read.

    Raises:
        RuntimeError: without the reason, which goes to fd 1.
    """
    absolute = os.path.normpath(Path.cwd() / path)
    sentence = _path_fault(absolute) or _file_fault(Path(absolute))
    if sentence:
        acl.say(4, sentence)
        acl.say(4, "model path illegal, please check.")
        raise RuntimeError("please check model path")


def _path_fault(path: str) -> str | None:
    if len(path) > MAX_PATH or max(map(len, path.split("/"))) > MAX_NAME:
        return "path length illegal"
    if re.search(r"[^A-Za-z0-9_./-]", path):
        return "path characters invalid"
    return "path depth invalid" if path.count("/") > MAX_DEPTH else None


def _file_fault(path: Path) -> str | None:
    if not path.is_file():
        return "path is not regular file"
    if path.is_symlink():
        return "path is soft link"
    mode = path.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "path permission should not be over 0o755(rwxr-xr-x)"
    if not mode & stat.S_IRUSR or not os.access(path, os.R_OK):
        return "path permission should be at least 0o400(r--------)"
    return "path suffix and size invalid" if path.suffix != ".om" or path.stat().st_size > MAX_BYTES else None
