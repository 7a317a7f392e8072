"""Whatever lies in the folder of a history, its whole records are read, and the rest is counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from suites.selftest.nights.made import RECORD, kept, night
from tools.nights import lines, scan


@pytest.mark.parametrize(("change", "counted"), [
    (('"version":1', '"version":2'), "other_version"), (('"version":1', '"wersion":1'), "damaged"),
    (("{", "["), "damaged"), (("}", ""), "damaged"), (('"clips_per_s":80.0', '"clips_per_s":NaN'), "damaged"),
    (('"clips_per_s":80.0', '"clips_per_s":1e999'), "damaged"), (('"clips_per_s":80.0', '"clips_per_s":-80.0'), "damaged"),
    (('"clips_per_s":80.0', '"clips_per_s":"80"'), "damaged"),
    (('"wall_s":100.0', '"wall_s":1e999'), "damaged"), (('"wall_s":100.0', '"wall_s":NaN'), "damaged"),
    (('"fine",-3.2', '"fine",Infinity'), "damaged"),
    (('"fine",-3.2', '"great",-3.2'), "damaged"), (('"000000000001"', '"1"'), "damaged"), (('"batch":16', '"batch":"16"'), "damaged"),
    (('"wall_s":100.0', '"wall_s":' + "[" * 3000), "damaged"), (('"wall_s":100.0', '"walls":100.0'), "damaged"),
])
def test_a_line_that_is_no_record_is_left_out(tmp_path: Path, change: tuple[str, str], counted: str) -> None:
    """Whoever else can write the share: what is wrong is counted, and the records beside it count."""
    history = kept(tmp_path / "h", [night(1), night(3)])
    bad = "".join(change[1].join(lines.of_record(night(1)).rpartition(change[0])[::2])) if change[0] == "}" else (
        lines.of_record(night(1)).replace(change[0], change[1], 1))
    path = tmp_path / "h" / "two-1.jsonl"
    path.write_text(f"{bad}\n{lines.of_record(night(2))}\n")

    read, nights = history.read(), history.nights()

    assert [1, 2, 3] == [one.night for one in read.records] == [one.number for one in nights.of(RECORD.subject)]
    assert 3 == nights.last
    if counted == "other_version":
        assert 1 == nights.skipped.other_version == read.skipped.other_version
    else:
        assert 1 == read.skipped.damaged


def test_half_a_line_with_an_end_is_no_night(tmp_path: Path) -> None:
    """A disk that was full may hold one, and what it began to say is not believed."""
    history = kept(tmp_path / "h", [night(1)])
    with (history.folder / "one-1.jsonl").open("a") as file:
        file.write(lines.of_record(night(2))[:-20] + "\n" + lines.of_record(night(3)) + "\n")

    assert [1, 3] == [one.number for one in history.nights().of(RECORD.subject)]
    assert [1, 3] == [one.night for one in history.read().records]


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    """A link could lead to anybody's file, and a pipe would never end."""
    history = kept(tmp_path / "h", [night(1)])
    other = kept(tmp_path / "other", [night(2)])
    (history.folder / "link.jsonl").symlink_to(other.folder / "one-1.jsonl")
    os.mkfifo(history.folder / "pipe.jsonl")
    (history.folder / "folder.jsonl").mkdir()
    (history.folder / ".hidden.jsonl").write_text(lines.of_record(night(2)) + "\n")

    read = history.read()

    assert ([1], 3) == ([one.night for one in read.records], read.skipped.not_files)


def test_a_file_that_goes_away_meanwhile_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may tidy the share while it is read."""
    history = kept(tmp_path / "h", [night(1)])
    there = scan.files(history.folder)
    monkeypatch.setattr(scan, "files", lambda folder: [*there, folder / "gone.jsonl"])

    read = history.read()

    assert (1, 1) == (len(read.records), read.skipped.unreadable)


def test_a_line_without_end_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer than any record is passed over up to its end."""
    monkeypatch.setattr(scan, "CHUNK", 4096)
    history = kept(tmp_path / "h", [night(1)])
    with (history.folder / "one-1.jsonl").open("a") as file:
        file.write("x" * 20000 + "\n" + lines.of_record(night(2)) + "\n")

    read = history.read()

    assert ([1, 2], 1, 0) == ([one.night for one in read.records], read.skipped.damaged, read.skipped.torn)
