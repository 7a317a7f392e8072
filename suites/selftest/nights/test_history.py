"""A history takes whole records from several writers at once, and orders them by no clock."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from suites.selftest.nights.made import RECORD, kept, night
from tools.errors import HistoryError
from tools.nights import history as history_module
from tools.nights import lines
from tools.nights.history import MARKER, History
from tools.nights.record import Record, Series


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """By a history that another process would open; its night's number is the history's to give."""
    two = replace(RECORD, series=(*RECORD.series, Series("control", 82.0, 60, 4.0, 0.02, 0.004)), temperature_c=42.0)
    written = History.init(tmp_path / "h").append(two)

    read = History.open(tmp_path / "h").read()

    assert (replace(two, night=1),) == (written,) == read.records
    assert [] == read.skipped.words
    [found] = History.open(tmp_path / "h").nights().of(RECORD.subject)
    assert (1, "fine", -3.2, 2) == (found.number, found.word, found.ratio, found.series)
    assert found.log_s == pytest.approx(sum(two.logs) / 2, abs=1e-8)
    assert found.apart == pytest.approx((two.logs[0] - two.logs[1]) ** 2 / 2, abs=1e-8)


def test_a_folder_that_is_no_history_is_refused(tmp_path: Path) -> None:
    """A mistyped or unmounted folder is named, with the command that makes one; a linked marker is none."""
    history = History.init(tmp_path / "h")
    (tmp_path / "other").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / MARKER).symlink_to(history.folder / MARKER)

    for name in ("missing", "other", "linked"):
        with pytest.raises(HistoryError, match=f"no history is here(.|\n)*tools.history init {tmp_path / name}"):
            History.open(tmp_path / name)
    (history.folder / MARKER).write_text(json.dumps({"version": 2}))
    with pytest.raises(HistoryError, match="of another version than 1"):
        History.open(history.folder)


def test_two_that_make_a_history_at_once_have_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one opens what the faster one has made since it looked."""
    write = history_module._write_new

    def slower(path: Path, data: bytes) -> None:
        write(path, data)
        raise FileExistsError(errno.EEXIST, "File exists", str(path))

    monkeypatch.setattr(history_module, "_write_new", slower)

    assert tmp_path / "h" == History.init(tmp_path / "h").folder


def test_a_history_is_made_in_an_empty_folder_only(tmp_path: Path) -> None:
    """One that is there is opened as it is."""
    kept(tmp_path / "h", [night(1)])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")

    assert 1 == len(History.init(tmp_path / "h").read().records)
    with pytest.raises(HistoryError, match="holds something else"):
        History.init(tmp_path / "full")
    with pytest.raises(HistoryError, match="cannot be written"):
        History.init(tmp_path / "full" / "thesis.tex" / "h")


def test_a_torn_last_line_is_left_out_and_counted(tmp_path: Path) -> None:
    """At every byte where a writer may have been ended; whole lines before it count."""
    history = kept(tmp_path / "h", [night(1)])
    path = tmp_path / "h" / "one-1.jsonl"
    line = lines.of_record(night(2)).encode()

    for length in (1, 40, 300, len(line) - 1, len(line)):
        path.write_bytes(path.read_bytes().partition(b"\n")[0] + b"\n" + line[:length])
        read, nights = history.read(), history.nights()
        assert [1] == [one.night for one in read.records] == [one.number for one in nights.of(RECORD.subject)]
        assert ["left out of the history: 1 times a last line without an end: its writer was ended, or is still writing"] == (
            read.skipped.words) == nights.skipped.words


