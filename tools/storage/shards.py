"""Keeps the results of a long computation: killed at any moment, it goes on after its last whole file."""

from __future__ import annotations

import os
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
ROWS = "scores"  # the result of which a file of `Ranges` has a row for each item
FILES = "[0-9]*-[0-9]*.npz"
Span = tuple[int, int]
Made = tuple[int, Arrays]  # a number of items and their results: rows that are joined along the first axis


@dataclass(frozen=True, slots=True)
class Shards:
    """Results of *total* items in files `<first>-<end>.npz` of *folder*; a file holds *every_s* of work."""

    folder: Path
    total: int
    every_s: float = EVERY_S

    def compute(self, produce: Callable[[int], Iterator[Made]], item: str) -> dict[str, NDArray[Any]]:
        """All results joined: those kept earlier, then those of *produce(first)*, kept as they come.

        item: what an item is called in the sentence that says where the work resumes. Nothing is produced
        where all is kept.
        """
        kept = list(self._kept())
        parts = [arrays for _, arrays in kept]
        first = kept[-1][0] if kept else 0
        if first and first == self.total:
            return _joined(parts)
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

    def whole(self) -> bool:
        """Whether all results are kept, so that nothing is left to be produced."""
        ends = [end for end, _ in self._kept()]
        return bool(ends) and ends[-1] == self.total

    def _keep(self, first: int, end: int, arrays: Arrays) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.file(first, end), lambda file: np.savez(file, allow_pickle=False, **arrays))

    def _kept(self) -> Iterator[Made]:
        """The results in whole files from item 0 up to the first gap, each with the number of its end."""
        expected = 0
        for first, end, arrays in self._apart():
            if first != expected:
                return
            yield end, arrays
            expected = end

    def _apart(self) -> Iterator[tuple[int, int, Arrays]]:
        """The results in whole files, in order; of two that have an item in common only the first counts.

        The longer one counts where both begin at the same item.
        """
        behind = 0
        for first, end in sorted(map(_span, self.folder.glob(FILES)), key=lambda span: (span[0], -span[1])):
            if behind <= first < end <= self.total and (arrays := _read(self.file(first, end))) is not None:
                yield first, end, arrays
                behind = end

    def file(self, first: int, end: int) -> Path:
        """Where the results of the items from *first* up to *end* are kept."""
        return self.folder / name_of((first, end))


class Pieces(Shards):
    """The same files, written and read by a caller who looks at earlier results before the work goes on."""

    def so_far(self) -> dict[str, NDArray[Any]]:
        """The results kept earlier, joined; none if there are none. Files behind a gap are removed.

        They would stand in the way of those that are written from the gap on.
        """
        kept = list(self._kept())
        whole = set(pairwise([0, *(end for end, _ in kept)]))
        for path in self.folder.glob(FILES):
            if _span(path) not in whole:
                path.unlink()
        return _joined([arrays for _, arrays in kept]) if kept else {}

    def add(self, first: int, end: int, arrays: Arrays) -> None:
        """Keep the results of the items from *first* up to *end*."""
        self._keep(first, end, arrays)

    def forget(self) -> None:
        """Remove all that was kept."""
        if self.folder.exists():
            shutil.rmtree(self.folder)


class Ranges(Shards):
    """The same files, made in any order by processes that each compute a part of the items."""

    def keep(self, first: int, end: int, results: Arrays | bytes) -> Arrays:
        """Keep the results of the items from *first* up to *end*, or the file that holds them as it came.

        Raises:
            StoreError: they are no results of so many items. What was kept stays.
        """
        path = self.file(first, end)
        self.folder.mkdir(parents=True, exist_ok=True)
        arriving = path.with_suffix(".arriving")
        write_whole(arriving, lambda file: file.write(results) if isinstance(results, bytes)
                    else np.savez(file, allow_pickle=False, **results))
        try:
            found = load_npz(arriving, StoreError, f"the results of items {first:,} to {end:,}", "have them made again")
            if not 0 <= first < end <= self.total or ROWS not in found or found[ROWS].shape[:1] != (end - first,):
                raise StoreError(f"these are no results of the items {first:,} to {end:,} of {self.total:,}", where=str(arriving),
                                 remedy="have them made again")
        except StoreError:
            arriving.unlink()
            raise
        os.replace(arriving, path)
        return found

    def missing(self, size: int) -> list[Span]:
        """The spans of items without results, in order, none across a multiple of *size*."""
        kept = [(first, end) for first, end, _ in self._apart()]
        gaps = zip([0, *(end for _, end in kept)], [*(first for first, _ in kept), self.total], strict=True)
        return [(begin, min(begin - begin % size + size, behind)) for first, behind in gaps
                for begin in (first, *range(first - first % size + size, behind, size)) if begin < behind]


def name_of(span: Span) -> str:
    """The file that holds the results of a span of the items."""
    return f"{span[0]:07d}-{span[1]:07d}.npz"


def _span(path: Path) -> Span:
    """The items of a file: the first one, and the one behind the last."""
    first, end = (int(number) for number in path.stem.split("-"))
    return first, end


def _read(path: Path) -> Arrays | None:
    """A file's arrays, or None if it is damaged: reading compares the checksums that the file holds."""
    try:
        return load_npz(path, StoreError)
    except StoreError:
        return None


def _joined(parts: list[Arrays]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
