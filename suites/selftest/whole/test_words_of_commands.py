"""What a command line may say: each command's own words, what they mean left out, and what it must have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS, ran
from tools import compile as compile_command
from tools import evaluate, export, fetch, locate, measure, record, reference, score, specialise, store
from tools.datasets import check, rawframes
from tools.exchange import dump
from tools.spec.options import ARTIFACTS, MODELS, USES
from tools.storage import carry, stages

OWN: dict[str, tuple[Any, list[str], dict[str, object], list[str], dict[str, object]]] = {
    # the least, what that means, everything, and what that means
    "measure": (measure._arguments, ["--batch", "4"], {"batch": 4, "device": "cpu", "network": None, "run": None, "resume": False},
                ["--batch", "16", "--device", "npu:0", "--network", "tem", "--run", "r", "--resume"],
                {"batch": 16, "device": "npu:0", "network": "tem", "run": Path("r"), "resume": True}),
    "locate": (locate._arguments, ["--batch", "4"],
               {"batch": 4, "device": "cpu", "clip": [], "run": None, "network": None, "part": "", "device_output": None},
               ["--batch", "1", "--device", "npu:0", "--clip", "a", "--clip", "b", "--run", "r", "--network", "tem", "--part", "conv1",
                "--device-output", "d"],
               {"batch": 1, "device": "npu:0", "clip": ["a", "b"], "run": Path("r"), "network": "tem", "part": "conv1",
                "device_output": Path("d")}),
    "score": (score._arguments, ["a"], {"folders": [Path("a")], "info": [], "classes": None},
              ["a", "b", "--info", "c", "--info", "d", "--classes", "7"],
              {"folders": [Path("a"), Path("b")], "info": [Path("c"), Path("d")], "classes": 7}),
    "compile": (compile_command._arguments, ["4"], {"batch": 4, "network": None, "device": None},
                ["64", "--network", "pem", "--device", "npu:1"], {"batch": 64, "network": "pem", "device": "npu:1"}),
    "evaluate": (evaluate._arguments, ["a"], {"results": Path("a"), "ground_truth": None},
                 ["a", "--ground-truth", "b"], {"results": Path("a"), "ground_truth": Path("b")}),
    "reference": (reference._arguments, [], {"torch_device": "auto"}, ["--torch-device", "cuda:1"], {"torch_device": "cuda:1"}),
    "record": (record._arguments, ["throughput", "a"],
               {"what": "throughput", "sources": [Path("a")], "device": "", "batch": None, "network": "", "margin": 2.0, "write": False,
                "from_history": False},
               ["fidelity", "a", "b", "--from-history", "--device", "T4", "--batch", "8", "--network", "tem", "--margin", "3", "--write"],
               {"what": "fidelity", "sources": [Path("a"), Path("b")], "device": "T4", "batch": 8, "network": "tem", "margin": 3.0,
                "write": True, "from_history": True}),
}


@pytest.mark.parametrize("name", OWN)
def test_a_command_has_words_of_its_own_beside_the_shared_ones(tmp_path: Path, name: str) -> None:
    more, least, without, most, given = OWN[name]
    shared = {"model", "config", *(flag.removeprefix("--").replace("-", "_") for flag in USES[name])}
    for words, expected in ((least, without), (most, given)):
        options, _ = stages.parse(name, None, ["tiny", *words, f"--models={TINY_MODELS}", f"--artifacts={tmp_path}"], more)
        assert expected == {word: value for word, value in vars(options).items() if word not in shared}


@pytest.mark.parametrize(("parser", "words", "given"), [
    (fetch._parser, ["weights"], {"model": [], "given": None, "artifacts": ARTIFACTS, "models": MODELS}),
    (fetch._parser, ["weights", "a", "b", "--from", "c", "--artifacts", "d", "--models", "e"],
     {"model": ["a", "b"], "given": Path("c"), "artifacts": Path("d"), "models": Path("e")}),
    (store._parser, ["list"], {"artifacts": ARTIFACTS}), (store._parser, ["verify", "--artifacts", "a"], {"artifacts": Path("a")}),
    (store._parser, ["prune"], {"artifacts": ARTIFACTS, "unused_days": None}),
    (store._parser, ["prune", "--unused-days", "7"], {"artifacts": ARTIFACTS, "unused_days": 7.0}),
    (store._parser, ["export", "f"], {"artifacts": ARTIFACTS, "file": Path("f"), "model": [], "batch": [], "models": MODELS}),
    (store._parser, ["import", "f"], {"artifacts": ARTIFACTS, "file": Path("f")}),
    (carry._parser, ["export", "tsm", "f"], {"model": "tsm", "file": Path("f"), "artifacts": ARTIFACTS, "models": MODELS}),
    (carry._parser, ["import", "f", "--artifacts", "a"], {"file": Path("f"), "artifacts": Path("a")}),
], ids=range(10))
def test_commands_in_parts_have_words_for_each_part(parser: Any, words: list[str], given: dict[str, object]) -> None:
    assert {"command": words[0], "config": "", **given} == vars(parser().parse_args(words))


@pytest.mark.parametrize(("more", "words", "given"), [
    (dump.add_dump_arguments, ["tsm", "--out", "a"], {"model": "tsm", "out": Path("a"), "batch": 1}),
    (dump.add_dump_arguments, ["tsm", "--out", "a", "--batch", "8"], {"out": Path("a"), "batch": 8}),
    (check.add_check_arguments, ["ucf101"], {"dataset": "ucf101"}),
    (rawframes.add_rawframes_arguments, [], {"source": None, "target": None, "data_root": "", "all": False}),
    (rawframes.add_rawframes_arguments, ["a", "b", "--data-root", "c", "--all"],
     {"source": Path("a"), "target": Path("b"), "data_root": "c", "all": True}),
], ids=range(5))
def test_parts_of_the_data_command_have_words_of_their_own(more: Any, words: list[str], given: dict[str, object]) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    more(parser)
    assert given.items() <= vars(parser.parse_args(words)).items()


@pytest.mark.parametrize(("line", "words"), [
    ("data", "the following arguments are required: {check,rawframes,clips,dump}"),
    ("store", "the following arguments are required: command"),
    ("fetch", "the following arguments are required: command"), ("measure tiny", "the following arguments are required: --batch"),
    ("measure tiny --batch 3", "argument --batch: invalid choice: 3"), ("locate tiny", "the following arguments are required: --batch"),
    ("compile tiny", "the following arguments are required: batch"),
    ("compile tiny 2", "argument batch: invalid choice: 2"), ("record tiny", "required: what, LOG|RUN"),
    ("score tiny", "required: FOLDER"),
    ("record tiny rate x", "argument what: invalid choice: 'rate'"), ("evaluate bsn", "required: RESULTS.json"),
    ("reference export", "MODEL, FILE"),
    ("data check", "required: dataset"), ("data dump tsm", "required: --out"), ("export", "required: model"),
    ("specialise tiny", "required: batch"),
])
def test_what_a_command_must_have_is_asked_for(line: str, words: str) -> None:
    """With status 2, and nothing is done."""
    done = ran(*line.split())

    assert (2, "") == (done.returncode, done.stdout)
    assert words in done.stderr
    assert f"usage: python -m tools.{line.split()[0]}" in done.stderr


@pytest.mark.parametrize("module", [measure, locate, score, compile_command, evaluate, reference, record, export, specialise])
def test_help_says_what_a_command_does(module: Any) -> None:
    """In the words of its function, with an example where it has one."""
    done = ran(module.__name__.rpartition(".")[2], "--help")
    about = " ".join((module.main.__doc__ or "").split())

    assert (0, "") == (done.returncode, done.stderr)
    assert about[:40] in " ".join(done.stdout.split())
