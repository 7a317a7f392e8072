"""What `python -m tools.locate` takes, refuses, prints and ends with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS, ran
from suites.selftest.locating.found_ones import apart, found, located, network, quiet
from tools import engines
from tools import locate as command
from tools.locating import kept, told
from tools.locating.locate import Wanted
from tools.locating.values import Found, Seen, Span, StageSeen, Step
from tools.measuring import readiness
from tools.spec.case import Case, Device
from tools.spec.settings import MODELS


class Looked:
    """Stands for the look itself: notes what is asked, and finds what a test says."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Case, Wanted]] = []
        self.ready: list[str] = []
        self.found: tuple[kept.Kept, ...] = (self.of(found()),)
        patch.setattr(command, "locate", self)
        patch.setattr(engines, "family", lambda device: SimpleNamespace(named=lambda one: one, COMPUTES={"": ("fp32",)}))
        for name in ("of_cases", "of_graphs"):
            patch.setattr(readiness, name, lambda settings, contexts, cases, name=name: self.ready.append(name) or ())

    @staticmethod
    def of(one: Found | None, **more: Any) -> kept.Kept:
        return kept.of(replace(located(one), **more), told.names(network(), one) if one else {})

    def __call__(self, context: object, case: Case, wanted: Wanted) -> tuple[Path, tuple[kept.Kept, ...]]:
        self.asked.append((case, wanted))
        return Path("run/case/locate"), self.found


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Looked:
    return Looked(monkeypatch)


def line(folder: Path, *words: str, model: str = "tiny", models: Path = TINY_MODELS) -> list[str]:
    return [model, "--batch", "4", *words, f"--models={models}", f"--artifacts={folder}"]


def test_the_result_stands_first_and_how_to_look_again_last(looked: Looked, tmp_path: Path) -> None:
    """Between them the table, worst first, and what agrees."""
    looked.found = (looked.of(found(), stages=(StageSeen("onnxsim against export", apart(1e-7), 1e-4),)),)
    done = ran("locate", *line(tmp_path))
    lines = done.stdout.splitlines()

    assert (1, "") == (done.returncode, done.stderr)
    assert "layer3.2.conv2 (Conv_2): own error 3.1e-01 where its neighbours have 4e-04; since here the scores differ" == lines[0]
    assert ["", "part", "layer3.2"] == [lines[1], lines[2].split()[0], lines[3].split()[0]]
    assert ["onnxsim against export: the scores agree, to 1.0e-07", "clips: a, b",
            "again: python -m tools.locate tiny --batch 4 --device cpu --part layer3.2", "kept in run/case/locate"] == lines[-4:]


@pytest.mark.parametrize(("one", "more", "status"), [
    (quiet(), {}, 0), (found(), {}, 1), (found("inherited"), {}, 1), (None, {"steps": (Step("crop", "a", apart(0.1)),)}, 1),
    (quiet(), {"stages": (StageSeen("surgery against onnxsim", apart(0.1), 1e-4),)}, 1),
], ids=["nothing", "node", "inherited", "step", "stage"])
def test_the_status_says_whether_anything_differs(looked: Looked, tmp_path: Path, one: Found | None, more: dict[str, Any],
                                                  status: int) -> None:
    looked.found = (looked.of(quiet()), looked.of(one, **more))

    assert status == ran("locate", *line(tmp_path)).returncode


def test_what_is_asked_is_looked_at(looked: Looked, tmp_path: Path) -> None:
    """Clips, run, network, part; by default the worst clips of the last run, on the CPU."""
    ran("locate", *line(tmp_path))
    ran("locate", *line(tmp_path, "--device", "npu:1", "--clip", "a", "--clip", "b c", "--run", str(tmp_path), "--network", "tiny",
                        "--part", "layer3.2"))

    assert (Case("tiny", 4, Device("cpu")), Wanted()) == looked.asked[0]
    assert (Case("tiny", 4, Device("npu", 1)), Wanted(("a", "b c"), tmp_path, "tiny", "layer3.2")) == looked.asked[1]
    assert ["of_cases", "of_cases"] == looked.ready


def test_dumps_ask_for_no_device(looked: Looked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine need not have one of the kind that gave them."""
    monkeypatch.setattr(engines, "parse", lambda text: pytest.fail("a device is looked for"))
    ran("locate", *line(tmp_path, "--device", "npu:7", "--device-output", str(tmp_path)))

    assert [(Case("tiny", 4, Device("npu", 7)), Wanted(dumps=tmp_path))] == looked.asked
    assert ["of_graphs"] == looked.ready


@pytest.mark.parametrize(("words", "said"), [
    (["--network", "other"], "tiny has no network 'other'"), (["--run", "{}/none"], "no such folder"),
    (["--device-output", "{}/none"], "no such folder"), (["--device-output", "{}", "--part", "a"], "--part runs a part on a device"),
    (["--device-output", "{}", "--device", "npu"], "unknown device 'npu'"),
    (["--device-output", "{}", "--device", "npu:x"], "unknown device"),
    (["--device-output", "{}", "--device", "cpu:0"], "unknown device"), (["--device-output", "{}", "--device", "toy:0"], "unknown device"),
    (["--clips", "a", "b"], "unrecognized arguments: b"), (["--batch", "3"], "invalid choice: 3"),
])
def test_a_wrong_command_line_is_status_2_and_nothing_is_looked_at(looked: Looked, tmp_path: Path, words: list[str], said: str) -> None:
    done = ran("locate", *line(tmp_path, *(word.format(tmp_path) for word in words)))

    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr
    assert [] == looked.asked


@pytest.mark.parametrize("device", ["auto", "cpu,npu:0", "toy"])
def test_one_device_is_looked_at(looked: Looked, tmp_path: Path, device: str) -> None:
    """What this command refuses it does not offer."""
    done = ran("locate", *line(tmp_path, "--device", device))

    assert (2, []) == (done.returncode, looked.asked)
    assert "remedy  name one device: cpu, cuda:K, or npu:" in done.stderr
    assert "several" not in done.stderr


def test_a_table_of_many_parts_shows_the_worst(looked: Looked, tmp_path: Path) -> None:
    """And says where the others are; one that is short is whole."""
    many = [Seen(Span(f"part{number}", 0, 1), apart(number / 1e5)) for number in range(1, 26)]
    looked.found = (looked.of(replace(quiet(), seen=tuple(many))),)
    lines = ran("locate", *line(tmp_path)).stdout.splitlines()

    assert lines[0].startswith("the device computes what its graph says")
    assert ["", "part", *(f"part{number}" for number in range(25, 5, -1)), "and"] == [one.partition(" ")[0] for one in lines[1:24]]
    assert "and 5 more parts, in run/case/locate/tiny.json" == lines[23]
    looked.found = (looked.of(replace(quiet(), seen=tuple(many[:20]))),)
    assert "more part" not in ran("locate", *line(tmp_path)).stdout
    looked.found = (looked.of(replace(quiet(), seen=tuple(many[:21]))),)
    assert "and 1 more part, in run/case/locate/tiny.json" in ran("locate", *line(tmp_path)).stdout.splitlines()


def test_a_part_of_several_networks_needs_the_name_of_one(looked: Looked, tmp_path: Path) -> None:
    done = ran("locate", *line(tmp_path, "--part", "x", model="bsn", models=MODELS))

    assert 2 == done.returncode
    assert "name one with --network: tem, pem" in done.stderr
    assert 1 == ran("locate", *line(tmp_path, "--part", "x", "--network", "pem", model="bsn", models=MODELS)).returncode
