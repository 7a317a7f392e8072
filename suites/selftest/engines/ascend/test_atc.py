"""Ascend's compiler: what it is asked, and what is made of every way it ends."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock, call

import psutil
import pytest

from tools.engines.ascend import atc
from tools.engines.ascend.atc import Request
from tools.errors import CompileError

FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information"
SUCCESS = "echo 'ATC run success, welcome to the next use.'"
MEANINGS = {
    "atc does not take an argument as it is": "E10001 E10004 E10005 E10006 E10007 E10010 E10013 E10014 E10054 E10055",
    "atc does not take the input's shape": "E10002 E10011 E10049",
    "the graph has no input of that name": "E10016",
    "the graph has no output of that name": "E11017",
    "atc cannot read the graph": "E10041",
    "this CANN has no parser for an operator: the graph's opset is too new for it": "E19010 EZ9010",
    "an operator is not supported on this chip": "EZ3002 EZ3003",
    "operators are not registered: ASCEND_OPP_PATH is not set, or the ops package of this chip is not installed": "E10501 EZ0501",
    "atc's own Python part failed: it needs Python 3.7 to 3.10 with NumPy below 2, decorator, attrs": "E40000 EC0010",
    "atc cannot open, read or parse a file": "E13000 E13001 E13002 E13003 E13004 E13005 E10052",
    "the compiled model is too large": "E13023",
    "an environment variable is not as atc needs it": "E13024",
    "atc failed inside": "E19999 E39999 EZ9999",
    "atc failed": "E12345 EB0001",
}


class Fake:
    """A compiler that is a shell script, in a folder of its own, and one request to it."""

    def __init__(self, root: Path) -> None:
        (root / "bin").mkdir()
        (root / "out").mkdir()
        self.log = root / "logs" / "atc.log"
        self.environment = {"PATH": f"{root / 'bin'}:/usr/bin:/bin", "ASCEND_TOOLKIT_HOME": "/toolkit"}
        self.request = Request(root / "out" / "graph.onnx", root / "out" / "model", "ND", "video:1,8,3,4,4", "Ascend310P3")
        self.program = root / "bin" / "atc"
        self.beats: list[int] = []

    def write(self, *lines: str) -> None:
        self.program.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
        self.program.chmod(0o755)

    def run(self, *lines: str, timeout_s: float = 30) -> Path:
        """Compile with a script of these lines."""
        self.write(*lines)
        return atc.compile_om(self.request, self.environment, self.log, timeout_s, self.beats.append)

    def fails(self, *lines: str, timeout_s: float = 30) -> CompileError:
        with pytest.raises(CompileError) as error:
            self.run(*lines, timeout_s=timeout_s)
        return error.value

    @property
    def repeat(self) -> str:
        return f"repeat it: {shlex.join(self.request.command())}"


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


@pytest.fixture(params=[0o002, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Masks that leave files writable by the group, and readable by nobody else."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_the_arguments_are_exactly_these(fake: Fake) -> None:
    """Each is one argument, in this order; it works in the output's folder, and nothing is to be read."""
    fake.run('printf "%s\\n" "$@" > arguments', "pwd > folder", "cat > input", SUCCESS, "echo om > model.om")
    out = fake.request.output.parent

    assert ["atc", f"--model={out}/graph.onnx", f"--output={out}/model", "--framework=5", "--input_format=ND",
            "--input_shape=video:1,8,3,4,4", "--soc_version=Ascend310P3", "--log=error"] == fake.request.command()
    assert fake.request.command()[1:] == (out / "arguments").read_text().splitlines()
    assert [f"{out}\n", ""] == [(out / name).read_text() for name in ("folder", "input")]


def test_tuning_is_an_argument_where_asked_for(fake: Fake) -> None:
    """It shapes the result, so it is one of the flags."""
    tuned = Request(Path("m"), Path("o"), "NCDHW", "image:4,75,3,256,256", "Ascend310", "RL,GA")

    assert ["--framework=5", "--input_format=NCDHW", "--input_shape=image:4,75,3,256,256", "--soc_version=Ascend310", "--log=error",
            "--auto_tune_mode=RL,GA"] == tuned.flags()


