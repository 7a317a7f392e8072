"""The options that pytest and the commands share: defaults, lines of help, and which command takes which."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import Literal

from tools.spec.joined import Joined

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
MODELS = ROOT / "suites" / "models"
ALL, OFF = "all", "off"
Takes = Literal["text", "path", "paths", "number", "switch", "list", "flags", "yes"]  # what a value may be in a file of options


class Usual(str):
    """The text of an option that nobody has given: `--clips all` on a command line is no such text."""

    __slots__ = ()


class UsualPath(PosixPath):
    """A folder that nobody has given, of a command whose options are folders and no texts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its flag and default, what its value is called, and a plain line about it.

    everyday: whether `pytest --help` shows it first. takes: what its value may be in a file of options;
    `yes` is a switch without a value.
    """

    flag: str
    default: str
    metavar: str
    text: str
    everyday: bool = False
    takes: Takes = "text"

    @property
    def name(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def words(self) -> list[str]:
        """The values that are a word, `off` say; what stands in capitals is a person's to fill in."""
        return [word for word in self.metavar.split("|") if word.islower() and word.replace("-", "").isalpha()]

    def add_to(self, add: Callable[..., object]) -> None:
        """Let a parser take it, by its function that adds an option."""
        if self.takes == "yes":
            add(self.flag, action=argparse.BooleanOptionalAction, help=self.text)
        else:
            action = Joined if self.flag == "--expect" else "store"  # of which each one counts, of others the last
            add(self.flag, action=action, default=Usual(self.default), metavar=self.metavar, help=self.text)


CONFIG = Option("--config", "", f"FILE|{OFF}", "file of options; a clipgate.toml beside the artifacts folder without it", everyday=True,
                takes="path")
OF_PYTEST = (  # what only pytest takes
    Option("--device", "auto", "auto|cpu|FAMILY:K[,FAMILY:K]", "devices to measure on, say npu:0 or cuda:0; tools.doctor names yours",
           everyday=True, takes="list"),
    Option("--nightly", "", "", "let every verdict be a real one: RECORDED is red, and mini needs --allow", everyday=True, takes="yes"),
    Option("--allow", "", "WORD[,WORD]", "what --nightly may end well with: mini, recorded, no-verdict", takes="list"),
    Option("--report", "on", "on|off", "whether a run leaves report.html, report.md and junit.xml", takes="switch"),
)
OPTIONS = (
    Option("--data", "auto", "auto|mini|full|LIST|DIR", "clips to judge on: the harness's own, the full data set, or a list of yours",
           everyday=True, takes="path"),
    Option("--data-root", "", "DIR", "folder that holds ucf101/, kinetics400/ and other data sets", everyday=True, takes="path"),
    Option("--weights", "auto", "auto|mini|published|FILE|DIR", "weights to judge: the harness's own, the guide's, or yours",
           everyday=True, takes="path"),
    Option("--graph", "", "FILE|DIR|PATTERN", "ONNX or .om file to judge instead of a graph made from the weights", everyday=True,
           takes="paths"),
    Option("--graph-input", "", "NAME=LAYOUT", "what the input of --graph is, where its shape does not tell: video=NCTHW"),
    Option("--graph-output", "", "NAME=SCALE", "which output of --graph has the scores, and on which scale: scores=softmax"),
    Option("--atc-flags", "", "FLAGS", "more flags for Ascend's compiler: --atc-flags='--precision_mode=force_fp16'", takes="flags"),
    Option("--expect", "", "NAME=NUMBER", "what must be reached: top1=0.93,top5=0.99 or clips/s=80,latency_ms=40", everyday=True,
           takes="list"),
    Option("--precision", "auto", "auto|fp32|tf32|fp16", "what a device computes in; auto: float32, and on Ascend what its chip does"),
    Option("--engine", "auto", "auto|tensorrt", "what runs the graph; auto: ONNX Runtime, and aclruntime on Ascend"),
    Option("--clips", ALL, f"N|{ALL}", "judge N clips only, spread evenly over the classes, the same ones every time", everyday=True,
           takes="number"),
    Option("--budget-s", "60", "S", "seconds that each network of a cell may be timed", everyday=True, takes="number"),
    Option("--timeout-s", "900", "S", "seconds that a device may be silent before its cell is ended", takes="number"),
    Option("--soc-version", "", "NAME", "Ascend chip to compile for, as atc spells it; what npu-smi says without it"),
    Option("--atc-python", "", "DIR", "folder of the python3 that atc is to find first", takes="path"),
    Option("--auto-tune", "off", "off|on", "let atc tune for hours, as the guides did; CANN 5 only", takes="switch"),
    Option("--atc-timeout-s", "3600", "S", "seconds that atc may take", takes="number"),
    Option("--surgery", "needed", "needed|all", "rewrites of ONNX graphs: those that are needed, or all that change no output"),
    Option("--history", "", f"DIR|{OFF}", "where runs leave the records that later runs are judged beside", takes="path"),
    Option("--confirm", "auto", "auto|N", "how often a doubtful speed is measured again; auto: 40 by night, else never", takes="number"),
    Option("--ray", "", "auto|HOST:PORT|ray://HOST:PORT", "Ray cluster whose nodes measure, or compute references, in this machine's place",
           everyday=True),
    Option("--ray-exclusive", "off", "off|on", "whether a cell is timed while no other task of the cluster is on its node", takes="switch"),
    Option("--ray-shard", "auto", "auto|N", "clips that one task of --ray scores; auto: by the list and the cluster", takes="number"),
    Option("--artifacts", str(ARTIFACTS), "DIR", "where the store and the runs are kept", takes="path"),
    Option("--locks", "", "DIR", "where the locks of devices are: one folder for all users who share a device", takes="path"),
    Option("--models", str(MODELS), "DIR", "folder of <model>.py, whose code is run, and <model>.toml", takes="path"),
)
FLAGS = tuple(one.flag for one in OPTIONS)

