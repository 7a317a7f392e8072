"""The scores of a case's clips as they come from the nodes, kept with the run until its cell is measured."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cluster.gathering import Scored, span_of, words, wrong_part
from tools.cluster.values import Span
from tools.errors import ClipgateError, ClusterError, MeasureError
from tools.machine import events, opening
from tools.machine.event import OnEvent
from tools.machine.files import write_whole
from tools.machine.reading import load_json, load_npz, refusing
from tools.measuring.inputs import compared
from tools.spec.digest import digest
from tools.storage.shards import Arrays, Ranges, name_of

GATHERED = "gathered-"  # what their folder begins with; a digest of what shapes them follows


class Parts:
    """Parts of the scores of *ids*, in any order; each is whole and checked, and tells who scored it.

    folder: the case's, in the run. shaped: what shapes the scores, by names: others are not seen. shape: of
    the scores of one clip. on_event: gets what is said of parts that are not used.
    """

    def __init__(self, folder: Path, ids: Sequence[str], shaped: Mapping[str, str], shape: tuple[int, ...],
                 on_event: OnEvent = events.forward) -> None:
        self._folder = folder / f"{GATHERED}{digest(dict(shaped))[:16]}"
        self._ids, self._wanted, self._ranges = ids, compared(ids), Ranges(self._folder, len(ids))
        self._shape, self._on_event = shape, on_event
        self.scored: dict[Span, Scored] = {}

    def find(self, size: int) -> list[Span]:
        """The parts that nobody has scored yet, of at most *size* clips; what an ended process kept counts.

        What cannot be read of it goes, as does what is not what its note tells of; that is said.
        """
        there = {span: path for path in self._folder.glob("*.npz") if (span := span_of(path.name)) and span not in self.scored}
        found: dict[Span, Scored] = {}
        dropped: dict[str, list[Span]] = {}
        for span, path in sorted(there.items()):
            try:
                found[span] = self._kept(span, path)
            except MeasureError as error:
                dropped.setdefault(error.what, []).append(span)
                self._drop(span)
        for why, spans in dropped.items():
            more = f", the first of {len(spans):,} such parts," if len(spans) > 1 else ""
            self._on_event({"kind": "say", "text": f"{words(spans[0])}{more} are scored again, since {why}"})
        missing = self._ranges.missing(size)
        for span, part in found.items():
            if any(first < span[1] and span[0] < end for first, end in missing):
                self._drop(span)
            else:
                self.scored[span] = part
        return missing

    def _kept(self, span: Span, path: Path) -> Scored:
        """A part that an ended process kept.

        Raises:
            MeasureError: it cannot be read, is not the one that its note tells of, or not one of these clips.
        """
        noted, sha, part = read_note(path.with_suffix(".json"))
        with opening.to_read(path) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if (noted, sha) != (span, found):
            raise MeasureError("what is kept of their scores is not what its note tells of", where=str(path))
        if wrong := self._wrong(load_npz(path, MeasureError, "what is kept of their scores"), span):
            raise MeasureError(f"what is kept of their scores is none of them: {wrong}", where=str(path))
        return part

    def _wrong(self, arrays: Arrays, span: Span) -> str:
        return wrong_part(arrays, self._shape, self._ids, self._wanted, span)

    def keep(self, span: Span, data: bytes, by: str, same: str) -> None:
        """Keep the scores that *by* sent of its clips.

        Raises:
            ClusterError: they are not whole, or are of other clips.
        """
        try:
            if wrong := self._wrong(self._ranges.keep(*span, data), span):
                raise ClusterError(wrong)
        except ClipgateError as error:
            self._drop(span)
            raise ClusterError(f"what {by} sent of {words(span)} cannot be used: {error.what}", where=str(self._folder)) from error
        note = json.dumps({"by": by, "same": same, "span": span, "sha256": hashlib.sha256(data).hexdigest()})
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


def read_note(path: Path) -> tuple[Span, str, Scored]:
    """What is noted of a part: its clips, the SHA-256 of its file, and who scored it with what.

    Raises:
        MeasureError: the file cannot be read, or does not tell all of it.
    """
    what = "what is noted of their scores"
    told = load_json(path, MeasureError, what)
    with refusing(MeasureError, f"{what} cannot be read", str(path)):
        first, end = map(int, told["span"])
        return (first, end), str(told["sha256"]), Scored((first, end), str(told["by"]), str(told["same"]), fresh=False)
