"""Keeps the results of a long computation: killed at any moment, it goes on after its last whole file."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.errors import StoreError
from tools.machine import events
from tools.machine.files import write_whole
from tools.machine.reading import load_npz

EVERY_S = 20.0  # at most this much work is lost when the computation is killed
Arrays = Mapping[str, NDArray[Any]]
Made = tuple[int, Arrays]  # a number of items and their results: rows that are joined along the first axis


@dataclass(frozen=True, slots=True)
class Shards:
    """Results of *total* items in files `<first>-<end>.npz` of *folder*; a file holds *every_s* of work."""

    folder: Path
    total: int
    every_s: float = EVERY_S

    def compute(self, produce: Callable[[int], Iterator[Made]], item: str) -> dict[str, NDArray[Any]]:
        """All results joined: those kept earlier, then those of *produce(first)*, kept as they come.

        item: what an item is called in the sentence that says where the work resumes.
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
        """The results in whole files from item 0 up to the first gap, each with the number of its end."""
        expected = 0
        for path in sorted(self.folder.glob("*-*.npz")):
            first, end = (int(number) for number in path.stem.split("-"))
            arrays = _read(path)
            if first != expected or arrays is None or end >= self.total:
                return
            yield end, arrays
            expected = end


class Pieces(Shards):
    """The same files, written and read by a caller who looks at earlier results before the work goes on."""

    def so_far(self) -> dict[str, NDArray[Any]]:
        """The results kept earlier, joined; none if there are none. Files behind a gap are removed.

        They would stand in the way of those that are written from the gap on.
        """
        kept = list(self._kept())
        whole = set(pairwise([0, *(end for end, _ in kept)]))
        for path in self.folder.glob("*-*.npz"):
            first, end = (int(number) for number in path.stem.split("-"))
            if (first, end) not in whole:
                path.unlink()
        return _joined([arrays for _, arrays in kept]) if kept else {}

    def add(self, first: int, end: int, arrays: Arrays) -> None:
        """Keep the results of the items from *first* up to *end*, which are not the last ones."""
        self._keep(first, end, arrays)

    def forget(self) -> None:
        """Remove all that was kept."""
        if self.folder.exists():
            shutil.rmtree(self.folder)


def _read(path: Path) -> Arrays | None:
    """A file's arrays, or None if it is damaged: reading compares the checksums that the file holds."""
    try:
        return load_npz(path, StoreError)
    except StoreError:
        return None


def _joined(parts: list[Arrays]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