RAY = tuple(flag for flag in FLAGS if flag.startswith("--ray"))
_PLACES = ("--artifacts", "--locks", "--models")
_CLIPS = ("--data", "--data-root", "--clips", *_PLACES)
_WEIGHTS = ("--data", "--data-root", "--weights", *_PLACES)
_COMPILING = ("--graph", "--graph-input", "--graph-output", "--surgery", "--soc-version", "--atc-python", "--auto-tune", "--atc-flags",
              "--atc-timeout-s", "--precision")
USES: dict[str, Collection[str]] = {  # which of OPTIONS a command takes
    "measure": tuple(flag for flag in FLAGS if flag not in ("--history", "--confirm", *RAY)),
    "locate": tuple(flag for flag in FLAGS if flag not in ("--expect", "--budget-s", "--history", "--confirm", *RAY)),
    "export": _WEIGHTS,
    "specialise": (*_WEIGHTS, "--surgery"),
    "compile": (*_WEIGHTS, *_COMPILING),
    "reference": (*_WEIGHTS, "--clips", "--ray", "--ray-shard"),
    "score": ("--weights", "--expect", *_CLIPS),
    "record": ("--weights", "--history", *_CLIPS),
    "evaluate": ("--expect", *_CLIPS),
    "doctor": ("--artifacts", "--locks", "--atc-python", "--ray", "--data-root"),
    "data rawframes": ("--data-root",),
    "data check": ("--data-root", "--clips", *_PLACES),
    "data clips": _CLIPS,
    "data dump": _CLIPS,
}


def names() -> list[str]:
    return [one.name for one in OPTIONS]


def add_arguments(parser: argparse.ArgumentParser, flags: Collection[str] = FLAGS) -> None:
    """The shared options that have these *flags*, for a command line, and the file that may set them."""
    group = parser.add_argument_group("options that commands share")
    for one in (CONFIG, *(one for one in OPTIONS if one.flag in flags)):
        one.add_to(group.add_argument)
