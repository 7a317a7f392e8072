"""The clips of a case that flipped, the worst first, with the frames that the network saw of some."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.datasets.examine import signature
from tools.errors import on_one_line
from tools.judging import flips
from tools.judging.flips import Flip, Source
from tools.machine.reading import can_be_path
from tools.media.decode import Clip, ClipError
from tools.reporting.facts import FlippedClip, Guess
from tools.reporting.lacking import Lacking, add, told

FRAMES = 4  # of a clip
BUDGET = 600_000  # characters of all pictures of a report
MOST = 24  # clips of a case
CHANGED = "its files are others than when the run measured it"
CLASSES = "classes.txt"  # the names of the harness's own clips, beside their list


@dataclass(slots=True)
class Gallery:
    """Makes the pictures of a report. left: how many characters of pictures there is still room for."""

    lacking: Lacking
    left: int = BUDGET
    _made: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of each clip, which flips at every batch size
    _names: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    _bare: int = 0

    def of(self, folder: Path, case: str, data: str) -> tuple[tuple[FlippedClip, ...], int]:
        """The worst flipped clips of a case, and how many there are; nothing where it has no such file."""
        with told(self.lacking, f"{case}: the clips that flipped are not shown"):
            found = flips.read(folder) or ()
            if any(one.source is None for one in found):
                add(self.lacking, f"{case}: no frames are shown, for the run is older than the places of its clips; measure the case again")
            worst = sorted(found, key=badness, reverse=True)[:MOST]
            return tuple(self._shown(one, data) for one in worst), len(found)
        return (), 0

    def _shown(self, flip: Flip, data: str) -> FlippedClip:
        names = self._classes(flip.source, data)
        return FlippedClip(on_one_line(flip.id), flip.label, _name(names, flip.label), _guesses(flip.ours, names),
                           _guesses(flip.reference, names), self._pictures(flip))

    def _pictures(self, flip: Flip) -> tuple[str, ...]:
        """The frames of a clip as data: URIs; none where they cannot be had, or there is no more room."""
        if flip.source is None or not can_be_path(flip.source.path):
            return ()
        if flip.source.path not in self._made:
            if self.left <= 0:
                self._bare += 1
                return ()
            self._made[flip.source.path] = self._decoded(flip, flip.source)
            self.left -= sum(map(len, self._made[flip.source.path]))
        return self._made[flip.source.path]

    def _decoded(self, flip: Flip, source: Source) -> tuple[str, ...]:
        from tools.media.thumbnail import thumbnails

        clip = Clip(flip.id, Path(source.path), flip.label, source.frames, signature=source.signature, sampled_crc32=source.sampled_crc32)
        with told(self.lacking, f"the frames of {flip.id} are not shown"):
            if source.signature and signature(clip, source.format) != source.signature:
                raise ClipError(clip, clip.path, CHANGED, "put the clip back as it was, or measure the case again")
            return tuple(f"data:image/jpeg;base64,{base64.b64encode(one).decode()}"
                         for one in thumbnails(clip, source.format, source.sampled, FRAMES))
        return ()

    def _classes(self, source: Source | None, data: str) -> Sequence[str]:
        """The names of the classes of the harness's own clips; nobody else's are known for sure."""
        if source is None or data.partition("[")[0] != "mini" or not can_be_path(source.path):
            return ()
        place = next((path for folder in Path(source.path).parents[:4] if (path := folder / CLASSES).is_file()), None)
        if place is None:
            return ()
        if place not in self._names:
            self._names[place] = tuple(_lines(place))
        return self._names[place]

    def close(self) -> None:
        """Say how many clips had no room."""
        if self._bare:
            add(self.lacking, f"{self._bare} flipped clips are shown without their frames, for which the page has no room")


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from (on_one_line(line) for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError):
        return


def badness(flip: Flip) -> tuple[bool, float]:
    """Clips that the device has lost first, those that it was surest of to begin with."""
    ours, theirs = flip.ours[:1], flip.reference[:1]
    lost = bool(theirs and ours) and theirs[0].label == flip.label != ours[0].label
    sure = _value(theirs[0]) if theirs else 0.0
    left = next((_value(one) for one in flip.ours if theirs and one.label == theirs[0].label), 0.0)
    return lost, sure - left


def _value(guess: flips.Guess) -> float:
    return guess.score if guess.probability is None else guess.probability


def _name(names: Sequence[str], label: int) -> str:
    return names[label] if 0 <= label < len(names) else ""


def _guesses(found: Sequence[flips.Guess], names: Sequence[str]) -> tuple[Guess, ...]:
    return tuple(Guess(one.label, _name(names, one.label), _value(one), one.probability is None) for one in found)
