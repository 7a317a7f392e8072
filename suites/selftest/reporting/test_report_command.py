"""`python -m tools.report`: the report of a run again, two runs side by side, one page over all runs."""

from __future__ import annotations

import base64
import hashlib
import shutil
import webbrowser
from pathlib import Path

import pytest

from suites.selftest.conftest import ran
from suites.selftest.reporting.runs import NAME, rate, row, run_of
from tools.errors import StoreError
from tools.reporting import scripts
from tools.reporting.page import NO_CHARTS

DRAWS = "window.vegaEmbed = null;"  # in the place of what draws charts


@pytest.fixture(autouse=True)
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What draws charts takes seconds to make, and is another test's."""
    monkeypatch.setattr(scripts, "charts_script", lambda cache: DRAWS)


@pytest.mark.parametrize("said", ["last", NAME, "path"])
def test_a_run_is_named_in_three_ways(tmp_path: Path, said: str) -> None:
    """The last one, by its name, or by its path; its report lies with it."""
    run = run_of(tmp_path, [row(), rate()])
    done = ran("report", str(run) if said == "path" else said, f"--artifacts={tmp_path}")

    assert (0, "") == (done.returncode, done.stderr)
    assert [f"report: {run / name}" for name in ("report.html", "report.md", "junit.xml")] == done.stdout.splitlines()
    assert "tiny-bs4-cpu" in (run / "report.html").read_text()


def test_a_page_has_what_draws_its_charts(tmp_path: Path) -> None:
    """It lets that script run, and does not say that it has no charts."""
    run = run_of(tmp_path, [row(), rate()])
    ran("report", str(run), f"--artifacts={tmp_path}")
    page = (run / "report.html").read_text()

    assert f"sha256-{base64.b64encode(hashlib.sha256(DRAWS.encode()).digest()).decode()}" in page
    assert NO_CHARTS not in page


def test_the_last_run_is_the_newest_though_it_has_no_result(tmp_path: Path) -> None:
    """As for --resume: an older one in its place would look good instead of it."""
    run_of(tmp_path, [row()])
    newest = tmp_path / "runs" / "20261231-235959-1"
    newest.mkdir()
    (newest / "run.json").write_text((tmp_path / "runs" / NAME / "run.json").read_text())
    done = ran("report", "last", f"--artifacts={tmp_path}")

    assert f"report: {newest / 'report.html'}" in done.stdout
    assert "ERROR: this run has no results" in (newest / "report.md").read_text()


def test_a_run_that_was_copied_is_told_where_it_lies_or_where_one_says(tmp_path: Path) -> None:
    """Without store, models and history of the other machine."""
    shutil.copytree(run_of(tmp_path / "there", [row()], models="/not/here", artifacts="/not/here"), tmp_path / "a copy")
    shutil.rmtree(tmp_path / "there")
    done = ran("report", str(tmp_path / "a copy"), f"--out={tmp_path / 'out'}", f"--artifacts={tmp_path / 'mine'}")

    assert 0 == done.returncode, done.stderr
    assert {"report.html", "report.md", "junit.xml"} == {path.name for path in (tmp_path / "out").iterdir()}
    assert not (tmp_path / "a copy" / "report.html").exists()


def test_two_runs_side_by_side(tmp_path: Path) -> None:
    first, second = (run_of(tmp_path / name, [row(verdict=verdict)]) for name, verdict in (("a", "PASS (mini)"), ("b", "FAIL")))
    done = ran("report", str(first), str(second))

    assert 0 == done.returncode, done.stderr
    assert done.stdout.startswith("Of 1 cell in both runs, 1 got worse")
    assert done.stdout.endswith(f"report: {second / 'compare.html'}\n")
    assert "tiny-bs4-cpu" in (second / "compare.html").read_text()


def test_one_page_over_all_runs(tmp_path: Path) -> None:
    run_of(tmp_path, [row()])
    done = ran("report", "--index", f"--artifacts={tmp_path}")

    assert f"1 runs: {tmp_path / 'runs' / 'index.html'}\n" == done.stdout
    assert NAME in (tmp_path / "runs" / "index.html").read_text()


def test_the_page_is_opened_in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, that is said, and the page is there all the same."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda place: opened.append(place) or len(opened) < 2)
    run = run_of(tmp_path, [row()])
    done = [ran("report", str(run), "--open") for _ in range(2)]

    assert [(run / "report.html").as_uri()] * 2 == opened
    assert [0, 0] == [one.returncode for one in done]
    assert "no browser was found" in done[1].stdout


@pytest.mark.parametrize(("arguments", "status", "says"), [
    ([], 2, "either a run or --index is wanted"), (["last", "--index"], 2, "either a run or --index is wanted"),
    (["nothing"], 2, "no run is called 'nothing'"), (["last"], 2, "no run is here"), ([""], 2, "either a run or --index"),
])
def test_what_cannot_be_meant_is_one_clear_error(tmp_path: Path, arguments: list[str], status: int, says: str) -> None:
    done = ran("report", *arguments, f"--artifacts={tmp_path}")

    assert status == done.returncode
    assert says in done.stderr
    assert "remedy" in done.stderr


@pytest.mark.parametrize(("name", "says"), [
    ("x" * 300, "no run is called 'xxx"), ("", "no run is called ''"), ("..", "neither run.json nor results.jsonl"),
    (".", "neither run.json nor results.jsonl"), ("a\0b", "no run is called"),
])
def test_what_is_no_run_is_refused_in_either_place(tmp_path: Path, name: str, says: str) -> None:
    """A name that no folder can have, none, and a folder that is something else; nothing is written."""
    run = run_of(tmp_path, [row()])
    before = sorted(tmp_path.rglob("*"))
    for arguments in ([name, str(run)], [str(run), name]):
        done = ran("report", *arguments, f"--artifacts={tmp_path}")
        assert (2, "") == (done.returncode, done.stdout)
        assert says in done.stderr or (not arguments[0] and "either a run or --index" in done.stderr)
        assert "remedy" in done.stderr

    assert before == sorted(tmp_path.rglob("*"))


def test_a_run_without_one_of_its_files_is_a_run(tmp_path: Path) -> None:
    """One that was ended early has no results, and one that is older than `run.json` has no such file."""
    for lost in ("run.json", "results.jsonl"):
        run = run_of(tmp_path / lost, [row()])
        (run / lost).unlink()
        assert 0 == ran("report", str(run)).returncode


def test_a_place_that_cannot_be_written_is_an_error_that_says_what_helps(tmp_path: Path) -> None:
    run = run_of(tmp_path, [row()])
    (tmp_path / "out").write_text("a file")
    done = ran("report", str(run), f"--out={tmp_path / 'out'}")

    assert 1 == done.returncode
    assert "the report cannot be written" in done.stderr
    assert "--out DIR" in done.stderr


def test_without_what_draws_charts_the_page_is_there_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package may be missing, or the script not be kept."""
    run = run_of(tmp_path, [row()])
    for error in (ImportError("no vl_convert"), StoreError("it cannot be written")):
        def fails(cache: Path, error: Exception = error) -> str:
            raise error

        monkeypatch.setattr(scripts, "charts_script", fails)
        done = ran("report", str(run))
        assert 0 == done.returncode, done.stderr
        assert "Charts are missing" in (run / "report.html").read_text()
