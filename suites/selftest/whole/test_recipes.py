"""The recipes for nights run as they are written: taken from their page, with a stub in place of a night."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from suites.selftest.whole.pages import FENCE, Page
from suites.selftest.whole.test_pages import check_pytest
from tools.spec.settings import ROOT

PAGE = Page("tools/nights/recipes.md")
BENCH = re.compile(r"(?:\S*/)?tools/bench ([^>|\n]*)")
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))  # minute, hour, day, month, weekday
STUB = """#!/bin/sh
echo "$0 $*" >>called
mkdir -p artifacts/runs/1
echo "the report" >artifacts/runs/1/report.md
echo "a line of the run"
exit ${STATUS:-0}
"""


def blocks(kind: str) -> list[str]:
    return [text for found, text in FENCE.findall(PAGE.text) if found == kind]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder whose tools/bench, tools/setup and python only note what they are given."""
    for name in ("tools/bench", "tools/setup", ".venv/bin/python"):
        path = tmp_path / "opt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUB)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "srv").mkdir()
    return tmp_path / "opt"


def moved(text: str, clone: Path) -> str:
    """A recipe with the folders of this test in place of the page's."""
    return text.replace("/opt/clipgate", str(clone)).replace("/srv/clipgate", str(clone.parent / "srv"))


def done(command: str, clone: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-e", "-c", command], cwd=clone, env={"PATH": "/usr/bin:/bin", **environment}, text=True,
                          capture_output=True, check=False, timeout=60)


def called(clone: Path) -> list[str]:
    return [Path(line.split()[0]).name for line in (clone / "called").read_text().splitlines()]


def cron_lines() -> list[tuple[list[str], str]]:
    """The times of each line of the crontab, and its command."""
    (text,) = blocks("crontab")
    lines = [line for line in text.splitlines() if not re.match(r"[A-Z]+=", line)]
    return [(line.split(maxsplit=5)[:5], line.split(maxsplit=5)[5]) for line in lines]


def test_every_night_of_a_recipe_is_a_command_line_of_pytest(pytestconfig: pytest.Config) -> None:
    """Its options are known and can be meant; --nightly is among them."""
    nights = [found.strip("`. ") for found in BENCH.findall(PAGE.text)]
    full = [night for night in nights if "..." not in night]

    assert len(full) >= 6
    for night in full:
        assert "--nightly" in night
        check_pytest(shlex.split(night.replace("DIR", "/srv")), pytestconfig)


def test_the_times_of_the_crontab_are_times() -> None:
    """Five fields, each a star or a number in its range; and no %, which cron makes a line's end of."""
    for fields, command in cron_lines():
        assert all(field == "*" or low <= int(field) <= high for field, (low, high) in zip(fields, RANGES, strict=True))
        assert "%" not in command


@pytest.mark.parametrize(("status", "told"), [("0", ""), ("1", "a line of the run\n"), ("4", "a line of the run\n")])
def test_cron_mails_of_a_night_that_is_not_good(clone: Path, status: str, told: str) -> None:
    """A good one says nothing, of which cron makes no mail."""
    night = done(moved(cron_lines()[0][1], clone), clone, STATUS=status)

    assert (told, "") == (night.stdout, night.stderr)
    assert ["bench"] == called(clone)


def test_cron_deletes_old_runs_only(clone: Path) -> None:
    """A run of the last three months stays, and so does the folder of all runs."""
    runs = clone.parent / "srv" / "artifacts" / "runs"
    for name, days in (("old", 92), ("recent", 89), ("new", 0)):
        (runs / name / "tsm-bs1-cpu").mkdir(parents=True)
        subprocess.run(["touch", "-d", f"{days} days ago", runs / name], check=True)
    swept = done(moved(cron_lines()[1][1], clone), clone)

    assert (0, "") == (swept.returncode, swept.stderr)
    assert {"recent", "new"} == {path.name for path in runs.iterdir()}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on PATH")
def test_systemd_takes_the_units(clone: Path) -> None:
    """Without a word about a key, a value or a program that is not there."""
    units = [moved(text, clone) for text in blocks("ini")]
    names = [text.split("\n")[0].removeprefix("# ") for text in units]
    for name, text in zip(names, units, strict=True):
        (clone / name).write_text(text)
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(clone / name) for name in names)], text=True,
                              capture_output=True, check=False)

    assert ["clipgate-night.service", "clipgate-night.timer"] == names
    assert "" == "\n".join(line for line in (verified.stdout + verified.stderr).splitlines() if "clipgate-night" in line)


def test_a_service_that_is_stopped_gets_ctrl_c() -> None:
    """Only its main process does: tools/bench becomes pytest, which ends its own children."""
    service = configparser.ConfigParser(interpolation=None)
    service.optionxform = str  # type: ignore[assignment, method-assign]
    service.read_string(blocks("ini")[0])

    assert ("SIGINT", "mixed") == (service["Service"]["KillSignal"], service["Service"]["KillMode"])
    assert (ROOT / "tools" / "bench").read_text().splitlines()[-1].startswith("exec ")


def test_a_workflow_keeps_report_and_history(clone: Path, tmp_path: Path) -> None:
    """Its steps run; what is shown, kept and cached is also shown, kept and cached after a red night."""
    yaml = pytest.importorskip("yaml")
    night = yaml.safe_load(blocks("yaml")[0])["jobs"]["night"]
    steps = {step.get("name", step.get("uses")): step for step in night["steps"]}
    for name in ("Set up", "Measure", "Show the report"):
        assert 0 == done(steps[name]["run"], clone, GITHUB_STEP_SUMMARY=str(tmp_path / "summary")).returncode
    kept = [steps[name] for name in ("Show the report", "actions/upload-artifact@v4", "actions/cache/save@v4")]

    assert "the report\n" == (tmp_path / "summary").read_text()
    assert ["setup", "python", "bench"] == called(clone)
    assert ["always()"] * 3 == [step["if"] for step in kept]
    assert {"artifacts/store", "artifacts/history"} == set(steps["actions/cache/save@v4"]["with"]["path"].split())
    assert steps["actions/cache/restore@v4"]["with"]["path"] == steps["actions/cache/save@v4"]["with"]["path"]


def test_a_pipeline_keeps_report_and_history(clone: Path) -> None:
    """The same of GitLab's."""
    yaml = pytest.importorskip("yaml")
    night = yaml.safe_load(blocks("yaml")[1])["night"]
    for part in ("before_script", "script", "after_script"):
        shown = done("\n".join(night[part]), clone)
        assert 0 == shown.returncode

    assert "the report\n" == shown.stdout
    assert ["setup", "python", "bench"] == called(clone)
    assert ("always", "always") == (night["cache"]["when"], night["artifacts"]["when"])
    assert {"artifacts/store", "artifacts/history"} == set(night["cache"]["paths"])
