"""Evaluating a list end to end, beside mmaction2's dataset, dataloader and torch model on the same clips."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from suites.speed.conftest import Find, Paired, Replay, Tsm, alternate
from tools.deployment import specialise
from tools.engines import open_engine
from tools.measuring import measure, recogniser
from tools.measuring.metrics import hits
from tools.media.batches import BatchStream
from tools.pytorch import networks, pipeline
from tools.spec.case import Device

if TYPE_CHECKING:
    from torch import nn

CLIPS = 32
BLOCKS = 4
BATCHES = (1, 16)  # of mmaction2's config for this network: its test_dataloader's (ten crops, not used here) and its val_dataloader's


def mmaction2_loop(tsm: Tsm, batch: int) -> np.ndarray:
    """Scores by mmaction2: RawframeDataset, a DataLoader with a worker a core, test_step."""
    import torch
    from mmaction.datasets import RawframeDataset
    from mmengine.dataset import pseudo_collate

    clips = tsm.clips.clips[:CLIPS]
    listed = tsm.context.settings.artifacts / "runs" / "speed.txt"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("".join(f"{clip.path} {clip.frames} {clip.label}\n" for clip in clips))
    dataset = RawframeDataset(str(listed), pipeline=pipeline.pipeline_steps(tsm.spec, "rawframes"), test_mode=True)
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, num_workers=2, collate_fn=pseudo_collate)
    network: Any = tsm_network(tsm)
    with torch.inference_mode():
        return np.stack([sample.pred_scores.item.numpy() for loaded in loader for sample in network.test_step(loaded)])


@lru_cache(maxsize=1)
def tsm_network(tsm: Tsm) -> nn.Module:
    """mmaction2's recogniser as its own tools would build it, loaded once."""
    return networks.load_network(tsm.spec.network, tsm.checkpoint.path)


@pytest.fixture(scope="module", params=BATCHES, ids="bs{}".format)
def paired(request: pytest.FixtureRequest, tsm: Tsm) -> Paired:
    """Seconds for all clips at one batch size, from list to scores; model loading is left out on both."""
    batch: int = request.param
    networks.import_mmaction()
    few = replace(tsm.clips, clips=tsm.clips.clips[:CLIPS])
    labels = np.array([clip.label for clip in few.clips])
    graph = specialise.graph(tsm.context, tsm.checkpoint, batch)
    engine = open_engine(Device("cpu"), graph.path, tsm.spec.network, batch)
    seen: dict[str, np.ndarray] = {}

    def ours() -> float:
        start = time.perf_counter()
        with BatchStream(recogniser.feed(few, tsm.spec), batch) as stream:
            seen["ours"] = measure.score(engine, stream, CLIPS)[0].scores
        return time.perf_counter() - start

    def theirs() -> float:
        tsm_network(tsm)
        start = time.perf_counter()
        seen["theirs"] = mmaction2_loop(tsm, batch)
        return time.perf_counter() - start

    timed = alternate(ours, theirs, BLOCKS)
    assert np.array_equal(hits(seen["ours"], labels, 1), hits(seen["theirs"], labels, 1))
    assert np.allclose(seen["ours"], seen["theirs"], atol=1e-4)
    return timed


@pytest.mark.benchmark(group=f"evaluating {CLIPS} clips")
def test_ours(paired: Paired, replay: Replay, find: Find) -> None:
    """Decode workers, shared batches, ONNX Runtime."""
    replay(paired.ours)
    find(f"mmaction2 over ours: {paired.ratio()}")


@pytest.mark.benchmark(group=f"evaluating {CLIPS} clips")
def test_mmaction2(paired: Paired, replay: Replay) -> None:
    """mmaction2's dataset and dataloader, torch."""
    replay(paired.theirs)
