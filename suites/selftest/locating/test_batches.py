"""What the networks are fed of chosen clips: what the cell feeds them, and torch's answers between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.conftest import tiny_places
from suites.selftest.curves import curves_of, scores_of
from suites.selftest.deployments import record, unchecked
from suites.selftest.specs import localiser_spec
from tools.datasets.clips import ClipSet
from tools.datasets.videos import VideoSet
from tools.deployment.specialise import Graph
from tools.deployment.weights import checkpoints
from tools.errors import DataError
from tools.judging import results
from tools.judging.rows import Row
from tools.localisation.activitynet import Video
from tools.localisation.proposals import bins, propose
from tools.localisation.snippet_features import write_features
from tools.locating.clips import batches, chosen
from tools.locating.values import Chosen
from tools.measuring import cell, kinds, localiser, predictions, reference_localiser
from tools.measuring.launch import Found
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.media.batches import BatchStream
from tools.media.decode import Clip
from tools.spec.case import Case, Device
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context
from tools.storage.stages import parse

BSN = localiser_spec(MODELS, "bsn")
CASE = Case("bsn", 4, Device("cpu"))
NAMES = tuple(f"v_{number}" for number in range(6))
CURVES = np.stack([curves_of(number, 0.1 * number) for number in range(6)])


def test_a_batch_is_that_of_the_cell(tiny_store: Path) -> None:
    """With the bits of the stream of a measured cell, a full batch and the last one, which is filled up."""
    _, context = parse("measure", None, ["tiny", *tiny_places(tiny_store)])
    weights, case = checkpoints(context), Case("tiny", 4, Device("cpu"))
    clips = kinds.of(context.spec).dataset(context, weights)
    found = Found(weights, clips, ())
    with BatchStream(kinds.of(context.spec).feed(clips, context.spec, context.spec.networks[0], None), 4) as stream:
        streamed = [(batch.array.copy(), batch.ids) for batch in stream]
    for array, ids in (streamed[1], streamed[-1]):
        made = batches(context, case, found, Chosen(ids, ""))

        assert ["tiny"] == list(made)
        assert (array.dtype, array.shape, array.tobytes()) == (made["tiny"].dtype, made["tiny"].shape, made["tiny"].tobytes())
    assert len(streamed[-1][1]) < case.batch
    changed = replace(cast("ClipSet", clips), clips=tuple(replace(one, signature=(0, 0)) for one in cast("ClipSet", clips).clips))
    with pytest.raises(DataError, match=clips.ids[3]):
        batches(context, case, Found(weights, changed, ()), Chosen(clips.ids[3:5], ""))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Videos with features, and weights that are never opened."""
    folder = tmp_path_factory.mktemp("features")
    for number, name in enumerate(NAMES):
        write_features(np.random.default_rng(number).random((100, 400), np.float32), folder / f"{name}.csv")
    made = tuple(Video(name, 60.0, 900, 900, (), folder / f"{name}.csv") for name in NAMES)
    files = tuple(unchecked(Clip(one.name, one.features, 0, sha256="f" * 64), "features") for one in made)
    weights: Any = tuple(SimpleNamespace(network=network, sha256=network.name, origin="mini") for network in BSN.networks)
    graphs = tuple(Graph(Path(f"{one.network.name}.onnx"), f"{one.network.name} graph", "", (), 0, 0) for one in weights)
    return Found(weights, VideoSet(made, files), graphs)


def scored(curves: Any) -> tuple[Any, Any]:
    """PEM's rows of each video, and the rows by which torch's answers tell them."""
    rows, told = np.zeros((len(curves), 1000, 1), np.float32), []
    for number, one in enumerate(curves):
        best = propose(one, 0.5).best(1000)
        rows[number, : len(best), 0] = scores = scores_of(number, len(best))
        told.append(np.column_stack([np.full(len(best), number), bins(best.start), bins(best.end), scores]))
    return rows, np.concatenate(told)


