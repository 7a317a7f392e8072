"""Scores of a network that lie in its folder: all of them, or the first ones that a killed process left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.measuring.cell import RECORD, TIMES
from tools.measuring.feeding import Spent
from tools.measuring.inputs import noted
from tools.measuring.predictions import FILE, load
from tools.media.batches import Batch
from tools.media.preprocess import Floats
from tools.storage.shards import EVERY_S, Arrays, Pieces, Ranges

PIECES = "scored-"  # what folders of unfinished scores begin with; a digest of what shapes the scores follows
FIELDS = {"scores", "seconds", "spent", "inputs", "by"}  # what a piece holds


class Saved:
    """The scores of *ids* in *folder*, and in pieces below it those that are not all there yet.

    same: the digest of what shapes them; pieces of another one are not seen. wanted: the items whose inputs
    are noted. fed: the digests of those inputs. seconds: how long scoring took so far, from `begin` on.
    spent: what the device did in those seconds. Both are of all processes whose scores are kept.
    by: who scored those that came from elsewhere, in words.
    """

    def __init__(self, folder: Path, same: str, ids: tuple[str, ...], wanted: frozenset[str]) -> None:
        self.ids, self._folder, self._wanted = ids, folder, wanted
        self._pieces = Pieces(folder / f"{PIECES}{same}", len(ids), EVERY_S)
        self._fresh: list[Floats] = []
        self._since: float | None = None
        self.fed: dict[str, str] = {}
        self.spent = Spent()
        self.by: tuple[str, ...] = ()
        self._seconds = 0.0
        self._parts: list[Floats] = []
        self.are_whole = (folder / RECORD).is_file()
        if self.are_whole:
            self._parts = [load(folder / FILE).scores]
        else:
            self._take(self._pieces.so_far())
        self.count = sum(map(len, self._parts))

    def _take(self, kept: dict[str, NDArray[Any]]) -> None:
        if kept:
            self._parts, self._seconds = [kept["scores"]], float(kept["seconds"].sum())
            self.spent = Spent(*kept["spent"][-1].tolist())
            self.fed.update((str(id), str(digest)) for id, digest in kept["inputs"])
            self.by = tuple(map(str, kept["by"]))

    @property
    def scores(self) -> Floats:
        """Those that are there, with those of this process."""
        return np.concatenate([*self._parts, *self._fresh])

    @property
    def seconds(self) -> float:
        return self._seconds + self._running_s

    @property
    def _running_s(self) -> float:
        return 0.0 if self._since is None else time.monotonic() - self._since

    def begin(self) -> None:
        """Take the time from now on."""
        self._since = time.monotonic()

    def end(self) -> None:
        """Take no more time."""
        self._seconds, self._since = self.seconds, None

    def noting(self, stream: Iterator[Batch]) -> Iterator[Batch]:
        """The batches as they are, while the digests of their inputs are noted."""
        return noted(stream, self._wanted, self.fed)

    def keep(self, scores: Floats) -> None:
        """Take the scores of the next items, and write what came since the last piece if it is old enough."""
        self._fresh.append(scores)
        end = self.count + sum(map(len, self._fresh))
        if self._running_s < self._pieces.every_s or end == len(self.ids):
            return
        piece = np.concatenate(self._fresh)
        self._pieces.add(self.count, end, self._told(piece, self.ids[self.count : end], self._running_s))
        self._parts.append(piece)
        self._seconds = self.seconds
        self.count, self._fresh = end, []
        self.begin()

    def leave(self, ranges: Ranges, first: int) -> None:
        """Keep them as one piece of a longer list, in which they begin at item *first*; remove the others."""
        ranges.keep(first, first + len(self.ids), self._told(self.scores, self.ids, self.seconds))
        self.finish()

    def _told(self, scores: Floats, ids: Sequence[str], seconds: float) -> Arrays:
        """A piece: the scores of *ids*, and what else a later process has to know of them."""
        inputs = [(id, self.fed[id]) for id in ids if id in self.fed]
        return {"scores": scores, "seconds": np.array([seconds]), "spent": np.array([astuple(self.spent)]),
                "inputs": np.array(inputs, str).reshape(-1, 2), "by": np.array([], str)}

    def forget(self) -> None:
        """Remove them all, with what stands beside them: they are not this device's."""
        for name in (RECORD, TIMES, FILE):
            (self._folder / name).unlink(missing_ok=True)
        self._pieces.forget()
        self.fed.clear()
        self.spent, self.by = Spent(), ()
        self.are_whole, self.count, self._parts, self._fresh, self._seconds = False, 0, [], [], 0.0

    def finish(self) -> None:
        """Remove all pieces: the scores are saved and told."""
        for pieces in self._folder.glob(f"{PIECES}*"):
            shutil.rmtree(pieces)
