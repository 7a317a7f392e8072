"""How a run is set: the options pytest and every command line share, as one frozen value."""

from __future__ import annotations

import argparse
import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from tools.errors import OptionError
from tools.spec.expectations import Expectations
from tools.spec.given import GraphPlaces, Said, atc_flags, said_input, said_output
from tools.spec.joined import Joined
from tools.spec.model import Surgeries

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
MODELS = ROOT / "suites" / "models"
ALL, OFF = "all", "off"
RIGHT = {  # what an option that takes a number takes
    "--clips": f"a whole number from 1 on, or {ALL}; for example --clips 24",
    "--budget-s": "seconds above 0, for example --budget-s 10; what pytest -k accuracy selects is not timed at all",
    "--confirm": "a whole number from 0 on, or auto; for example --confirm 20",
    "--timeout-s": "seconds above 0, for example --timeout-s 900",
    "--atc-timeout-s": "seconds above 0, for example --atc-timeout-s 3600",
}
Word = TypeVar("Word", bound=str)
OPTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("--data", "auto", "auto|mini|full|LIST|DIR", ("mini: clips the harness makes itself; full: the data set under "
     "--data-root; or a list file of your own, a line a clip: 'path label' or 'frame-folder frames label'; for bsn a video_info_new.csv, "
     "or a folder of features, v_<id>.csv of 100 x 400 or v_<id>.npy of T x 400")),
    ("--data-root", "", "DIR", ("folder that holds ucf101/, kinetics400/ ...; also what a list's paths are relative to "
     "(the list's own folder without it)")),
    ("--weights", "auto", "auto|mini|published|FILE|DIR", ("mini: fitted to the mini clips; published: the guide's checkpoint; "
     "or a checkpoint of your own; a folder of checkpoints for a model of several networks")),
    ("--graph", "", "FILE|DIR|PATTERN", ("judge this ONNX or .om file instead of a graph made from the weights; a folder or a pattern, "
     "om/tsm_bs{batch}.om, has one a batch size; for bsn tem=...,pem=...")),
    ("--graph-input", "", "NAME=LAYOUT", "what --graph's input is where its shape does not tell: video=NCTHW, or NTCHW, NCHW ..."),
    ("--graph-output", "", "NAME=SCALE", "which output of --graph has the scores, and whether they are softmax, logits or log-softmax"),
    ("--atc-flags", "", "FLAGS", ("more flags for Ascend's compiler, after an equals sign: "
     "--atc-flags='--precision_mode=force_fp16 --log=error'")),
    ("--expect", "", "NAME=NUMBER", ("what the weights must reach on whatever data is judged, without tolerance: top1=0.93,top5=0.99; "
     "for bsn AR@100=0.75; and what the device must: clips/s=80, xT4=1.0, latency_ms=40 (of a batch, at most), of one batch size: "
     "bs16:clips/s=80; given several times, all of it counts")),
    ("--clips", ALL, f"N|{ALL}", "judge N clips only, spread evenly over the classes, the same ones every time"),
    ("--budget-s", "60", "S", "seconds each network of a cell may be timed; never fewer than 3 iterations"),
    ("--timeout-s", "900", "S", "seconds a device may be silent before its cell is ended"),
    ("--soc-version", "", "NAME", "Ascend chip to compile for, as atc spells it (Ascend310P3); what npu-smi says without it"),
    ("--atc-python", "", "DIR", "folder of the python3 that atc is to find first: 3.7 to 3.10 with NumPy below 2"),
    ("--auto-tune", "off", "off|on", "let atc tune as the model's guide did, for hours; CANN 5 only"),
    ("--atc-timeout-s", "3600", "S", "seconds atc may take"),
    ("--surgery", "needed", "needed|all", ("needed: rewrite ONNX graphs where a model's spec always does; all: also where it only may, "
     "with the same outputs (tsm, nonlocal: constants for the zeros that a temporal shift computes)")),
    ("--history", "", "DIR|off", ("where each cell leaves a record that later runs are judged beside, a share in practice, made by "
     "tools.history init; artifacts/history without it; off: no record is left or read")),
    ("--confirm", "auto", "auto|N", ("times that a cell whose speed is in doubt is measured again, in turn with another one; "
     "auto: 40 by night, else none")),
    ("--artifacts", str(ARTIFACTS), "DIR", "where the store and the runs are kept"),
    ("--locks", "", "DIR", ("where the locks of devices are, one folder for all users who share a device; "
     "each user has an own one without it")),
    ("--models", str(MODELS), "DIR", "folder of <model>.py, whose code is run, and <model>.toml"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one run, checked and with absolute paths.

    `clips` 0 means all; `history` empty is the one in `artifacts`; `confirm` None: by the kind of run.
    """

    data: str
    data_root: str
    weights: str
    graph: GraphPlaces
    graph_input: Said
    graph_output: Said
    atc_flags: tuple[str, ...]
    expect: Expectations
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

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Settings:
        """From the text of each option, by its name without dashes; what is not named has its default.

        Raises:
            OptionError: a number is none or not above 0, a word is unknown, or a list or folder is not there.
                Of several it tells all.
        """
        text = {_name(flag): values.get(_name(flag), default) for flag, default, *_ in OPTIONS}
        try:
            return cls._parsed(text)
        except OptionError as error:
            raise _with_others(cls._parsed, text, error) from error

    @classmethod
    def _parsed(cls, text: Mapping[str, str]) -> Settings:
        for flag in ("--graph-input", "--graph-output"):
            if text[_name(flag)] and not text["graph"]:
                raise OptionError(f"{flag} says something of a graph, and none is given", where=flag, remedy="give it with --graph FILE")
        return cls(
            data=_word_or_file(text["data"], ("auto", "mini", "full"), "--data", "a list file, or a folder of features for bsn",
                               folder=True),
            data_root=_folder(text["data_root"], "--data-root", "give the folder that holds ucf101/"),
            weights=_word_or_file(text["weights"], ("auto", "mini", "published"), "--weights", "a checkpoint file, or a folder of several",
                                  folder=True),
            graph=GraphPlaces.parse(text["graph"]),
            graph_input=said_input(text["graph_input"]),
            graph_output=said_output(text["graph_output"]),
            atc_flags=atc_flags(text["atc_flags"]),
            expect=Expectations.parse(text["expect"]),
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
        )

    @classmethod
    def of(cls, options: argparse.Namespace) -> Settings:
        """From a command line that has any of these options; errors as for `parse`."""
        return cls.parse({name: str(value) for name, value in vars(options).items()})

    def arguments(self) -> list[str]:
        """These settings as the arguments of a command line."""
        return [part for flag, *_ in OPTIONS for part in self._argument(flag)]

    def _argument(self, flag: str) -> list[str]:
        text = self._text(flag)
        return [f"{flag}={text}"] if text.startswith("-") else [flag, text]  # else it would be taken for an option

    def _text(self, flag: str) -> str:
        value = getattr(self, _name(flag))
        if flag == "--clips" and not self.clips:
            return ALL
        if flag == "--confirm" and self.confirm is None:
            return "auto"
        return shlex.join(value) if isinstance(value, tuple) else str(value)

    def chosen(self, *flags: str) -> list[str]:
        """Those of these options that are not at their default, as arguments."""
        usual = Settings.parse({})
        return [part for flag in flags if getattr(self, _name(flag)) != getattr(usual, _name(flag)) for part in self._argument(flag)]

    @property
    def store(self) -> Path:
        return self.artifacts / "store"


def _with_others(parse: Callable[[Mapping[str, str]], object], text: Mapping[str, str], first: OptionError) -> OptionError:
    """The error of all options that are wrong each by itself; *first* where no other is."""
    usual = {_name(flag): default for flag, default, *_ in OPTIONS}
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


def names() -> list[str]:
    return [_name(flag) for flag, *_ in OPTIONS]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shared options, for a command line."""
    for flag, default, metavar, text in OPTIONS:
        parser.add_argument(flag, action=action_of(flag), default=default, metavar=metavar, help=text)


def action_of(flag: str) -> str | type[argparse.Action]:
    """What a parser does with an option that is given: of most the last counts, of `--expect` all."""
    return Joined if flag == "--expect" else "store"


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
    return int(text)


def _word(text: str, words: tuple[Word, ...], flag: str) -> Word:
    word = next((word for word in words if word == text), None)
    if word is None:
        raise OptionError(f"no such choice: {text}", where=flag, remedy=f"choose {' or '.join(words)}")
    return word


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
    if not (math.isfinite(number) and number > 0) or (flag == "--clips" and number != int(number)):
        raise OptionError(f"{text!r} is not a number that {flag} can take", where=flag, remedy=f"give {RIGHT[flag]}")
    return number
