"""Runs of pytest as they lie on disk: what each was asked, and that one process at a time works on it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from tools.errors import OptionError
from tools.machine.files import write_whole
from tools.machine.reading import load_json, refusing

FOLDER = "runs"  # below the artifacts
ASKED = "run.json"
ENDED = "ended.json"
LOCK = "run.lock"
LAST = "last"
NAME = re.compile(r"\d{8}-\d{6}-\d+(-\d+)?")  # of a run: when it was started, and by which process


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run was asked, so that it can be gone on with.

    folder: where it was started, which paths are relative to. arguments: paths and ids of tests.
    deselected: the same of tests to leave out. options: the text of each option by its name. selected: the
    questions to be answered, each as a case and its question; empty in runs that are older than this.
    """

    folder: str
    arguments: tuple[str, ...]
    deselected: tuple[str, ...]
    options: Mapping[str, str]
    selected: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last process of a run ended it: pytest's status, and the reasons that are in none of its rows.

    nightly, allow: what that process was asked, which may be more than the run was asked first.
    """

    status: int
    reasons: tuple[str, ...]
    nightly: bool
    allow: str


def fresh_name(artifacts: Path) -> str:
    """A name for a new run, of which there is no folder: what lies in its folder a run takes for its own."""
    usual = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    return next(name for number in count() if not (artifacts / FOLDER / (name := f"{usual}-{number}" if number else usual)).exists())


def note(run: Path, asked: Asked) -> None:
    """Keep what a run is asked, unless that is known: a run that is gone on with may be asked for less."""
    if not (run / ASKED).is_file():
        run.mkdir(parents=True, exist_ok=True)
        write_whole(run / ASKED, lambda file: file.write(json.dumps(asdict(asked), indent=1).encode()))


def read(run: Path) -> Asked:
    """What a run was asked; an OptionError where that cannot be read."""
    remedy = "start a new run, without --resume"
    told = load_json(run / ASKED, OptionError, "what the run was asked", remedy)
    with refusing(OptionError, "what the run was asked cannot be read", str(run / ASKED), remedy):
        options = {str(name): str(text) for name, text in told["options"].items()}
        selected = tuple((str(case), str(question)) for case, question in told.get("selected", ()))
        return Asked(str(told["folder"]), tuple(map(str, told["arguments"])), tuple(map(str, told["deselected"])), options, selected)


def note_end(run: Path, ended: Ended) -> None:
    """Keep how the run ended."""
    write_whole(run / ENDED, lambda file: file.write(json.dumps(asdict(ended), indent=1).encode()))


def ended(run: Path) -> Ended | None:
    """How the run ended; None where it has not, or was killed. An OptionError where that cannot be read."""
    if not (run / ENDED).is_file():
        return None
    remedy = "see the log of the run itself"
    told = load_json(run / ENDED, OptionError, "how the run ended", remedy)
    with refusing(OptionError, "how the run ended cannot be read", str(run / ENDED), remedy):
        return Ended(int(told["status"]), tuple(map(str, told["reasons"])), bool(told["nightly"]), str(told["allow"]))


def find(artifacts: Path, name: str) -> Path:
    """The folder of the run *name*, which may be a path too, or of the one started last, by its name.

    Raises:
        OptionError: there is none, or it cannot be gone on with.
    """
    runs = artifacts / FOLDER
    there = sorted(path.parent for path in runs.glob(f"*/{ASKED}") if NAME.fullmatch(path.parent.name))
    if name == LAST and there:
        return there[-1]
    for run in (Path(name).absolute(), runs / name):  # links stay: what lies beside a run is found by its path
        if (run / ASKED).is_file():
            if run.parent.name != FOLDER:
                raise OptionError("a run is gone on with where it was made, and this is no folder of runs", where=str(run),
                                  remedy=f"put it into artifacts/{FOLDER}, where the store is beside it, and name it there")
            return run
    remedy = f"choose {', '.join(run.name for run in there[-3:])}" if there else "nothing is to be gone on with: leave --resume out"
    raise OptionError(f"no run to go on with is called {name!r}" if name != LAST else "no run is here to go on with",
                      where=f"--resume, in {runs}", remedy=remedy)


@contextmanager
def claimed(run: Path, remedy: str) -> Iterator[None]:
    """Let no other process work on a run meanwhile; *remedy*: what helps where another does already.

    Raises: as `claim` does.
    """
    descriptor = claim(run, remedy)
    try:
        yield
    finally:
        os.close(descriptor)


def claim(run: Path, remedy: str = "wait for it or end it, or start a new run without --resume") -> int:
    """Let no other process go on with a run as long as this one lives; the descriptor that says so.

    Raises:
        OptionError: another process works on it, or its folder cannot be written.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(run / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise OptionError(f"the run's folder cannot be written: {error.strerror}", where=str(run / LOCK),
                          remedy="make it writable, or choose another with --artifacts DIR") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise OptionError("this run is still going on in another process", where=str(run),
                          remedy=remedy) from error
    return descriptor
