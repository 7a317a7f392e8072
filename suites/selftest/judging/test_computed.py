"""What judging computes of made numbers, and how it says so, stands written down to six digits."""

from __future__ import annotations

from pathlib import Path

from suites.selftest.judging.computed import WRITTEN, told


def test_what_is_computed_is_what_is_written_down() -> None:
    """Who changes it on purpose writes it down anew (computed.py) and reads the difference."""
    assert WRITTEN.read_text(encoding="utf-8").splitlines() == [*told(Path("/nowhere"))]
