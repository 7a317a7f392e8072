"""The doctor names everything that is there, missing or broken, each with a step, and never stumbles."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from suites.selftest.conftest import clean_environment
from suites.selftest.simulated.npu import SimulatedNpu
from tools import doctor
from tools.engines.ascend import cann
from tools.engines.ascend import findings as ascend_findings
from tools.engines.findings import MISSING, NOTE, OK, WRONG, Examination, Finding, attempt
from tools.spec.settings import ROOT, Settings

LINE = re.compile(r"(ok|missing|wrong|note)\s+(\S.*?)(?:\s{2,}(.*))?")
MODULES = {"numpy": "__version__ = '1.26.4'", "decorator": "", "attr": ""}
OLDER_PYTHON = """#!/bin/sh
[ -n "$ASCEND_OPP_PATH" ] || exit 9  # only set_env.sh sets it
shift
exec {python} -I -S -c "import sys; sys.version_info = {version}; sys.path.insert(0, '{modules}'); exec(sys.argv[1])" "$@"
"""
Install = Callable[..., str]


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedNpu:
    """This machine as a whole Ascend host, for this process and its children."""
    host = SimulatedNpu(tmp_path / "host")
    for name, value in host.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(tmp_path / "host" / "python"))
    return host


@pytest.fixture
def python3(tmp_path: Path) -> Install:
    """Lay out a folder with a python3 of a version and of modules."""
    def install(version: tuple[int, int, int] = (3, 9, 18), modules: dict[str, str] = MODULES) -> str:
        folder = tmp_path / "older"
        folder.mkdir()
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)
        (folder / "python3").write_text(OLDER_PYTHON.format(python=sys.executable, version=version, modules=folder))
        (folder / "python3").chmod(0o755)
        return str(folder)

    return install


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tools.doctor", *arguments], cwd=ROOT, env=clean_environment() | environment, text=True,
                          capture_output=True, timeout=120, check=False)


def findings(output: str) -> dict[str, Finding]:
    """The findings of a whole output by their things, each with the indented lines below it."""
    found: dict[str, Finding] = {}
    for line in output.splitlines():
        if line.startswith(" "):
            last = found.popitem()[1]
            found[last.thing] = Finding(last.word, last.thing, last.found, last.remedy + line.strip())
        elif match := LINE.fullmatch(line):
            found[match[2]] = Finding(match[1], match[2], match[3] or "")  # type: ignore[arg-type]
    return found


def examined(**options: str) -> tuple[dict[str, Finding], int, str]:
    """Ascend's part of an examination: what was found by its thing, the exit status and the last line."""
    settings = Settings.parse(options)
    host = Examination("CPU", (Finding(OK, "CPU", ""),))
    ascend = ascend_findings.examine(settings, lambda title, looks: [
        one for thing, look in looks.items() for one in attempt(thing, partial(look, settings))])
    return ({one.thing: one for one in (*ascend.parts, *ascend.rules)}, doctor.status(host, [ascend]),
            doctor.measurable(host, [ascend]))