def _write(folder: Path, number: int) -> None:
    history = History.open(folder)
    for run in range(25):
        history.append(replace(RECORD, case=f"tsm-bs16-npu{number}", unit=f"one/npu{number}", run=f"run-{run}"))


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """Each into a file of its own, and no line of either is lost or mixed with another."""
    folder = History.init(tmp_path / "h").folder
    writers = [multiprocessing.get_context("fork").Process(target=_write, args=(folder, number)) for number in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    read = History.open(folder).read()

    assert [0, 0] == [writer.exitcode for writer in writers]
    assert (2, 50, []) == (len(list(folder.glob("*.jsonl"))), len(read.records), read.skipped.words)


def test_a_forked_process_writes_a_file_of_its_own(tmp_path: Path) -> None:
    """Even where its parent has written before."""
    history = History.init(tmp_path / "h")
    history.append(night(1))
    child = multiprocessing.get_context("fork").Process(target=lambda: history.append(replace(RECORD, run="child")))
    child.start()
    child.join(60)

    assert (0, 2, 2) == (child.exitcode, len(list(history.folder.glob("*.jsonl"))), len(history.read().records))


def test_a_clock_set_back_or_ahead_changes_no_order(tmp_path: Path) -> None:
    """Nights have numbers; the clock orders only what one night has."""
    for began in ("2026-11-27T01:00:00Z", "2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-11-28T01:00:00Z"):
        History.open(History.init(tmp_path / "h").folder).append(replace(RECORD, began=began, run=f"run {began}"))

    history = History.open(tmp_path / "h")

    assert ["2026", "2099", "1970", "2026"] == [one.began[:4] for one in history.nights().of(RECORD.subject)]
    assert ["2026", "2099", "1970", "2026"] == [one.began[:4] for one in history.read().records]
    assert 5 == history.append(RECORD).night


def test_all_records_of_a_process_are_of_one_night(tmp_path: Path) -> None:
    """So that a night's cells are not taken for nights that follow each other."""
    history = kept(tmp_path / "h", [night(7)])

    first = history.append(RECORD)
    history.nights()

    assert (8, 8) == (first.night, history.append(replace(RECORD, case="tsm-bs1-npu0")).night)


def test_of_one_run_the_last_record_of_a_case_counts(tmp_path: Path) -> None:
    """A cell gains series when others are confirmed, or is measured again when a run is gone on with."""
    history = History.init(tmp_path / "h")
    history.append(replace(RECORD, word="suspect"))
    history.append(replace(RECORD, word="slow"))
    history.append(replace(RECORD, unit="two/npu0"))

    assert ["slow"] == [one.word for one in history.nights().of(RECORD.subject)]
    assert ["slow", "fine"] == [one.word for one in history.read().records]


def test_what_was_written_in_part_is_followed_by_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves half a line; the next record does not stand behind it."""
    history, write = History.init(tmp_path / "h"), os.write
    history.append(night(1))
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:50]))
    with pytest.raises(HistoryError, match="cannot be written: the disk is full"):
        history.append(night(2))
    monkeypatch.undo()
    history.append(night(3))

    read = history.read()

    assert ({"run-1", "run-3"}, 1) == ({one.run for one in read.records}, read.skipped.torn)


def test_a_history_taken_away_is_not_written_elsewhere(tmp_path: Path) -> None:
    """A share that is no longer mounted leaves an empty folder, in which nobody would look for records."""
    history = History.init(tmp_path / "h")
    (history.folder / MARKER).unlink()

    with pytest.raises(HistoryError, match="no history is here any more"):
        history.append(RECORD)


def test_only_the_cases_asked_for_are_read(tmp_path: Path) -> None:
    """By their whole names: batch 1 is not batch 16."""
    history = kept(tmp_path / "h", [replace(night(1), case=case) for case in ("tsm-bs1-npu0", "tsm-bs16-npu0", "tsm-bs1-npu01")])

    assert ["tsm-bs1-npu0"] == [one.case for one in history.read(["tsm-bs1-npu0"]).records]


def test_every_field_of_a_record_is_written() -> None:
    """A field that is added to Record is in its line as well."""
    told = json.loads(lines.of_record(replace(RECORD, temperature_c=1.0, clock_mhz=2.0)))

    assert set(asdict(RECORD)) - set(told) <= {"began", "run", "word", "ratio"}
    assert isinstance(RECORD, Record)
