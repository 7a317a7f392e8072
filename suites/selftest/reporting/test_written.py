"""All that is told of one run stands written down, word for word and number for number."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.reporting.runs import flip, flipped, row, run_of
from suites.selftest.reporting.whole_run import WRITTEN, told
from tools.reporting import pages


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return told(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("name", sorted(path.name for path in WRITTEN.iterdir()))
def test_what_is_told_of_a_run_is_what_is_written_down(texts: dict[str, str], name: str) -> None:
    """Who changes it on purpose writes it down anew (whole_run.py) and reads the difference."""
    assert (WRITTEN / name).read_text(encoding="utf-8").splitlines() == texts[name].splitlines()


def test_nothing_that_is_told_goes_unwritten(texts: dict[str, str]) -> None:
    assert {path.name for path in WRITTEN.iterdir()} == set(texts)


def test_runs_are_put_side_by_side_without_looking_for_their_clips(tmp_path: Path) -> None:
    """No frames are shown there, so that none are missing."""
    run = run_of(tmp_path, [row()])
    flipped(run, [flip("v_gone", tmp_path / "v_gone")])
    lines, page = pages.write_comparison(run, run, tmp_path / "out")

    assert "no number differs" == lines[-1]
    assert "v_gone" not in page.read_text(encoding="utf-8")
