"""What a run was asked: its command, its model files, its history, and how one of its cases is repeated."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.errors import ClipgateError, on_one_line
from tools.machine.reading import can_be_path
from tools.nights.history import DEFAULT
from tools.reporting.lacking import Lacking, told
from tools.spec.allowed import Allowed, allowed
from tools.spec.case import Case
from tools.spec.configured import NAME
from tools.spec.options import ARTIFACTS, FLAGS, MODELS, OFF, OPTIONS, RAY, ROOT, USES
from tools.spec.repeat import again, locating
from tools.storage import runs

SWITCHES = {"markexpr": "-m", "keyword": "-k", "device": "--device", "allow": "--allow"}
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
        cluster = self._chosen(RAY) if self.options.get("ray") else ()
        return self._there(again(case, [*self._chosen(USES["measure"]), *self._no_file()], cluster))

    def locates(self, case: Case, run: Path) -> str:
        """The command that looks for where the case's device begins to compute otherwise; as `repeats`."""
        if not self.options:
            return ""
        return self._there(locating(case, ["--run", str(run.absolute()), *self._chosen(USES["locate"]), *self._no_file()]))

    def _there(self, line: str) -> str:
        """A command, in the folder that the run's paths are relative to."""
        moved = self.folder and Path(self.folder) != ROOT
        return on_one_line(f"cd {shlex.quote(self.folder)} && {line}" if moved else line)

    def _no_file(self) -> list[str]:
        """What keeps out a file of options that lies here now: the run's own options have what it said."""
        artifacts = self._path("artifacts") or ARTIFACTS
        return ["--config", OFF] if can_be_path(str(artifacts)) and (artifacts.parent / NAME).exists() else []

    def _chosen(self, flags: Collection[str] = FLAGS) -> list[str]:
        """The options that are not at their default, as arguments."""
        said = [(one.flag, text) for one in OPTIONS if one.flag in flags
                and (text := self.options.get(one.name, "")) not in ("", one.default)]
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


def began_of(run: str) -> str:
    """When a run was started, by its name; empty where that is another one."""
    match = re.match(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-", run)
    return "{}-{}-{} {}:{}:{}".format(*match.groups()) if match and runs.NAME.fullmatch(run) else ""
