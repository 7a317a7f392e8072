"""What a run was asked: its command, its model files, its history, and how one of its cases is repeated."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.errors import ClipgateError, on_one_line
from tools.machine.reading import can_be_path
from tools.nights.history import DEFAULT
from tools.reporting.lacking import Lacking, told
from tools.spec.allowed import Allowed, allowed
from tools.spec.case import Case
from tools.spec.configured import NAME
from tools.spec.options import ARTIFACTS, MODELS, OFF, OPTIONS, ROOT, USES
from tools.spec.options import FLAGS as ALL_FLAGS
from tools.spec.repeat import again
from tools.storage import runs
from tools.storage.runs import Ended

SWITCHES = {"markexpr": "-m", "keyword": "-k", "device": "--device", "allow": "--allow"}
FLAGS = {one.name: (one.flag, one.default) for one in OPTIONS}
INTERRUPTED = 2  # pytest's status after Ctrl-C
TESTS = "suites/test_acceptance.py"


@dataclass(frozen=True, slots=True)
class RunAsked:
    """folder: where the run was started, which its paths are relative to. options: the text of each.

    selected: the questions that were to be answered, each as a case and its question.
    """

    folder: str = ""
    arguments: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    selected: tuple[tuple[str, str], ...] = ()

    @property
    def nightly(self) -> bool:
        return bool(self.options.get("nightly"))

    @property
    def allowed(self) -> frozenset[Allowed]:
        """What a nightly run may end well with; nothing where nobody knows."""
        try:
            return allowed(self.options.get("allow", ""))
        except ClipgateError:
            return frozenset()

    @property
    def command(self) -> str:
        """The command line, as far as it says something; empty where nobody knows it."""
        if not self.options:
            return ""
        said = {**self.options, "keyword": re.sub(r"\b(bs\d+)-(?![\w-])", r"\1", self.options.get("keyword", ""))}  # as it was typed
        switches = [part for name, flag in SWITCHES.items() if (text := said.get(name)) for part in (flag, text)]
        paths = [one for one in self.arguments if one != TESTS]
        return on_one_line(shlex.join(["pytest", *paths, *["--nightly"] * self.nightly, *switches, *self._chosen(), *self._no_file()]))

    def repeats(self, case: Case) -> str:
        """The command that measures a case of this run again; empty where nobody knows the options."""
        if not self.options:
            return ""
        line = again(case, [*self._chosen(USES["measure"]), *self._no_file()])
        moved = self.folder and Path(self.folder) != ROOT
        return on_one_line(f"cd {shlex.quote(self.folder)} && {line}" if moved else line)

    def _no_file(self) -> list[str]:
        """What keeps out a file of options that lies here now: the run's own options have what it said."""
        artifacts = self._path("artifacts") or ARTIFACTS
        return ["--config", OFF] if can_be_path(str(artifacts)) and (artifacts.parent / NAME).exists() else []

    def _chosen(self, flags: Collection[str] = ALL_FLAGS) -> list[str]:
        """The options that are not at their default, as arguments."""
        said = [(flag, self.options[name]) for name, (flag, default) in FLAGS.items()
                if flag in flags and self.options.get(name, default) not in (default, "")]
        return [part for flag, text in said for part in ([f"{flag}={text}"] if text.startswith("-") else [flag, text])]

    def models(self) -> Path:
        """The folder of the model files: the run's own, or ours where that is not on this machine."""
        told = self._path("models")
        return told if told is not None and told.is_dir() else MODELS

    def history(self, run: Path) -> Path | None:
        """The folder of the history that the run was judged beside; None where it had none."""
        if self.options.get("history") == OFF:
            return None
        if said := self._path("history"):
            return said
        places = [*([run.parent.parent] if run.parent.name == runs.FOLDER else []), *filter(None, [self._path("artifacts")])]
        return next((place / DEFAULT for place in places if (place / DEFAULT).is_dir()), None)

    def _path(self, name: str) -> Path | None:
        text = self.options.get(name, "")
        return Path(self.folder, text) if text and can_be_path(self.folder) and can_be_path(text) else None


def asked(run: Path, lacking: Lacking) -> RunAsked:
    """What the run was asked, as far as its run.json tells it."""
    with told(lacking, "what the run was asked is not known, nor the commands that repeat its cases"):
        found = runs.read(run)
        return RunAsked(found.folder, found.arguments, found.options, found.selected)
    return RunAsked()


def ended(run: Path, lacking: Lacking) -> Ended | None:
    """How the run ended, as far as it has kept that."""
    with told(lacking, "how the run ended is not known"):
        return runs.ended(run)
    return None


def at_last(known: RunAsked, end: Ended | None) -> RunAsked:
    """What the run was asked by the process that ended it: a run by day may be gone on with by night."""
    return replace(known, options={**known.options, "nightly": "yes" if end.nightly else "", "allow": end.allow}) if end else known


def problems(known: RunAsked, end: Ended | None, answered: Collection[tuple[str, str]]) -> list[str]:
    """Why the run is not what it was to be, although no row of it says so, a sentence each."""
    left = [pair for pair in known.selected if pair not in answered]
    said = [f"{len(left)} of {len(known.selected)} questions have no answer, the first of them {' '.join(left[0])}"] if left else []
    if known.selected and end is None:
        said.append("the run has not come to its end: it still goes on, or was killed")
    elif end is not None and end.status == INTERRUPTED:
        said.append("the run was interrupted")
    return [on_one_line(one) for one in [*said, *(end.reasons if end and not (left and end.status == INTERRUPTED) else ())]]


def began_of(run: str) -> str:
    """When a run was started, by its name; empty where that is another one."""
    match = re.match(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-", run)
    return "{}-{}-{} {}:{}:{}".format(*match.groups()) if match and runs.NAME.fullmatch(run) else ""
