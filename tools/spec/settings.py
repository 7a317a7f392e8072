"""How a run is set: the options that pytest and the commands share, as one frozen value."""

from __future__ import annotations

import argparse
import math
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, get_args

from tools.errors import OptionError
from tools.spec import configured
from tools.spec.allowed import allowed
from tools.spec.case import EngineName, Precision
from tools.spec.expectations import Expectations
from tools.spec.given import GraphPlaces, Said, atc_flags, said_input, said_output
from tools.spec.model import Surgeries
from tools.spec.options import ALL, ARTIFACTS, FLAGS, MODELS, OF_PYTEST, OFF, OPTIONS, ROOT, Option, Usual, names

__all__ = ["ALL", "ARTIFACTS", "MODELS", "OFF", "RIGHT", "ROOT", "Settings"]
RIGHT = {  # what an option that takes a number takes
    "--clips": f"a whole number from 1 on, or {ALL}; for example --clips 24",
    "--budget-s": "seconds above 0, for example --budget-s 10; what pytest -k accuracy selects is not timed at all",
    "--confirm": "a whole number from 0 on, or auto; for example --confirm 20",
    "--ray-shard": "a whole number from 1 on, or auto; for example --ray-shard 500",
    "--timeout-s": "seconds above 0, for example --timeout-s 900",
    "--atc-timeout-s": "seconds above 0, for example --atc-timeout-s 3600",
}
AUTO = "auto"
MOST = 10**7  # clips of a list, and times that a speed is measured again
DEVICES = re.compile(r"auto|[a-z]+(:\d+)?(,[a-z]+(:\d+)?)*")
CLUSTER = re.compile(r"auto|(ray://)?[^\s:/]+:\d{1,5}")
Word = TypeVar("Word", bound=str)

