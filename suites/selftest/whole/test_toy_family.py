"""A family of devices is one file and one line of the registry: a toy one needs no other edit."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import NO_REPORT, python, tiny_arguments
from suites.selftest.whole.test_resume import own
from suites.selftest.whole.test_run import results
from tools.spec.settings import ROOT

HAS = ("tools", "fixtures", "conftest.py", "pytest.ini", "suites/models", "suites/test_acceptance.py")  # of a clone
REGISTRY = 'FAMILIES = {'
TOY = '''"""Two toys, which compute with the cores of the host."""

from tools.engines import Family
from tools.engines.faults import Fault
from tools.engines.findings import OK, Examination, Finding
from tools.engines.idle import Reading, Sample, Watch
from tools.errors import OptionError
from tools.spec.case import Device
from tools.spec.chips import ChipKind, kind


class ToyFamily(Family):
    NAMED = "toy:K"
    MARK = "cases on a toy"
    LOADS = "onnx"

    def devices(self):
        return [Device("toy", 0), Device("toy", 1)]

    def named(self, device):
        if device not in self.devices():
            raise OptionError("there are two toys", where=f"--device {device}")
        return device

    def load(self, device, graph, network, batch, asked=None, mode=None):
        from tools.engines import cpu

        return cpu.FAMILY.load(device, graph, network, batch, asked)

    def describe(self, device) -> ChipKind:
        return kind("Toy One")

    def versions(self):
        return (("driver", "7.0"),)

    def condition(self, device):
        return (("clock_mhz", "100"),)

    def watch(self, device):
        return Watch(lambda: Sample(reading=Reading(clock_mhz=100.0)), lambda ours: Sample(), "toy-smi")

    def diagnose(self, log):
        return Fault("lost", "the toy has fallen off the table", ("T1",), ("T1",)) if "T1" in log else None

    def examine(self, settings, show):
        looks = {"toy": lambda settings: [Finding(OK, f"Toy One at {one.index}", "", device=str(one)) for one in self.devices()]}
        return Examination("toys", tuple(show("toys", looks)))


FAMILY = ToyFamily()
'''
ASK = '''
import argparse, contextlib, io, json, os, sys

from fixtures.matrix import refuse_dead_issues
from tools import doctor, engines, new_model
from tools.errors import ClipgateError
from tools.measuring.launch import family
from tools.spec.case import Case
from tools.spec.command_line import ASKED, complete
from tools.spec.truth import KnownIssue


def refused(call, *arguments):
    try:
        return str(call(*arguments))
    except ClipgateError as error:
        return str(error)


said = io.StringIO()
with contextlib.redirect_stdout(said):
    status = doctor.main([f"--artifacts={sys.argv[1]}"])
os.environ[ASKED] = "1"
parser = argparse.ArgumentParser()
parser.add_argument("--device", metavar="auto|DEVICE")
parser.add_argument("-m", dest="markexpr")
complete(parser, engines.devices)
device, marks = (action.completer for action in parser._actions if action.dest in ("device", "markexpr"))
found = {"devices": device("toy"), "several": device("toy:0,"), "marks": marks("to")}
del os.environ[ASKED]
issue = KnownIssue(device="toy", batch=4, kind="notyet", stage="EngineError", reason="a toy")
case = Case.parse("tiny-bs4-toy1", "tiny")
print(json.dumps(found | {
    "doctor": [status, said.getvalue()], "unknown": refused(engines.parse, "gpu:0"), "absent": refused(engines.parse, "toy:2"),
    "named so": refused(new_model.main, ["toy", f"--models={sys.argv[1]}"]),
    "known issue": refused(refuse_dead_issues, {"tiny": (issue,)}),
    "case": [str(case), str(case.device)], "auto": str(engines.first_fit(engines.devices())[0]),
    "lost": family(case.device).diagnose("T1").meaning,
}))
'''


@dataclass(frozen=True, slots=True)
class Clone:
    """A copy of the project in which the toys are registered."""

    folder: Path
    artifacts: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return python(*arguments, folder=self.folder, environment={"PYTHONPATH": str(self.folder)})

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", NO_REPORT, *tiny_arguments(self.artifacts),
                           *arguments)


@pytest.fixture(scope="module")
def clone(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """One file more, and one line that is another."""
    home = tmp_path_factory.mktemp("toys")
    folder = home / "clipgate"
    for name in HAS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "tools/engines/toy.py").write_text(TOY)
    registry = folder / "tools/engines/__init__.py"
    before = registry.read_text()
    assert 1 == before.count(REGISTRY)
    registry.write_text(before.replace(REGISTRY, f'{REGISTRY}"toy": "tools.engines.toy", '))
    return Clone(folder, own(tiny_store, home))


@pytest.fixture(scope="module")
def told(clone: Clone) -> dict[str, Any]:
    """What the copy says when it is asked."""
    done = clone.python("-c", ASK, str(clone.artifacts))
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_word_of_a_family_comes_from_its_own_file(told: dict[str, Any]) -> None:
    """Errors, completion of `--device` and of `-m`, what `auto` takes, known issues, faults."""
    assert "toy:K" in told["unknown"]
    assert "there are two toys" in told["absent"]
    assert (["toy:0", "toy:1"], ["toy:0,toy:1"], ["toy"]) == (told["devices"], [one for one in told["several"] if "toy" in one[5:]],
                                                             told["marks"])
    assert "'toy' is a marker already" in told["named so"]
    assert "None" == told["known issue"]
    assert ["tiny-bs4-toy1", "toy:1"] == told["case"]
    assert "toy:0" == told["auto"]
    assert "the toy has fallen off the table" == told["lost"]


def test_the_doctor_has_a_group_of_the_family(told: dict[str, Any]) -> None:
    """And its devices are among those that can be measured on."""
    said = told["doctor"][1]

    assert re.search(r"^toys\nok +Toy One at 0\nok +Toy One at 1$", said, re.MULTILINE), said
    assert re.search(r"can be measured on here: cpu, .*Toy One at 0, Toy One at 1; say --device cpu,.*toy:0,toy:1", said), said


def test_the_family_is_a_mark_and_its_devices_are_cases(clone: Clone) -> None:
    """Of each device, and of both together; another family's mark selects none of them."""
    marks = clone.pytest("--markers")
    assert "@pytest.mark.toy: cases on a toy" in marks.stdout, marks.stderr

    done = clone.pytest("--collect-only", "-q", "-m", "tiny and toy and bs4", "--device", "toy:0,toy:1")
    found = re.findall(r"::(test_\w+)\[(.+)\]", done.stdout)
    assert [f"tiny-bs4-toy{index}" for index in (0, 0, 0, 1, 1, 1)] == sorted(case for _, case in found), done.stdout + done.stderr
    none = clone.pytest("--collect-only", "-q", "-m", "tiny and cpu", "--device", "toy:0")
    assert "nothing is selected" in none.stderr
    assert "devices toy:0" in none.stderr