@pytest.mark.parametrize("suffix", [".om", "_linux_x86_64.om", "_linux_aarch64.om"])
def test_the_result_is_found_under_either_name_and_readable(fake: Fake, umask: int, suffix: str) -> None:
    """Newer compilers add the host's name; whatever the umask, the owner may write and all may read."""
    found = fake.run("umask 000", f"echo om > model{suffix}", f"chmod {0o666 & ~umask:o} model{suffix}", SUCCESS)

    assert fake.request.output.with_name(f"model{suffix}") == found
    assert 0o644 == found.stat().st_mode & 0o7777


def test_a_name_with_a_point_keeps_what_follows_it(fake: Fake) -> None:
    """The suffix is added, as atc does."""
    fake.request = Request(Path("m"), fake.request.output.with_name("tsm.v2"), "ND", "x:1", "Ascend310")

    assert "tsm.v2.om" == fake.run("echo om > tsm.v2.om", SUCCESS).name


def test_warnings_after_success_are_no_failure(fake: Fake) -> None:
    """W codes follow the line that says so."""
    assert fake.run(SUCCESS, "echo 'W11001: Op [a] does not hit the high-priority operator information library.'", "echo om > model.om")


@pytest.mark.parametrize("lines", [(), ("touch -d '1 hour ago' model.om",), ("echo om > other_linux.om",), ("mkdir model.om",)])
def test_success_without_a_new_file_is_a_failure(fake: Fake, lines: tuple[str, ...]) -> None:
    """None, an old one, somebody else's, or a folder: the log is named."""
    error = fake.fails(*lines, SUCCESS)

    assert ("atc says it succeeded, and left no model", str(fake.log), fake.repeat) == (error.what, error.where, error.remedy)


@pytest.mark.parametrize(("age", "counts"), [("1", True), ("1.01", False)])
def test_a_file_of_the_second_before_counts_as_new(fake: Fake, monkeypatch: pytest.MonkeyPatch, age: str, *, counts: bool) -> None:
    """Some file systems know no parts of a second."""
    monkeypatch.setattr(atc, "time", SimpleNamespace(time=lambda: 1e9, monotonic=time.monotonic))
    lines = (f"touch -d @{1e9 - float(age):.2f} model.om", SUCCESS)

    assert fake.run(*lines) if counts else fake.fails(*lines)


def test_ending_well_without_saying_so_is_a_failure(fake: Fake) -> None:
    """Even where there is a file."""
    error = fake.fails("echo ATC start working now, please wait for a moment.", "echo om > model.om")

    assert ("atc did not say that it succeeded (status 0)", str(fake.log)) == (error.what, error.where)
    assert ["ATC start working now, please wait for a moment.", fake.repeat] == [line.strip() for line in str(error.remedy).splitlines()]


def test_saying_so_with_another_status_is_a_failure(fake: Fake) -> None:
    """The status is shown where no code is."""
    assert "atc failed (status 3)" == fake.fails("echo om > model.om", SUCCESS, "exit 3").what
    assert "atc failed (status -9)" == fake.fails("kill -9 $$").what


def test_the_last_words_without_a_code_are_shown(fake: Fake) -> None:
    """Such as the loader's, which come on stderr."""
    error = fake.fails("seq 20", "echo 'libge_compiler.so: cannot open shared object file' >&2", "exit 127")

    assert "atc failed (status 127)" == error.what
    assert ["16", "17", "18", "19", "20", "libge_compiler.so: cannot open shared object file", fake.repeat] == [
        line.strip() for line in str(error.remedy).splitlines()]


@pytest.mark.parametrize(("code", "meaning"), [(code, meaning) for meaning, codes in MEANINGS.items() for code in codes.split()])
def test_every_code_has_a_meaning(fake: Fake, code: str, meaning: str) -> None:
    """The error names it, its first lines, the log, and the command that repeats it."""
    said = [f"{code}: [PID: 12345] 2024-01-01 the message", "Possible Cause: a cause", "Solution: a solution"]
    error = fake.fails("echo 'noise E10041 from before'", f'echo "{FAILED}"', *(f"echo '{line}'" for line in said), "exit 255")
    python = [atc.ATC_PYTHON] if code in ("E40000", "EC0010") else []

    assert (f"{meaning} ({code})", str(fake.log)) == (error.what, error.where)
    assert [*said, *python, fake.repeat] == [line.strip() for line in str(error.remedy).splitlines()]