def answers(ids: tuple[str, ...] = NAMES) -> TorchLocaliser:
    curves = CURVES[[NAMES.index(id) for id in ids]]
    return TorchLocaliser(Predictions(ids, curves), scored(curves)[1], {}, {})


def context(folder: Path) -> Context[Any]:
    return Context(Settings.parse({"artifacts": str(folder)}), BSN, lambda event: None)


def test_the_second_network_is_fed_what_torchs_answers_lead_to(found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the first one the features of the same videos; both are filled up to the batch."""
    monkeypatch.setattr(localiser, "torch_reference", lambda *rest: answers())
    made = batches(context(tmp_path), CASE, found, Chosen(("v_4", "v_1"), ""))

    assert {"tem": (4, 400, 100), "pem": (4, 1000, 32)} == {name: array.shape for name, array in made.items()}
    videos = cast("VideoSet", found.dataset)
    for network, before in ((BSN.tem, None), (BSN.pem, answers().curves)):
        feed = localiser.feed(videos, BSN, network, before)
        for row, number in enumerate((4, 1, 4, 4)):
            expected = np.empty(feed.shape, np.float32)
            feed.fill(number, expected)
            assert expected.tobytes() == made[network.name][row].tobytes()


def test_of_many_videos_torch_answers_on_the_chosen_ones(found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nobody has torch's answers on all of them, and all would take too long."""
    asked: list[tuple[str, ...]] = []

    def stage(context: object, checkpoints: object, videos: VideoSet) -> Any:
        asked.append(videos.ids)
        return SimpleNamespace(find_or_run=lambda context: SimpleNamespace())

    monkeypatch.setattr(localiser, "torch_reference", lambda *rest: None)
    monkeypatch.setattr(reference_localiser, "stage", stage)
    monkeypatch.setattr(TorchLocaliser, "read", lambda entry, ids: answers(ids))
    made = batches(context(tmp_path), CASE, found, Chosen(("v_4", "v_1"), ""))
    monkeypatch.setattr(localiser, "torch_reference", lambda *rest: answers())

    assert [("v_1", "v_4")] == asked
    assert made["pem"].tobytes() == batches(context(tmp_path), CASE, found, Chosen(("v_4", "v_1"), ""))["pem"].tobytes()


@pytest.mark.parametrize("network", ["tem", "pem", "neither", "nan"])
def test_the_worst_video_is_where_either_network_lies_farthest(network: str, found: Found, monkeypatch: pytest.MonkeyPatch,
                                                               tmp_path: Path) -> None:
    """By curves, or by scores of proposals that both sides have; curves that are no numbers are the worst."""
    curves, (rows, _) = CURVES.copy(), scored(CURVES)
    curves[1, 0, 3] += 0.01
    rows[2, 5] += 0.02
    if network in ("tem", "nan"):
        curves[5, 0, 50] = np.nan if network == "nan" else 9
    elif network == "pem":
        rows[4, 7] += 0.5
    run = tmp_path / "runs" / "20260101-000000-1"
    for name, scores in (("tem", curves), ("pem", rows)):
        place = run / str(CASE) / name
        place.mkdir(parents=True)
        predictions.save(Predictions(NAMES, scores), place / predictions.FILE)
        noted = {"clips": found.dataset.digest, "weights": name, "graph": f"{name} graph"}
        cell.write(replace(record(CASE, name, 6), digests=noted), place / cell.RECORD)
    results.append([Row(str(CASE), "fidelity", "mini", "mini", "tem difference", "1", "0", "FAIL", "far away")], run)
    monkeypatch.setattr(localiser, "torch_reference", lambda *rest: answers())
    worst = chosen(context(tmp_path), CASE, (), found, None)

    assert {"tem": "v_5", "pem": "v_4", "neither": "v_2", "nan": "v_5"}[network] == worst.worst[0]
    assert (run, 4 if worst.worst[0] == "v_2" else 2) == (worst.run, len(worst.ids))