@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one run, checked and with absolute paths.

    `clips` 0 means all; `precision` and `engine` empty are a device's own; `history` empty is the one in
    `artifacts`; `confirm` None: by the kind of run. `ray` empty: this machine
    measures; `ray_shard` 0: as many clips as suit the list and the cluster.
    `configured`: which of them come from a file of options, in words; empty where no file was read.
    """

    data: str
    data_root: str
    weights: str
    graph: GraphPlaces
    graph_input: Said
    graph_output: Said
    atc_flags: tuple[str, ...]
    expect: Expectations
    precision: Precision
    engine: EngineName
    clips: int
    budget_s: float
    timeout_s: float
    soc_version: str
    atc_python: str
    auto_tune: str
    atc_timeout_s: float
    surgery: Surgeries
    artifacts: Path
    locks: str
    models: Path
    history: str
    confirm: int | None
    ray: str
    ray_exclusive: str
    ray_shard: int
    configured: str = field(default="", compare=False)

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Settings:
        """From the text of each option, by its name without dashes; what is not named has its default.

        Raises:
            OptionError: a number is none or not above 0, a word is unknown, or a list or folder is not there.
                Of several it tells all.
        """
        text = {one.name: values.get(one.name, one.default) for one in OPTIONS}
        try:
            return cls._parsed(text)
        except OptionError as error:
            raise _with_others(cls._parsed, text, error) from error

    @classmethod
    def _parsed(cls, text: Mapping[str, str]) -> Settings:
        for flag in ("--graph-input", "--graph-output"):
            if text[_name(flag)] and not text["graph"]:
                raise OptionError(f"{flag} says something of a graph, and none is given", where=flag, remedy="give it with --graph FILE")
        precision = _word_or_auto(text["precision"], get_args(Precision), "--precision")
        return cls(
            data=_word_or_file(text["data"], ("auto", "mini", "full"), "--data", "a list file, or a folder of features for bsn",
                               folder=True),
            data_root=_folder(text["data_root"], "--data-root", "give the folder that holds ucf101/"),
            weights=_word_or_file(text["weights"], ("auto", "mini", "published"), "--weights", "a checkpoint file, or a folder of several",
                                  folder=True),
            graph=GraphPlaces.parse(text["graph"]),
            graph_input=said_input(text["graph_input"]),
            graph_output=said_output(text["graph_output"]),
            atc_flags=atc_flags(text["atc_flags"], precision),
            expect=Expectations.parse(text["expect"]),
            precision=precision,
            engine=_word_or_auto(text["engine"], get_args(EngineName), "--engine"),
            clips=0 if text["clips"] == ALL else int(_number(text["clips"], "--clips")),
            budget_s=_number(text["budget_s"], "--budget-s"),
            timeout_s=_number(text["timeout_s"], "--timeout-s"),
            soc_version=text["soc_version"],
            atc_python=_folder(text["atc_python"], "--atc-python", "give the folder that holds the python3 for atc"),
            auto_tune=_word(text["auto_tune"], ("off", "on"), "--auto-tune"),
            atc_timeout_s=_number(text["atc_timeout_s"], "--atc-timeout-s"),
            surgery=_word(text["surgery"], get_args(Surgeries), "--surgery"),
            artifacts=Path(text["artifacts"]).resolve(),
            locks=_folder(text["locks"], "--locks", "make it first, with chmod 3770 and the group of those who share a device"),
            models=Path(text["models"]).resolve(),
            history=text["history"] if text["history"] == OFF else _folder(text["history"], "--history", _no_history(text["history"])),
            confirm=_confirm(text["confirm"]),
            ray=_cluster(text["ray"]),
            ray_exclusive=_word(text["ray_exclusive"], (OFF, "on"), "--ray-exclusive"),
            ray_shard=0 if text["ray_shard"] == AUTO else int(_number(text["ray_shard"], "--ray-shard")),
        )

    @classmethod
    def of(cls, options: argparse.Namespace) -> Settings:
        """From a command line that has any of these options, and from the file that may set the others.

        Raises:
            OptionError: as for `parse`; or the file holds what no option takes.
        """
        values = vars(options)
        texts = {name: str(value) for name, value in values.items()}
        left = [name for name in names() if isinstance(values.get(name), Usual)]
        file = configured.found(texts.get("config", OFF), texts.get("artifacts", str(ARTIFACTS)), require) if left else None
        if file is None:
            return cls.parse(texts)
        over = file.over(left)
        return replace(cls.parse({**texts, **over}), configured=file.sentence(over))

    def arguments(self, flags: Collection[str] = FLAGS) -> list[str]:
        """These settings as the arguments of a command line that takes these *flags*."""
        return [part for one in OPTIONS if one.flag in flags for part in self._argument(one.flag)]

    def _argument(self, flag: str) -> list[str]:
        text = self._text(flag)
        return [f"{flag}={text}"] if text.startswith("-") else [flag, text]  # else it would be taken for an option

    def _text(self, flag: str) -> str:
        value = getattr(self, _name(flag))
        if flag == "--clips" and not self.clips:
            return ALL
        if flag in ("--precision", "--engine") and not value:
            return AUTO
        if (flag == "--confirm" and self.confirm is None) or (flag == "--ray-shard" and not self.ray_shard):
            return AUTO
        return shlex.join(value) if isinstance(value, tuple) else str(value)

    def chosen(self, *flags: str) -> list[str]:
        """Those of these options that are not at their default, as arguments; all where a file was read."""
        usual = Settings.parse({})
        return [part for flag in flags if self.configured or getattr(self, _name(flag)) != getattr(usual, _name(flag))
                for part in self._argument(flag)]

    @property
    def store(self) -> Path:
        return self.artifacts / "store"


def _with_others(parse: Callable[[Mapping[str, str]], object], text: Mapping[str, str], first: OptionError) -> OptionError:
    """The error of all options that are wrong each by itself; *first* where no other is."""
    usual = {one.name: one.default for one in OPTIONS}
    found: dict[str, None] = {}
    for name in text:
        try:
            parse({**usual, "graph": text["graph"] if name.startswith("graph") else "", name: text[name]})
        except OptionError as error:
            found[str(error)] = None
    if len(found) < 2:
        return first
    numbered = [f"{number:3}. " + "\n     ".join(words.splitlines()) for number, words in enumerate(found, 1)]
    return OptionError("\n".join([f"{len(found)} options are wrong:", *numbered]))


def require(one: Option, text: str) -> None:
    """Check that an option can have this text, whatever the others are; an OptionError if not."""
    if one not in OF_PYTEST:
        Settings.parse({"graph": str(ROOT) if one.name.startswith("graph_") else "", one.name: text})
    elif one.name == "allow":
        allowed(text)
    elif one.name == "report":
        _word(text, ("on", OFF), one.flag)
    elif one.name == "device" and not DEVICES.fullmatch(text):
        raise OptionError(f"these are no devices: {text}", where=one.flag, remedy="for example auto, cpu, or npu:0,npu:1")


def _name(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def _folder(text: str, flag: str, remedy: str) -> str:
    """The absolute path of a folder that is there; empty where none is given."""
    if text and not Path(text).is_dir():
        raise OptionError(f"no such folder: {text}", where=flag, remedy=remedy)
    return str(Path(text).resolve()) if text else ""


def _no_history(folder: str) -> str:
    return ("correct the name, or mount the share; where no history is yet, make one: "
            f"python -m tools.history init {shlex.quote(folder)}")


def _confirm(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise OptionError(f"not a number of times: {text}", where="--confirm", remedy=RIGHT["--confirm"])
    if len(text) > len(str(MOST)) or int(text) > MOST:
        raise OptionError(f"nobody measures that often: at most {MOST} times", where="--confirm", remedy=f"give {RIGHT['--confirm']}")
    return int(text)


def _cluster(text: str) -> str:
    if text and not CLUSTER.fullmatch(text):
        raise OptionError(f"this is no address of a Ray cluster: {text}", where="--ray",
                          remedy="give auto, HOST:6379 as `ray start` says it, or ray://HOST:10001")
    return text


def _word(text: str, words: tuple[Word, ...], flag: str) -> Word:
    word = next((word for word in words if word == text), None)
    if word is None:
        raise OptionError(f"no such choice: {text}", where=flag, remedy=f"choose {' or '.join(words)}")
    return word


def _word_or_auto(text: str, words: tuple[Word, ...], flag: str) -> Word:
    """One of *words*, whose first is the empty one and said as `auto`."""
    if text == AUTO:
        return words[0]
    named: tuple[str, ...] = (AUTO, *words[1:])
    return words[named.index(_word(text, named, flag))]


def _word_or_file(text: str, words: tuple[str, ...], flag: str, what: str, *, folder: bool = False) -> str:
    if text in words:
        return text
    if not (Path(text).is_file() or (folder and Path(text).is_dir())):
        raise OptionError(f"no such choice or file: {text}", where=flag, remedy=f"choose {', '.join(words)}, or the path of {what}")
    return str(Path(text).resolve())


def _number(text: str, flag: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (math.isfinite(number) and number > 0) or (flag in ("--clips", "--ray-shard") and number != int(number)):
        raise OptionError(f"{text!r} is not a number that {flag} can take", where=flag, remedy=f"give {RIGHT[flag]}")
    if flag == "--clips" and number > MOST:
        raise OptionError(f"there is no such list: it would have more than {MOST} clips", where=flag, remedy=f"give {RIGHT[flag]}")
    return number