def test_of_several_codes_the_telling_one_decides(fake: Fake) -> None:
    """The inner errors around it are named, three at most, and six lines are shown from the first code on."""
    error = fake.fails(f'echo "{FAILED}"', "echo '...'", "echo 'E19999: inner'", "echo 'EZ3003: no such op'", "echo 'E19999: inner'",
                       "echo 'E39999: inner EZ9999'", "seq 5", "exit 255")

    assert "an operator is not supported on this chip (E19999, EZ3003, E39999)" == error.what
    assert ["E19999: inner", "EZ3003: no such op", "E19999: inner", "E39999: inner EZ9999", "1", "2", fake.repeat] == [
        line.strip() for line in str(error.remedy).splitlines()]


def test_the_log_holds_the_command_and_all_that_was_said(fake: Fake) -> None:
    """Of the last run alone."""
    for _ in range(2):
        fake.run("echo out", "echo err >&2", SUCCESS, "echo om > model.om")

    assert [f"$ {shlex.join([str(fake.program), *fake.request.command()[1:]])}", "out", "err",
            "ATC run success, welcome to the next use."] == fake.log.read_text().splitlines()


def living(folder: Path) -> list[str]:
    """The processes that work in *folder*; dead ones work nowhere."""
    return [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cwd", "cmdline"]) if one.info["cwd"] == str(folder)]


def test_a_hang_ends_with_its_processes(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon after the timeout nothing of it lives, not even a worker that is replaced when it dies.

    Meanwhile it beats.
    """
    monkeypatch.setattr(atc, "BEAT_S", 0.2)
    started = time.monotonic()
    error = fake.fails("(while true; do sh -c 'echo $$ >> pids; exec sleep 60'; done) &", "echo $$ >> pids",
                       "while true; do sleep 60; done", timeout_s=1)
    taken = time.monotonic() - started
    pids = [int(pid) for pid in (fake.request.output.parent / "pids").read_text().split()]

    assert ("atc was still working after 1 s and was ended", str(fake.log)) == (error.what, error.where)
    assert "--atc-timeout-s" in str(error.remedy)
    assert 1 <= taken < 4
    assert {0} == set(fake.beats)
    assert len(pids) >= 2
    assert [] == living(fake.request.output.parent)


def test_a_worker_that_is_just_being_started_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not there at the first look: whoever starts it is stopped, and then there is another look."""
    starter, started, atc_itself = Mock(pid=7), Mock(pid=8), Mock(pid=6)
    atc_itself.children.side_effect = lambda *, recursive: [starter, started] if starter.suspend.called else [starter]
    monkeypatch.setattr(psutil, "Process", lambda pid: atc_itself)
    monkeypatch.setattr(psutil, "wait_procs", lambda workers, timeout: ended.extend(workers))
    ended: list[Mock] = []
    atc._kill(atc_itself)

    assert [starter, started] == ended
    for one in ended:
        assert [call.suspend(), call.kill()] == one.method_calls


def test_no_compiler_is_an_error(fake: Fake) -> None:
    """It names the toolkit that has none."""
    with pytest.raises(CompileError) as error:
        atc.compile_om(fake.request, fake.environment, fake.log, 30, fake.beats.append)

    assert ("no atc: it is not on the PATH that set_env.sh makes", "/toolkit") == (error.value.what, error.value.where)


def test_a_compiler_that_cannot_be_started_is_an_error(fake: Fake) -> None:
    """Such as another machine's."""
    fake.program.write_bytes(b"\x7fELF nonsense")
    fake.program.chmod(0o755)
    with pytest.raises(CompileError) as error:
        atc.compile_om(fake.request, fake.environment, fake.log, 30, fake.beats.append)

    assert ("atc cannot be started: Exec format error", str(fake.program)) == (error.value.what, error.value.where)
