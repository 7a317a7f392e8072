"""A command whose output nobody reads any more, as of `| head`, ends without a word about it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from suites.selftest.conftest import clean_environment
from tools.spec.options import ROOT

CODE = '''
import sys
from tools.errors import OptionError
from tools.machine import events

def main(arguments):
    {line}
    return 0

raise SystemExit(events.run_command(main))
'''


def without_reader(stream: str, line: str) -> subprocess.CompletedProcess[str]:
    """Run a command that does *line*, of whose streams one has no reader."""
    reading, writing = os.pipe()
    os.close(reading)
    other = "stderr" if stream == "stdout" else "stdout"
    held_back = {name: value for name, value in clean_environment().items() if name != "PYTHONUNBUFFERED"}
    streams = {stream: writing, other: subprocess.PIPE}
    try:
        return subprocess.run([sys.executable, "-c", CODE.format(line=line)], cwd=ROOT, env=held_back, text=True, check=False,
                              stdout=streams["stdout"], stderr=streams["stderr"])
    finally:
        os.close(writing)


@pytest.mark.parametrize(("line", "status"), [
    ("for number in range(9999): print(number)", 1), ("print('at once', flush=True)", 1), ("print('done')", 0),
    ("raise SystemExit(print('helped'))", 0), ("print('before'); raise OptionError('wrong')", 2),
])
def test_a_command_ends_quietly_when_nobody_reads_its_output(line: str, status: int) -> None:
    """In the middle, which is no success; or once it is done, where only its end writes what is left."""
    done = without_reader("stdout", line)

    assert ("wrong\n" if status == 2 else "") == done.stderr
    assert status == done.returncode


@pytest.mark.parametrize(("line", "status"), [("events.say('said')", 0), ("raise OptionError('wrong')", 2)])
def test_a_command_does_its_work_when_nobody_reads_what_it_says(line: str, status: int) -> None:
    done = without_reader("stderr", f"print('found'); {line}")

    assert (status, "found\n") == (done.returncode, done.stdout)


def test_a_broken_pipe_that_is_not_the_output_is_no_quiet_end() -> None:
    """It would hide a mistake."""
    assert "Traceback" in without_reader("stdout", "raise BrokenPipeError('of another pipe')").stderr
