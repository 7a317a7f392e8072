"""All that is told of a season of nights stands written down, word for word and number for number."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.nights.season import WRITTEN, told


@pytest.mark.parametrize("name", sorted(told))
def test_what_is_told_of_nights_is_what_is_written_down(tmp_path: Path, name: str) -> None:
    """Who changes it on purpose writes it down anew (season.py) and reads the difference."""
    assert (WRITTEN / name).read_text(encoding="utf-8").splitlines() == list(told[name](tmp_path))
