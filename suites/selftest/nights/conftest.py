"""A device whose nights a test plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from suites.selftest.nights.cells import Machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Fast as ever, with the noise of a real device, from a fixed seed."""
    draw = np.random.default_rng(7)
    found = Machine(tmp_path, chance=lambda: float(draw.normal(0, 0.005)))
    found.stand_in(monkeypatch)
    return found
