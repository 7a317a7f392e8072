"""A cell of the tiny model on ONNX Runtime whose process died while it was scored goes on with --resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suites.selftest import given_graphs as graphs
from suites.selftest.conftest import ran, tiny_measuring, tiny_places
from suites.selftest.measuring.resumed import OF_A_PROCESS
from suites.selftest.whole.test_given_graph import in_this_process
from tools.machine import child, events
from tools.measuring import cell, saved
from tools.measuring.predictions import FILE

LOGITS = (graphs.with_input("clip", [graphs.BATCH_AXIS, 4, 3, 64, 64]), graphs.ends_before_softmax)


def measured(folder: Path, store: Path, *more: str) -> str:
    """What is said while the cell is measured into *folder*."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "call", in_this_process)
        done = ran("measure", "tiny", "--batch=4", *tiny_measuring(store), "--clips=8", f"--run={folder}", *more)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stderr


def left(folder: Path) -> tuple[bytes, dict[str, Any]]:
    """The scores and the record in a run's folder, but for what no two processes have alike."""
    place = folder / "tiny-bs4-cpu"
    told = json.loads((place / cell.RECORD).read_text())
    return (place / FILE).read_bytes(), {name: value for name, value in told.items() if name not in OF_A_PROCESS}


@pytest.mark.parametrize("given", [False, True], ids=["ours", "given"])
def test_a_cell_goes_on_and_is_judged_as_an_undisturbed_one(tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                            given: bool) -> None:
    """Its scores are the same to the bit, and what is told of a given graph is what its first batch told.

    Asked once more, it is read back and judged again.
    """
    exported = Path(ran("export", "tiny", *tiny_places(tiny_store)).stdout.splitlines()[-1])
    graph = [f"--graph={graphs.save(exported, tmp_path / 'theirs.onnx', *LOGITS)}"] if given else []
    undisturbed, run = tmp_path / "undisturbed", tmp_path / "run"
    measured(undisturbed, tiny_store, *graph)

    def die(text: str, done: int, total: int, **more: object) -> None:
        if text == "scoring":
            raise KeyboardInterrupt

    monkeypatch.setattr(saved, "EVERY_S", 0.0)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(events, "progress", die)
        measured(run, tiny_store, *graph)
    assert "resuming at clip 5 of 8\n" in measured(run, tiny_store, *graph, "--resume")
    assert left(undisturbed) == left(run)

    assert "tiny-bs4-cpu: measured before, and read back\n" in measured(run, tiny_store, *graph, "--resume")
