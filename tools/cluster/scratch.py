"""Folders in which tasks work on a node, below its artifacts: gone with a task that went well.

Of one that failed the folder stays for whoever looks into its log. A task whose process is killed leaves its
own behind. Both go after some days, when another task comes.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.cluster.home import Place
from tools.cluster.values import Work
from tools.errors import ClusterError
from tools.machine import opening
from tools.machine.files import write_whole
from tools.measuring import quarantine
from tools.spec.case import Device

FOLDER = "cluster"
KEPT_S = 3 * 24 * 3600.0  # longer than any task takes
MOST = 2**20  # bytes of a note
NOTES = ".devices"  # what a run has noted of each device, for its next task on that device


@contextmanager
def folder(artifacts: Path, work: Work) -> Iterator[Path]:
    """A new folder of the task's own, removed at its end unless an error passes.

    Raises:
        ClusterError: it cannot be made.
    """
    home = artifacts / FOLDER
    try:
        home.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{_plain(f'{work.run}-{work.key}')}-", dir=home))
    except OSError as error:
        raise ClusterError(f"no folder can be made for a task: {error.strerror or error}", where=str(error.filename or home),
                           remedy="let the artifacts folder of this node be writable and not full") from error
    _sweep(home)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def bring_note(artifacts: Path, run: Path, work: Work, place: Place, device: Device) -> None:
    """Let a task's folder *run* know what the run has noted of its device before."""
    _copy(_kept(artifacts, work, place, device), quarantine.note(run, device))


def keep_note(artifacts: Path, run: Path, work: Work, place: Place, device: Device) -> None:
    """Keep what a task has noted of its device, for the run's next one there."""
    _copy(quarantine.note(run, device), _kept(artifacts, work, place, device))


def _copy(here: Path, there: Path) -> None:
    if here.is_file():
        there.parent.mkdir(parents=True, exist_ok=True)
        write_whole(there, lambda file: file.write(opening.read_bytes(here, MOST)))


def _kept(artifacts: Path, work: Work, place: Place, device: Device) -> Path:
    """Where they are; nodes that share a folder have devices of the same names."""
    return artifacts / FOLDER / f"{_plain(work.run)}{NOTES}" / f"{_plain(place.id or place.name)}-{device.label}.json"


def _plain(words: str) -> str:
    return re.sub(r"[^\w.]+", "-", words).strip("-")[:100]


def _sweep(home: Path) -> None:
    """Remove what no task can be at work on any more."""
    for path in home.iterdir():
        with suppress(OSError):  # another task removes it
            if time.time() - path.stat().st_mtime > KEPT_S:
                shutil.rmtree(path, ignore_errors=True)