def test_a_cell_of_the_family_ends_in_verdicts_and_is_read_back(clone: Clone) -> None:
    """Judged as any device is, under its chip's own name; a report and a run that goes on find it again."""
    done = clone.pytest("-m", "tiny and toy", "-k", "bs4", "--clips=8", "--device", "toy:1")

    assert 0 == done.returncode, done.stdout + done.stderr
    rows = {row["metric"]: row for row in results(done.stdout)}
    assert {"top1": "PASS (mini)", "difference": "PASS (mini)", "clips/s": "RECORDED"} == {
        metric: rows[metric]["verdict"] for metric in ("top1", "difference", "clips/s")}
    assert {("tiny-bs4-toy1", "Toy One", False)} == {(row["case"], row["chip"], row["simulated"]) for row in rows.values()}
    assert "nothing is stored for Toy One at bs4" in rows["clips/s"]["reason"]
    [run] = (clone.artifacts / "runs").iterdir()
    [record] = run.glob("*/cell.json")
    seen = json.loads(record.read_text())
    assert ("7.0", "100") == (seen["versions"]["driver"], seen["machine"]["clock_mhz"])
    assert "idle" == json.loads((record.parent / "idle.json").read_text())["state"]

    again = clone.pytest("--resume")
    assert 0 == again.returncode, again.stdout + again.stderr
    assert seen == json.loads(record.read_text()), "a run that goes on measures nothing twice"
    page = clone.python("-m", "tools.report", run.name, f"--artifacts={clone.artifacts}")
    assert 0 == page.returncode, page.stderr
    assert "tiny-bs4-toy1" in (run / "report.md").read_text()
