"""The fixed small graph is the same for every run, and computes something that depends on its input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.deployment import control_graph
from tools.deployment.control_graph import FILE, NETWORK
from tools.engines import open_engine
from tools.machine import child
from tools.machine.files import sha256
from tools.spec.case import Device
from tools.spec.catalog import load_spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

CPU = Device("cpu")


def test_it_is_made_alike_each_time(tmp_path: Path) -> None:
    """To the byte: its digest is a part of what makes nights comparable."""
    for name in "ab":
        (tmp_path / name).mkdir()
        control_graph.build(tmp_path / name)

    assert sha256(tmp_path / "a" / FILE) == sha256(tmp_path / "b" / FILE)


def test_it_is_found_in_the_store_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built once, whatever a run's model and options; its scores are finite, and others for another input."""
    built: list[str] = []
    monkeypatch.setattr(child, "call", lambda work, title, **rest: built.append(title) or work())
    runs = [Context(Settings.parse({"artifacts": str(tmp_path), **more}), load_spec(MODELS, name), lambda event: None)
            for name, more in (("tsm", {}), ("bsn", {"atc_flags": "--log=error", "surgery": "all"}))]
    found = [control_graph.loadable(context, CPU) for context in runs]
    assert ["making the control's graph"] == built
    assert found[0] == found[1]
    assert found[0].peak_bytes > 4 * 32 * 112 * 112

    engine = open_engine(CPU, found[0].path, NETWORK, 1)
    batch = np.random.default_rng(1).standard_normal((1, *NETWORK.input.shape), np.float32)
    scores, turned = engine.infer(batch), engine.infer(-batch)
    assert np.isfinite(scores).all()
    assert 0.1 < np.abs(scores).max() < 100
    assert np.abs(scores - turned).max() > 0.1
