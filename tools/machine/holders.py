"""Who holds a lock, as the kernel tells it: processes that share one leave no words in its file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tools.errors import visible

LOCKS = Path("/proc/locks")
CHILD = b"tools.machine.child"
MOST = 200  # of what a process is called


def holding(path: Path) -> list[str]:
    """The words of every process that has *path* locked, as far as the kernel shows them here.

    A container does not see the processes of another one.
    """
    with suppress(OSError):
        inode = str(path.stat().st_ino)
        pids = [int(pid) for _, kind, _, _, pid, place, *_ in map(str.split, LOCKS.read_text().splitlines())
                if kind == "FLOCK" and place.rpartition(":")[2] == inode]
        return [_words(pid) for pid in sorted(set(pids)) if pid > 0]
    return []


def _words(pid: int) -> str:
    """What the process is about: its title where it is a child of a run, else the folder that it works in."""
    about = ""
    with suppress(OSError):
        called = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        about = called[called.index(CHILD) + 1].decode(errors="replace") if CHILD in called[:-1] else ""
    with suppress(OSError):  # another user's
        about = about or f"working in {Path(f'/proc/{pid}/cwd').readlink()}"
    return f"process {pid} ({visible(about)[:MOST]})" if about else f"process {pid}"
