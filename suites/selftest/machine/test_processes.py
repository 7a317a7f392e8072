"""What a process tells its parent, how its end is told, how work is spread, and when memory is too little."""

from __future__ import annotations

import json
import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.errors import ChildError, ClipgateError, DataError, ExportError, MeasureError, OptionError, revive, visible
from tools.machine import asserts, child, events, memory, pool
from tools.machine.events import EVENTS_FD, Event


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A parent's end of the pipe that this process tells its events to."""
    reading, writing = os.pipe()
    monkeypatch.setenv(EVENTS_FD, str(writing))
    yield reading
    for descriptor in (reading, writing):
        os.close(descriptor)


def lines(reading: int) -> list[object]:
    return [json.loads(line) for line in os.read(reading, 65536).splitlines()]


def test_a_parent_is_told_each_event_on_a_line(pipe: int, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing comes to the terminal."""
    events.say("a word")
    events.progress("scoring", 3, 9)

    assert [{"kind": "say", "text": "a word"}, {"kind": "progress", "text": "scoring", "done": 3, "total": 9}] == lines(pipe)
    assert ("", "") == capsys.readouterr()


def test_without_a_parent_people_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What is said, on standard error."""
    monkeypatch.delenv(EVENTS_FD, raising=False)
    events.say("a word")
    events.progress("scoring", 3, 9)

    assert ("", "a word\n") == capsys.readouterr()


@pytest.mark.parametrize(("error", "status"), [(OptionError("wrong"), 2), (MeasureError("wrong", where="here", remedy="mend it"), 1)])
def test_a_commands_error_is_one_message_and_its_status(pipe: int, capsys: pytest.CaptureFixture[str], error: ClipgateError,
                                                        status: int) -> None:
    """The parent gets its parts."""
    def main(arguments: object) -> int:
        assert ["a"] == arguments
        raise error

    assert status == events.run_command(main, ["a"])
    assert ("", f"{error}\n") == capsys.readouterr()
    kind, text, where, remedy = error.parts
    assert [{"kind": "error", "error": kind, "text": text, "where": where, "remedy": remedy}] == lines(pipe)
    assert 7 == events.run_command(lambda arguments: 7, [])


def test_an_error_is_made_again_of_its_parts() -> None:
    """As the class of its stage; of one that nobody knows as that of a process that ended."""
    class SpecialError(ExportError):
        """One of a stage's own."""

    again = revive(*SpecialError("what", where="here", remedy="mend it").parts)
    assert (ExportError, "what\n  where   here\n  remedy  mend it") == (type(again), str(again))
    assert (ChildError, "what") == (type(revive("Unknown", "what", None, None)), str(revive("Unknown", "what", None, None)))
    assert ("ClipgateError", "x", None, None) == ClipgateError("x").parts
    assert "a\\x1b[0m\\u200bb\n\u00e9" == visible("a\x1b[0m\u200bb\n\u00e9")


def watched(*written: bytes, stall_s: float = 5.0) -> tuple[ClipgateError | None, list[Event]]:
    """What comes of a pipe into which this is written, piece by piece."""
    heard: list[Event] = []
    reading, writing = os.pipe()
    try:
        for piece in written:
            os.write(writing, piece)
        if stall_s == 5.0:
            os.close(writing)
        return child._watch(reading, heard.append, stall_s), heard
    finally:
        os.close(reading)
        if stall_s != 5.0:
            os.close(writing)


def test_events_are_passed_on_and_an_error_is_kept() -> None:
    """Whatever pieces they come in; the last error is the child's."""
    error = json.dumps({"kind": "error", "error": "DataError", "text": "wrong", "where": "here", "remedy": "mend it"}).encode()
    found, heard = watched(b'{"kind": "say", "te', b'xt": "a"}\n' + error + b'\n{"kind": "say", "text": "b"}\n')

    assert ["a", "b"] == [event["text"] for event in heard]
    assert isinstance(found, DataError)
    assert ("wrong", "here", "mend it") == (found.what, found.where, found.remedy)
    assert (None, []) == watched()


def test_a_silent_child_is_told() -> None:
    with pytest.raises(child.StalledError, match="the child process said nothing for 0 s and was ended"):
        watched(b'{"kind": "say", "text": "a"}\n', stall_s=0.05)


@pytest.mark.parametrize(("status", "words"), [
    (3, "ended with status 3 and no report"), (-9, "was killed by SIGKILL (the kernel's out-of-memory killer, or somebody's kill)"),
    (-11, "was killed by SIGSEGV"),
])
def test_an_end_without_a_report_shows_the_last_words(tmp_path: Path, status: int, words: str) -> None:
    """Twenty lines of the log, whatever bytes they hold."""
    log = tmp_path / "child.log"
    log.write_bytes(b"".join(b"line %d \xff\n" % number for number in range(30)))
    found = child._failure("scoring", status, log)

    assert (f"the process 'scoring' {words}", str(log)) == (found.what, found.where)
    assert ["its last output was", *(f"line {number} \ufffd" for number in range(10, 30))] == str(found.remedy).split("\n    ")


def test_work_that_cannot_travel_is_named(tmp_path: Path) -> None:
    """With what helps; what can travel arrives."""
    with (tmp_path / "request").open("w+b") as request:
        with pytest.raises(ChildError, match="what the process 'scoring' needs cannot be handed to it: ") as caught:
            child._send(lambda: None, "scoring", request)
        assert "functions and classes that a model's file uses belong at its top, or into a module" == caught.value.remedy
        request.seek(0)
        child._send(os.getcwd, "scoring", request)
        request.seek(0)
        assert os.getcwd is pickle.load(request)


def double(number: int) -> int:
    return 2 * number


def fails(number: int) -> int:
    raise OptionError(f"{number} is wrong")


def ends(number: int) -> int:
    os._exit(1)


def test_work_is_spread_over_processes() -> None:
    """Each item once; its error is passed on; a process that ends by itself is one error."""
    assert [2 * number for number in range(100)] == sorted(pool.spread(double, range(100), 3))
    assert [] == [*pool.spread(double, [], 3)]
    with pytest.raises(OptionError, match="7 is wrong"):
        [*pool.spread(fails, [7], 3)]
    with pytest.raises(DataError, match="a process that reads the files ended by itself") as caught:
        [*pool.spread(ends, [7], 3)]
    assert "memory may be short: free some, and start again; what was read is kept" == caught.value.remedy


def test_no_more_than_a_window_of_the_items_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four batches a process: a list of any length is never held."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    found = pool.spread(double, items(), 5)
    next(found)
    assert 20 == len(taken)
    found.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("need", "fits"), [(3 * 2**29, True), (3 * 2**29 + 1, False)])
