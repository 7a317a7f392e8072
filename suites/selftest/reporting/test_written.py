"""All that is told of one run stands written down, word for word and number for number."""

from __future__ import annotations

import pytest

from suites.selftest.reporting.whole_run import WRITTEN, told


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return told(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("name", sorted(path.name for path in WRITTEN.iterdir()))
def test_what_is_told_of_a_run_is_what_is_written_down(texts: dict[str, str], name: str) -> None:
    """Who changes it on purpose writes it down anew (whole_run.py) and reads the difference."""
    assert (WRITTEN / name).read_text(encoding="utf-8").splitlines() == texts[name].splitlines()


def test_nothing_that_is_told_goes_unwritten(texts: dict[str, str]) -> None:
    assert {path.name for path in WRITTEN.iterdir()} == set(texts)
