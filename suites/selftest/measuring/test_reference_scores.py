"""Scores of torch that are no numbers make no reference."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.errors import ReferenceRunError
from tools.measuring import reference
from tools.media.decode import Clip
from tools.pytorch import networks, run
from tools.spec.catalog import load_spec
from tools.spec.model import recogniser

SPEC = recogniser(load_spec(TINY_MODELS, "tiny"), "has scores", remedy="none")


@pytest.mark.parametrize("bad", range(4))
def test_a_score_that_is_no_number_is_told_with_its_clip(bad: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever batch it comes; nothing is kept as the reference."""
    rows = tuple(Clip(f"v_{number}", tmp_path, 0, 9) for number in range(4))
    scores = np.zeros((4, SPEC.classes), np.float32)
    scores[bad, 1] = np.nan
    runner = SimpleNamespace(label="cpu")
    monkeypatch.setattr(run, "torch_device", lambda _device: runner)
    monkeypatch.setattr(run, "on_device", lambda *_given: None)
    monkeypatch.setattr(run, "scored", lambda *_given: iter((scores[:2], scores[2:])))
    for name in ("deployed", "load_network"):
        monkeypatch.setattr(networks, name, lambda *_given: None)
    untouched: Any = SimpleNamespace(clips=rows, format="rawframes", network=SPEC.network, path=tmp_path, require_unchanged=lambda: None)
    kept = tmp_path / "kept"
    kept.mkdir()

    with pytest.raises(ReferenceRunError, match=f"torch's own scores of v_{bad} are not finite numbers"):
        reference.build(SPEC, untouched, untouched, 0.0, "cpu", tmp_path / "parts", kept)
    assert [] == list(kept.iterdir())
