"""What a run is judged on: every clip with its digest and frames, and what a data set lacks of what it should hold."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from tools.datasets.examine import examine, signature
from tools.datasets.lists import ClipList
from tools.machine import events
from tools.media.decode import Clip
from tools.spec.digest import Json, digest
from tools.spec.model import ListFormat
from tools.storage.entries import Facts, Key

FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class ClipSet:
    """What a run is judged on: the clips with their digests; *digest* stands for all their bytes and labels.

    shortfall: what the data set lacks, if it is not complete.
    """

    source: Path
    format: ListFormat
    clips: tuple[Clip, ...]
    shortfall: Shortfall | None = None

    @property
    def digest(self) -> str:
        return digest([self.format, [[clip.id, clip.label, clip.frames, clip.sha256] for clip in self.clips]])


def key(listed: ClipList) -> Key:
    """Manifests are found again by the list's rows and the size and time of every file they name.

    Raises:
        DataError: naming the first clip that is missing or empty.
    """
    rows: Json = [[clip.id, str(clip.path), clip.label, clip.frames, *signature(clip, listed.format)] for clip in listed.clips]
    return Key("manifest", listed.source.stem, (("format", listed.format), ("rows", digest(rows))))


def build(listed: ClipList, folder: Path) -> Facts:
    """Read every file once and write the manifest; clips are hashed and counted on all cores."""
    from concurrent.futures import ProcessPoolExecutor

    checked = []
    with ProcessPoolExecutor(initializer=events.die_with_parent) as pool:
        for clip in pool.map(examine, listed.clips, [listed.format] * len(listed.clips), chunksize=4):
            checked.append(clip)
            events.progress("checking clips", len(checked), len(listed.clips))
    rows = [{"id": clip.id, "path": str(clip.path), "label": clip.label, "frames": clip.frames, "sha256": clip.sha256}
            for clip in checked]
    (folder / FILE).write_text(json.dumps(rows, indent=0))
    return {"clips": len(checked), "frames": sum(clip.frames for clip in checked)}


def read(listed: ClipList, path: Path) -> ClipSet:
    """The manifest stored at *path* for *listed*."""
    rows = json.loads(path.read_text())
    clips = [replace(clip, frames=row["frames"], sha256=row["sha256"]) for clip, row in zip(listed.clips, rows, strict=True)]
    return ClipSet(listed.source, listed.format, tuple(clips))


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A data set of which *there* clips or videos can be used, where *complete* should be.

    missing, damaged: how many are known to be so; first: the first of them, and the line that names it.
    listing: the command that lists them all.
    """

    there: int
    complete: int
    missing: int
    damaged: int
    first: str
    listing: str
    items: str = "clips"

    @property
    def sentence(self) -> str:
        counts = [f"{count:,} {word}" for count, word in ((self.missing, "missing"), (self.damaged, "damaged")) if count]
        lost = f"{', '.join(counts)}, first {self.first}" if counts else "the list names no more"
        return f"{self.there:,} of {self.complete:,} {self.items}: {lost}; {self.listing} lists what is there and what is not"