def test_without_ascend_each_part_is_missing_in_the_words_of_what_would_need_it(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of Ascend: five things are missing, each with a step; the CPU can measure, and status is 0."""
    monkeypatch.setenv("CLIPGATE_DEVICE_NODES", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(cann, "INSTALLED", tmp_path / "Ascend")
    status = doctor.main(["--artifacts", str(tmp_path / "a+b")])
    printed = capsys.readouterr().out
    missing = {thing: one for thing, one in findings(printed.partition("\nAscend\n")[2]).items() if one.word == MISSING}

    assert 0 == status
    assert ["device nodes", "npu-smi", "driver libraries", "CANN toolkit", "aclruntime"] == list(missing)
    assert f"no Ascend device: {tmp_path} has no davinci0" == missing["device nodes"].found
    assert "no Ascend device: npu-smi is not on PATH" == missing["npu-smi"].found
    assert missing["driver libraries"].found.startswith("libascend_hal.so: cannot open")
    assert f"no CANN toolkit: there is no set_env.sh ({tmp_path / 'Ascend'})" == missing["CANN toolkit"].found
    assert missing["aclruntime"].found.startswith("aclruntime cannot be imported: No module named 'aclruntime'")
    assert all(one.remedy for one in missing.values())
    assert NOTE == findings(printed)["path of models"].word
    assert "can be measured on here: cpu; say --device cpu" == printed.splitlines()[-1]


def test_a_whole_host_is_all_right_and_says_what_is_simulated(tmp_path: Path, python3: Install) -> None:
    """Every part is there: status 0, both devices to measure on, and what is none calls itself simulated."""
    host = SimulatedNpu(tmp_path / "host")
    done = run("--atc-python", python3(), "--artifacts", str(tmp_path / "artifacts"), **host.environment())
    found = findings(done.stdout)

    assert (0, "") == (done.returncode, done.stderr)
    assert {OK} == {one.word for thing, one in found.items() if thing in (*ascend_findings.PARTS, "atc", "atc's python3", "environment")}
    assert "simulated, health OK, device 1, 1074 of 21534 MB, no process" == found["npu:1 (Sim310P3)"].found
    assert all("simulated" in found[thing].found for thing in ("device nodes", "aclruntime"))
    assert f"{host.root}/driver/bin/npu-smi, driver 23.0.0" == found["npu-smi"].found
    assert f"8.0.0 in {host.toolkit}, by {host.set_env}" == found["CANN toolkit"].found
    assert "can be measured on here: cpu, npu:0 (Sim310P3), npu:1 (Sim310P3); say --device cpu,npu:0,npu:1" == done.stdout.splitlines()[-1]
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize(("version", "changed", "words"), [
    ((3, 9, 18), {}, None),
    ((3, 7, 0), {"attr": "print('of age')"}, None),
    ((3, 10, 1), {}, None),
    ((3, 6, 15), {}, "atc needs 3.7 to 3.10"),
    ((3, 11, 2), {}, "atc needs 3.7 to 3.10"),
    ((3, 9, 18), {"numpy": "__version__ = '2.0.1'"}, "NumPy 2.0.1 is not below 2"),
    ((3, 9, 18), {"numpy": "raise ImportError('libopenblas')"}, "no NumPy"),
    ((3, 9, 18), {"decorator": "raise ImportError", "attr": "raise ImportError"}, "no decorator, no attrs"),
    ((3, 9, 18), {"numpy": "raise SystemExit('broken')"}, "does not run: broken"),
])
def test_the_python_of_atc_is_that_of_its_own_environment(simulated: SimulatedNpu, python3: Install, version: tuple[int, int, int],
                                                          changed: dict[str, str], words: str | None) -> None:
    """What is judged is the python3 that atc would find: its version, and what it can import."""
    folder = python3(version, MODULES | changed)
    found = {one.thing: one for one in ascend_findings.toolkit(Settings.parse({"atc_python": folder}))}["atc's python3"]

    assert (WRONG if words else OK) == found.word
    assert (words or "NumPy 1.26.4, decorator, attrs") in found.found
    assert bool(words) == bool(found.remedy)


CPU, BOTH = "cpu; say --device cpu", "cpu, npu:0 (Sim310P3), npu:1 (Sim310P3); say --device cpu,npu:0,npu:1"
REAL_RUNTIME = "from simulated.module import names\nglobals().update(names())\n"
FOLLOWS = {"no licence": ("aclruntime",)}
ACCESS = os.access


def _close(patch: pytest.MonkeyPatch, name: str) -> None:
    """Keep this user out of the files of that name."""
    patch.setattr(os, "access", lambda path, *how, **more: Path(path).name != name and ACCESS(path, *how, **more))


Break = Callable[[SimulatedNpu, pytest.MonkeyPatch], object]
BREAKS: dict[str, tuple[Break, str, str, str, str]] = {  # what breaks it; which line, with which word and sentence; what is left
    "no npu-smi": (lambda host, patch: host.hide("npu-smi"), "npu-smi", MISSING, "no Ascend device: npu-smi is not on PATH", CPU),
    "no atc": (lambda host, patch: host.hide("atc"), "atc", MISSING, "no atc: it is not on the PATH that set_env.sh makes",
               f"{BOTH} (npu: only what is compiled already)"),
    "unwell": (lambda host, patch: host.fault("health", device=1, word="Critical"), "npu:1 (Sim310P3)", WRONG,
               "npu1sim is not fit to be used: its health is Critical", "cpu, npu:0 (Sim310P3); say --device cpu,npu:0"),
    "renumbered": (lambda host, patch: patch.setenv("ASCEND_RT_VISIBLE_DEVICES", "1"), "environment", WRONG,
                   "ASCEND_RT_VISIBLE_DEVICES=1 renumbers the devices", CPU),
    "no licence": (lambda host, patch: host.set_env.write_text("exit 3"), "CANN toolkit", WRONG, "set_env.sh cannot be sourced", CPU),
    "mixed": (lambda host, patch: (host.root / "python" / "aclruntime.py").write_text(REAL_RUNTIME), "aclruntime", WRONG,
              "disagree on whether they are a simulation", CPU),
    "crash": (lambda host, patch: (host.root / "python" / "aclruntime.py").write_text("import os; os.abort()"), "aclruntime", WRONG,
              "was killed by SIGABRT: it said nothing", CPU),
    "no libraries": (lambda host, patch: patch.setattr(cann, "of_runtime", dict), "aclruntime", WRONG, "libascendcl.so: cannot open", CPU),
    "node alone": (lambda host, patch: (host.root / "dev" / "davinci7").touch(), "npu:2", WRONG, "npu-smi shows no device 2", BOTH),
    "closed": (lambda host, patch: _close(patch, "davinci1"), "device nodes", WRONG,
               "closed to this user: davinci1", CPU),
}


@pytest.mark.parametrize("name", BREAKS)
def test_one_broken_part_is_named_with_a_step_and_turns_the_status(simulated: SimulatedNpu, python3: Install,
                                                                   monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What is broken has a sentence and a remedy; what can still be measured on is said; status is 1."""
    breaking, thing, word, words, left = BREAKS[name]
    breaking(simulated, monkeypatch)
    found, status, last = examined(atc_python=python3())

    assert (word, 1) == (found[thing].word, status)
    assert words in found[thing].found
    assert found[thing].remedy
    assert f"can be measured on here: {left}" == last
    assert [thing] == [one.thing for one in found.values() if one.word in (MISSING, WRONG) and one.thing not in FOLLOWS.get(name, ())]


@pytest.mark.usefixtures("simulated")
def test_a_path_that_the_runtime_refuses_is_wrong_beside_devices(
        python3: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A sign in the artifacts folder's path keeps every compiled model of a sound host from being loaded."""
    status = doctor.main(["--atc-python", python3(), "--artifacts", str(tmp_path / "R(2+1)D")])
    printed = capsys.readouterr().out
    [found] = [one for one in findings(printed).values() if one.word == WRONG]

    assert (1, "path of models") == (status, found.thing)
    assert "not '(' ')' '+'" in found.found
    assert f"can be measured on here: {CPU}" == printed.splitlines()[-1]


@pytest.mark.parametrize(("fault", "words"), [("busy", "not idle: process 293029 python3.8"), ("health", "not idle: health Alarm")])
def test_a_device_that_cannot_be_timed_now_is_a_note(simulated: SimulatedNpu, fault: str, words: str) -> None:
    """Somebody's process, or an alarm, spoils times and nothing else."""
    simulated.fault(fault, device=0, word="Alarm")
    found = {one.thing: one for one in ascend_findings.chips(Settings.parse({}))}["npu:0 (Sim310P3)"]

    assert NOTE == found.word
    assert words in found.found


@pytest.mark.parametrize(("variant", "words"), [
    ("2022-06", "has nothing; lacks run_pipeline, free_resource, set_context, infer_options; times in sumary"),
    ("2026-08", "has free_resource, set_context, infer_options; lacks run_pipeline; times in sumary, summary"),
])
def test_a_build_of_the_runtime_is_told_by_what_it_has(simulated: SimulatedNpu, variant: str, words: str) -> None:
    """Builds that call themselves the same differ in their calls."""
    simulated.change(variant=variant)
    [found] = ascend_findings.runtime(Settings.parse({}))

    assert OK == found.word
    assert words in found.found


def test_a_part_that_is_missing_counts_only_beside_one_that_is_there() -> None:
    """No Ascend at all is fine, half of one is not; a broken CPU never is."""
    absent, there = Finding(MISSING, "npu-smi", "", "step"), Finding(NOTE, "device nodes", "", "step")

    def status(*parts: Finding, host: Finding | None = None) -> int:
        return doctor.status(Examination("CPU", (host,) if host else ()), [Examination("Ascend", parts)])

    assert 0 == status(absent, absent)
    assert 1 == status(absent, there)
    assert 0 == status(there)
    assert 1 == status(absent, host=Finding(MISSING, "numpy", "", "step"))
