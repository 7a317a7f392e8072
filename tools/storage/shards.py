"""What a long computation has done so far, in files that are whole: killed at any moment, it goes on where it was."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.machine import events
from tools.machine.files import write_whole

EVERY_S = 20.0  # as much is lost when the computation is killed
Arrays = Mapping[str, NDArray[Any]]
Made = tuple[int, Arrays]  # how many items, and what they gave: rows to be joined along the first axis


@dataclass(frozen=True, slots=True)
class Shards:
    """The results of items 0, 1, ... of *total*, in files `<first>-<end>.npz` in *folder*; *every_s*: seconds of work in one."""

    folder: Path
    total: int
    every_s: float = EVERY_S

    def compute(self, produce: Callable[[int], Iterator[Made]], item: str) -> dict[str, NDArray[Any]]:
        """All results joined: those kept, and those that *produce(first)* then gives in order, kept as they come.

        item: what one is called, for the sentence that says where it resumes.
        """
        kept = list(self._kept())
        parts = [arrays for _, arrays in kept]
        first = kept[-1][0] if kept else 0
        if first:
            events.say(f"resuming at {item} {first + 1:,} of {self.total:,}")
        end, fresh, since = first, [], time.monotonic()
        for count, arrays in produce(first):
            fresh.append(arrays)
            end += count
            if time.monotonic() - since > self.every_s and end < self.total:
                parts.append(_joined(fresh))
                self._keep(first, end, parts[-1])
                first, fresh, since = end, [], time.monotonic()
        return _joined([*parts, *fresh])

    def _keep(self, first: int, end: int, arrays: Arrays) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / f"{first:07d}-{end:07d}.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))

    def _kept(self) -> Iterator[Made]:
        """The whole files that follow one another from item 0 on, each with where it ends; what comes after a gap is made again."""
        expected = 0
        for path in sorted(self.folder.glob("*-*.npz")):
            first, end = (int(number) for number in path.stem.split("-"))
            arrays = _read(path)
            if first != expected or arrays is None or end >= self.total:
                return
            yield end, arrays
            expected = end


def _read(path: Path) -> Arrays | None:
    """A file's arrays, or None if it is damaged: the archive's own checksums are compared on reading."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def _joined(parts: list[Arrays]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
