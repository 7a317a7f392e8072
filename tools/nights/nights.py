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

    rows: Mapping[Subject, Sequence[bytes]]
    accepted: tuple[Accepted, ...]
    skipped: Skipped
    last: int
    _made: dict[Subject, tuple[Night, ...]] = field(default_factory=dict)

    @property
    def subjects(self) -> list[Subject]:
        return list(self.rows)

    def of(self, subject: Subject) -> tuple[Night, ...]:
        """A subject's nights, the oldest first; of one run the last record counts.

        They are ordered by their numbers, which a clock that was set back does not change.
        """
        if subject not in self._made:
            found = sorted(lines.nights_of(self.rows.get(subject, ())), key=lambda night: (night.number, night.began))
            self._made[subject] = tuple({night.run: night for night in found}.values())
        return self._made[subject]

    def timed(self) -> Iterator[tuple[Subject, tuple[Night, ...]]]:
        """Every subject that was timed, with the nights on which it was."""
        for subject in self.rows:
            found = tuple(night for night in self.of(subject) if night.log_s is not None)
            if found:
                yield subject, found


def gathered(folder: Path) -> Nights:
    """The nights in the files of *folder*."""
    skipped = Skipped()
    by_key: dict[bytes, list[bytes]] = {}
    accepted: list[Accepted] = []
    for path, chunk in scan.chunks(folder, skipped):
        others = scan.by_subject(chunk, by_key)
        if others:
            accepted += _accepted(scan.accepted(others, skipped), str(path), skipped)
    rows = _by_subject(by_key, skipped)
    last = max((_last(found) for found in rows.values()), default=0)
    return Nights(rows, tuple(sorted(accepted, key=lambda one: (one.at, one.when))), skipped, last)


def _last(rows: list[bytes]) -> int:
    """The largest number among the nights of a subject: each begins with its number, in as many digits."""
    usual = lines.nights_of([max(rows)]) if rows else []
    found = usual or [night for row in sorted(rows, reverse=True) for night in lines.nights_of([row])]
    return found[0].number if found else 0


def _accepted(found: Sequence[bytes], where: str, skipped: Skipped) -> list[Accepted]:
    read = []
    for line in found:
        try:
            read.append(lines.accepted_of(line, where))
        except ClipgateError:
            skipped.damaged += 1
    return read


def _by_subject(by_key: Mapping[bytes, Sequence[bytes]], skipped: Skipped) -> dict[Subject, list[bytes]]:
    found: dict[Subject, list[bytes]] = {}
    for key, rows in by_key.items():
        try:
            found.setdefault(lines.subject_of(key), []).extend(rows)
        except ClipgateError:
            skipped.damaged += len(rows)
    return found
