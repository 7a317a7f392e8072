"""How a run is set: the options that pytest and the commands share, as one frozen value."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from tools.errors import OptionError
from tools.spec import configured
from tools.spec.allowed import allowed
from tools.spec.case import EngineName, Precision
from tools.spec.expectations import Expectations
from tools.spec.given import GraphPlaces, Said, atc_flags, said_input, said_output
from tools.spec.model import Surgeries
from tools.spec.option_texts import AUTO, DEVICES, cluster, confirm, folder, no_history, number, word, word_or_auto, word_or_file
from tools.spec.options import ALL, ARTIFACTS, FLAGS, MODELS, OF_PYTEST, OFF, OPTIONS, ROOT, Option, Usual, names

__all__ = ["ALL", "ARTIFACTS", "MODELS", "OFF", "ROOT", "Settings"]


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
        precision = word_or_auto(text["precision"], get_args(Precision), "--precision")
        return cls(
            data=word_or_file(text["data"], ("auto", "mini", "full"), "--data", "a list file, or a folder of features for bsn",
                              folder=True),
            data_root=folder(text["data_root"], "--data-root", "give the folder that holds ucf101/"),
            weights=word_or_file(text["weights"], ("auto", "mini", "published"), "--weights", "a checkpoint file, or a folder of several",
                                 folder=True),
            graph=GraphPlaces.parse(text["graph"]),
            graph_input=said_input(text["graph_input"]),
            graph_output=said_output(text["graph_output"]),
            atc_flags=atc_flags(text["atc_flags"], precision),
            expect=Expectations.parse(text["expect"]),
            precision=precision,
            engine=word_or_auto(text["engine"], get_args(EngineName), "--engine"),
            clips=0 if text["clips"] == ALL else int(number(text["clips"], "--clips")),
            budget_s=number(text["budget_s"], "--budget-s"),
            timeout_s=number(text["timeout_s"], "--timeout-s"),
            soc_version=text["soc_version"],
            atc_python=folder(text["atc_python"], "--atc-python", "give the folder that holds the python3 for atc"),
            auto_tune=word(text["auto_tune"], ("off", "on"), "--auto-tune"),
            atc_timeout_s=number(text["atc_timeout_s"], "--atc-timeout-s"),
            surgery=word(text["surgery"], get_args(Surgeries), "--surgery"),
            artifacts=Path(text["artifacts"]).resolve(),
            locks=folder(text["locks"], "--locks", "make it first, with chmod 3770 and the group of those who share a device"),
            models=Path(text["models"]).resolve(),
            history=text["history"] if text["history"] == OFF else folder(text["history"], "--history", no_history(text["history"])),
            confirm=confirm(text["confirm"]),
            ray=cluster(text["ray"]),
            ray_exclusive=word(text["ray_exclusive"], (OFF, "on"), "--ray-exclusive"),
            ray_shard=0 if text["ray_shard"] == AUTO else int(number(text["ray_shard"], "--ray-shard")),
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
        word(text, ("on", OFF), one.flag)
    elif one.name == "device" and not DEVICES.fullmatch(text):
        raise OptionError(f"these are no devices: {text}", where=one.flag, remedy="for example auto, cpu, or npu:0,npu:1")


def _name(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")
