"""The nights of every subject of a history, read by the beginnings of its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.errors import ClipgateError
from tools.nights import lines, scan
from tools.nights.record import Accepted, Night, Subject
from tools.nights.scan import Skipped


@dataclass(frozen=True, slots=True)
class Nights:
    """The nights of a history by subject, what persons have accepted, and what was left out.

    last: the largest number of a night.
    """

    heads: Mapping[Subject, Sequence[lines.Head]]
    accepted: tuple[Accepted, ...]
    skipped: Skipped
    last: int
    _made: dict[Subject, tuple[Night, ...]] = field(default_factory=dict)

    @property
    def subjects(self) -> list[Subject]:
        return list(self.heads)

    def of(self, subject: Subject) -> tuple[Night, ...]:
        """A subject's nights, the oldest first; of one run the last record counts.

        They are ordered by their numbers, which a clock that was set back does not change.
        """
        if subject not in self._made:
            found = sorted(map(lines.night_of, self.heads.get(subject, ())), key=lambda night: (night.number, night.began))
            self._made[subject] = tuple({night.run: night for night in found}.values())
        return self._made[subject]

    def timed(self) -> Iterator[tuple[Subject, tuple[Night, ...]]]:
        """Every subject that was timed, with the nights on which it was."""
        for subject in self.heads:
            found = tuple(night for night in self.of(subject) if night.log_s is not None)
            if found:
                yield subject, found


def gathered(folder: Path) -> Nights:
    """The nights in the files of *folder*."""
    skipped = Skipped()
    by_key: dict[bytes, list[lines.Head]] = {}
    accepted: list[Accepted] = []
    for path, chunk in scan.chunks(folder, skipped):
        found = lines.HEAD.findall(chunk)
        for head in found:
            key = head[0]
            if key in by_key:
                by_key[key].append(head)
            else:
                by_key[key] = [head]
        if chunk.count(b"\n") != len(found):
            accepted += _accepted(scan.explain(chunk, skipped), str(path), skipped)
    heads = _by_subject(by_key, skipped)
    last = max((int(head[1]) for found in heads.values() for head in found), default=0)
    return Nights(heads, tuple(sorted(accepted, key=lambda one: (one.at, one.when))), skipped, last)


def _accepted(found: Sequence[bytes], where: str, skipped: Skipped) -> list[Accepted]:
    read = []
    for line in found:
        try:
            read.append(lines.accepted_of(line, where))
        except ClipgateError:
            skipped.damaged += 1
    return read


def _by_subject(by_key: Mapping[bytes, Sequence[lines.Head]], skipped: Skipped) -> dict[Subject, list[lines.Head]]:
    found: dict[Subject, list[lines.Head]] = {}
    for key, heads in by_key.items():
        try:
            found.setdefault(lines.subject_of(key), []).extend(heads)
        except ClipgateError:
            skipped.damaged += len(heads)
    return found