def test_what_is_free_is_enough_to_the_byte(monkeypatch: pytest.MonkeyPatch, need: int, fits: bool) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 3 * 2**29)
    if fits:
        memory.require(need, "it")
        return
    with pytest.raises(MeasureError, match=r"it needs about 1.5 GiB of memory, 1.5 GiB are free") as caught:
        memory.require(need, "it")
    assert "choose a smaller batch with -k, or free memory" == caught.value.remedy


def test_a_need_is_counted_by_hand() -> None:
    """300 MiB of libraries, activations two and a half times, weights twice, a batch a slot and one more."""
    assert 300 * 2**20 + 250 + 2 * 1000 + 4 * 7 == memory.need_bytes(100, 1000, 7, 3)


def test_a_group_without_a_note_of_its_cache_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is used over the limit leaves nothing, never less."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "OWN_CGROUPS", tmp_path / "own")
    (tmp_path / "own").write_text("0::/\n")
    for name, text in (("memory.max", "1000"), ("memory.current", "300"), ("memory.stat", "file 7\n")):
        (tmp_path / name).write_text(text)
    assert [700] == [*memory._left_by_groups()]
    (tmp_path / "memory.current").write_text("1300")
    assert [0] == [*memory._left_by_groups()]


def test_the_peak_is_this_processs_own(tmp_path: Path) -> None:
    """As the kernel notes it, in KiB."""
    before = memory.peak_resident_bytes()
    status = Path("/proc/self/status")
    if status.exists():
        noted = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        assert int(noted.split()[1]) * 1024 >= before >= 2**20


def test_no_command_begins_where_asserts_are_left_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever way a command is started: its own main is not called."""
    def refuse() -> None:
        raise OptionError("no asserts")

    monkeypatch.setattr(asserts, "require", refuse)
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        assert 2 == events.run_command(lambda arguments: pytest.fail("it has begun"), [])
    finally:
        signal.signal(signal.SIGINT, on_interrupt)
    assert "no asserts" in capsys.readouterr().err
