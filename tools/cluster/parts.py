"""The scores of a case's clips as they come from the nodes, kept with the run until its cell is measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.cluster.gathering import Scored, span_of, words, wrong_inputs
from tools.cluster.values import Span
from tools.errors import ClipgateError, ClusterError, MeasureError
from tools.machine import opening
from tools.machine.files import write_whole
from tools.machine.reading import load_json, refusing
from tools.measuring.inputs import compared
from tools.spec.digest import digest
from tools.storage.shards import Ranges, name_of

GATHERED = "gathered-"  # what their folder begins with; a digest of what shapes them follows


class Parts:
    """Parts of the scores of *ids*, in any order; each is whole and checked, and tells who scored it.

    folder: the case's, in the run. shaped: what shapes the scores, by names: others are not seen.
    """

    def __init__(self, folder: Path, ids: Sequence[str], shaped: Mapping[str, str]) -> None:
        self._folder = folder / f"{GATHERED}{digest(dict(shaped))[:16]}"
        self._ids, self._wanted, self._ranges = ids, compared(ids), Ranges(self._folder, len(ids))
        self.scored: dict[Span, Scored] = {}

    def find(self, size: int) -> list[Span]:
        """The parts that nobody has scored yet, of at most *size* clips; what an ended process kept counts.

        What cannot be read of it goes.
        """
        there = {span: path for path in self._folder.glob("*.npz") if (span := span_of(path.name))}
        notes = {span: _note(path.with_suffix(".json")) for span, path in there.items() if span not in self.scored}
        for span in [span for span, note in notes.items() if note is None]:
            self._drop(span)
        missing = self._ranges.missing(size)
        for span, note in notes.items():
            if any(first < span[1] and span[0] < end for first, end in missing):
                self._drop(span)
            elif note:
                self.scored[span] = Scored(span, *note, fresh=False)
        return missing

    def keep(self, span: Span, data: bytes, by: str, same: str) -> None:
        """Keep the scores that *by* sent of its clips.

        Raises:
            ClusterError: they are not whole, or are of other clips.
        """
        try:
            arrays: Mapping[str, Any] = self._ranges.keep(*span, data)
            with refusing(ClusterError, "it does not tell of its inputs", str(self._folder)):
                noted = [str(id) for id, _ in arrays["inputs"]]
            if wrong := wrong_inputs(noted, self._ids, self._wanted, span):
                raise ClusterError(wrong)
        except ClipgateError as error:
            self._drop(span)
            raise ClusterError(f"what {by} sent of {words(span)} cannot be used: {error.what}", where=str(self._folder)) from error
        note = json.dumps({"by": by, "same": same})
        write_whole((self._folder / name_of(span)).with_suffix(".json"), lambda file: file.write(note.encode()))
        self.scored[span] = Scored(span, by, same)

    def forget_earlier(self) -> int:
        """Remove what ended processes kept; how many clips that were."""
        spans = [span for span, part in self.scored.items() if not part.fresh]
        for span in spans:
            self._drop(span)
        return sum(end - first for first, end in spans)

    def contents(self) -> dict[Span, bytes]:
        """All parts as they came, in order."""
        found = {}
        for span in sorted(self.scored):
            with opening.to_read(self._folder / name_of(span)) as file:
                found[span] = file.read()
        return found

    def remove(self) -> None:
        """Remove them all, and those that something else shaped: the cell has all scores."""
        for folder in self._folder.parent.glob(f"{GATHERED}*"):
            shutil.rmtree(folder)

    def _drop(self, span: Span) -> None:
        path = self._folder / name_of(span)
        for one in (path, path.with_suffix(".json")):
            one.unlink(missing_ok=True)
        self.scored.pop(span, None)


def _note(path: Path) -> tuple[str, str] | None:
    """Who scored a part, and what shaped it; None where nothing tells."""
    try:
        return read_note(path)
    except MeasureError:
        return None


def read_note(path: Path) -> tuple[str, str]:
    """Who scored a part, and the Sameness of what it was scored with, as JSON text.

    Raises:
        MeasureError: the file cannot be read.
    """
    what = "what is noted of scores"
    told = load_json(path, MeasureError, what)
    with refusing(MeasureError, f"{what} cannot be read", str(path)):
        return str(told["by"]), str(told["same"])
