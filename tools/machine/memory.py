"""How much memory a cell will need, how much is free, and how much this process took."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tools.errors import MeasureError

ARENA_GROWTH = 2.5
CGROUP = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
FILES = {  # of a group's folder, in version 2 and 1: its limit, what it uses, and the cache's name in memory.stat
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
RUNTIME_BYTES = 300 * 2**20  # interpreter, ONNX Runtime, decoders and their workers


def need_bytes(activations: int, weights: int, batch_bytes: int, slots: int) -> int:
    """What a cell takes on the CPU: activations, weights twice, a ring of *slots* batches and one batch more.

    ONNX Runtime keeps the weights as loaded and as repacked. Its arena doubles its blocks as it grows: TSM
    took 2.3 times its live activations at batch 16.
    """
    return int(ARENA_GROWTH * activations) + 2 * weights + (slots + 1) * batch_bytes + RUNTIME_BYTES


def require(need: int, what: str) -> None:
    """Check that *need* bytes are free.

    Raises:
        MeasureError: naming both numbers.
    """
    free = available_bytes()
    if need > free:
        raise MeasureError(f"{what} needs about {need / 2**30:.1f} GiB of memory, {free / 2**30:.1f} GiB are free",
                           remedy="choose a smaller batch with -k, or free memory")


def available_bytes() -> int:
    """Memory free to this process: the machine's, or what its container or job leaves where that is less."""
    import psutil

    return min([int(psutil.virtual_memory().available), *_left_by_groups()])


def _left_by_groups() -> Iterator[int]:
    """What each control group that this process is in leaves of its limit, in either version; at least 0."""
    places = {(kind, CGROUP / kind) for kind in FILES}  # a container's own group, whatever its path outside is
    for line in _text(OWN_CGROUPS).splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds == "" or "memory" in kinds.split(","):
            kind = "memory" if kinds else ""
            own = CGROUP / kind / path.strip("/")
            places |= {(kind, folder) for folder in (own, *own.parents) if folder.is_relative_to(CGROUP / kind)}
    for kind, folder in places:
        limit_name, used_name, cache_name = FILES[kind]
        limit, used, stat = (_text(folder / name).strip() for name in (limit_name, used_name, "memory.stat"))
        if limit.isdecimal() and used.isdecimal():
            cache = re.search(rf"^{cache_name} (\d+)", stat, re.MULTILINE)  # counts as used; the kernel gives it back when asked
            yield max(0, int(limit) - int(used) + (int(cache[1]) if cache else 0))


def peak_resident_bytes() -> int:
    """This process's largest resident size so far; getrusage's would include its parent's at the fork."""
    import psutil

    peak = re.search(r"^VmHWM:\s*(\d+) kB", _text(Path("/proc/self/status")), re.MULTILINE)
    return int(peak[1]) * 1024 if peak else int(psutil.Process().memory_info().rss)


def _text(path: Path) -> str:
    """What *path* holds; nothing where it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""
