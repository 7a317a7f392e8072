"""What a terminal or a log is given of a run stands written down, letter for letter."""

from __future__ import annotations

from suites.selftest.machine.live import WRITTEN, told


def test_what_is_shown_of_a_run_is_what_is_written_down() -> None:
    """Who changes it on purpose writes it down anew (live.py) and reads the difference."""
    assert WRITTEN.read_text(encoding="utf-8").splitlines() == [*told()]
