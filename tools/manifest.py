"""The manifest of a list: every clip with the digest of its bytes and the number of frames that decode."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tools import events
from tools.clips import Clip, ClipList
from tools.decode import FRAME_NAME, count_frames, undecodable
from tools.entries import Facts, Key
from tools.files import sha256
from tools.spec import Json, ListFormat, digest

FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run is judged on: the clips with their digests; *digest* stands for all their bytes and labels."""

    source: Path
    format: ListFormat
    clips: tuple[Clip, ...]

    @property
    def digest(self) -> str:
        return digest([self.format, [[clip.id, clip.label, clip.frames, clip.sha256] for clip in self.clips]])


def key(listed: ClipList) -> Key:
    """Manifests are found again by the list's rows and the size and time of every file they name.

    Raises:
        DataError: naming the first clip that is missing or empty.
    """
    rows: Json = [[clip.id, str(clip.path), clip.label, clip.frames, *_stat(clip, listed.format)] for clip in listed.clips]
    return Key("manifest", listed.source.stem, (("format", listed.format), ("rows", digest(rows))))


def build(listed: ClipList, folder: Path) -> Facts:
    """Read every file once and write the manifest; clips are hashed and counted on all cores."""
    from concurrent.futures import ProcessPoolExecutor

    checked = []
    with ProcessPoolExecutor(initializer=events.die_with_parent) as pool:
        for clip in pool.map(_check, listed.clips, [listed.format] * len(listed.clips), chunksize=4):
            checked.append(clip)
            events.progress("checking clips", len(checked), len(listed.clips))
    rows = [asdict(clip) | {"path": str(clip.path)} for clip in checked]
    (folder / FILE).write_text(json.dumps(rows, indent=0))
    return {"clips": len(checked), "frames": sum(clip.frames for clip in checked)}


def read(listed: ClipList, path: Path) -> Manifest:
    """The manifest stored at *path* for *listed*."""
    rows = json.loads(path.read_text())
    return Manifest(listed.source, listed.format, tuple(Clip(**row | {"path": Path(row["path"])}) for row in rows))


def _stat(clip: Clip, kind: ListFormat) -> tuple[int, int]:
    """Size and time of the last change of a clip's file, or of all the files in its folder."""
    try:
        stat = clip.path.stat()
        if kind == "rawframes":
            with os.scandir(clip.path) as entries:
                stats = [entry.stat() for entry in entries]
            return sum(frame.st_size for frame in stats), max(frame.st_mtime_ns for frame in (*stats, stat))
    except OSError as error:
        raise undecodable(clip, clip.path) from error
    if stat.st_size == 0:
        raise undecodable(clip, clip.path)
    return stat.st_size, stat.st_mtime_ns


def _check(clip: Clip, kind: ListFormat) -> Clip:
    if kind == "videos":
        return replace(clip, frames=count_frames(clip), sha256=sha256(clip.path))
    return replace(clip, sha256=_digest_of(clip, (FRAME_NAME.format(number + 1) for number in range(clip.frames))))


def _digest_of(clip: Clip, names: Iterable[str]) -> str:
    total = hashlib.sha256()
    for name in names:
        path = clip.path / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise undecodable(clip, path) from error
        if not content:
            raise undecodable(clip, path)
        total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()
