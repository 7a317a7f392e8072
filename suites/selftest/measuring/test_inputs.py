"""The input is judged too: what we feed a network is torch's bit for bit, or fidelity fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import record, unchecked
from suites.selftest.media.test_pipeline import RECOGNISERS, SPECS
from suites.selftest.specs import localiser_spec, recogniser_spec
from tools.datasets.clips import ClipSet
from tools.datasets.examine import examine
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.datasets.videos import VideoSet
from tools.judging.recogniser import RecogniserJudge
from tools.judging.same_inputs import same_inputs
from tools.judging.verdict import Judgement, Verdict, worst
from tools.localisation.activitynet import Video
from tools.localisation.snippet_features import read_features, write_features
from tools.measuring import inputs, localiser, recogniser, reference_inputs
from tools.measuring.cell import Cell, Part
from tools.measuring.inputs import TorchInputs, compared, digest_of, noted, spread
from tools.measuring.predictions import Predictions
from tools.media import preprocess
from tools.media.batches import Batch, Feed
from tools.media.decode import Clip
from tools.media.preprocess import Floats, Frames, crops
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.model import LocaliserSpec, ModelSpec, Preprocess
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context
from tools.storage.entries import Key
from tools.storage.store import Store

FRAMES = 3  # of a clip; sampling wraps around
COUNT = 3
Broken = Callable[[pytest.MonkeyPatch], None]


def fed(feed: Feed) -> dict[str, str]:
    """The digests that a measuring process notes of a feed, whose workers fill rows like this."""
    row, found = np.empty((1, *feed.shape), np.float32), dict[str, str]()

    def one_by_one() -> Iterator[Batch]:
        for number, id in enumerate(feed.ids):
            feed.fill(number, row[0])
            yield Batch(row, (id,), 1)

    list(noted(one_by_one(), compared(feed.ids), found))
    return found


@dataclass(frozen=True)
class Clips:
    """A few clips, and what torch's pipeline makes of them for each model."""

    clips: ClipSet
    folder: Path

    def torch(self, spec: ModelSpec) -> TorchInputs:
        where = self.folder / spec.name
        if not where.exists():
            where.mkdir()
            reference_inputs.build_clips(spec, self.clips, where)
        return TorchInputs(json.loads((where / reference_inputs.FILE).read_text()))

    def fidelity(self, name: str) -> list[Judgement]:
        """Fidelity of scores that are torch's own, on a chip of half precision without stored limits."""
        spec = SPECS[name]
        case = Case(name, 4, Device("npu", 0))
        told = replace(record(case, name, COUNT), precision="fp16", chip="310P3", inputs=fed(recogniser.feed(self.clips, spec)))
        scores = Predictions(self.clips.ids, np.random.default_rng(0).random((COUNT, spec.classes), np.float32))
        cell = Cell(case, Path(), (Part(Path(), told, scores, None),))
        return RecogniserJudge(spec, load_truth(MODELS, name), self.clips, scores, inputs=lambda: self.torch(spec)).fidelity(cell)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for number in range(COUNT):
        encode.write_jpegs(render(Recipe(number, FRAMES, (4, number), noise=2.0, travel=160.0)), folder / f"v_{number}")
        rows.append(unchecked(examine(Clip(f"v_{number}", folder / f"v_{number}", 0, FRAMES), "rawframes"), "rawframes"))
    return Clips(ClipSet("rawframes", tuple(rows)), folder)


@pytest.mark.torch
@pytest.mark.parametrize("model", RECOGNISERS)
def test_what_is_fed_right_passes(made: Clips, model: str) -> None:
    """Nothing below fails for another reason than what it breaks; rows of scores stand beside the input's."""
    judged = made.fidelity(model)

    assert ("inputs", "0", "<= 0", Verdict.PASS) == (judged[0].metric, judged[0].measured, judged[0].reference, judged[0].verdict)
    assert [Verdict.RECORDED] * 3 == [one.verdict for one in judged[1:]]
    assert Verdict.RECORDED == worst(judged)


def cubic(patch: pytest.MonkeyPatch) -> None:
    import cv2

    right = cv2.resize
    patch.setattr(cv2, "resize", lambda frame, size, interpolation: right(frame, size, interpolation=cv2.INTER_CUBIC))


def four_off(patch: pytest.MonkeyPatch) -> None:
    from tools.media import preprocess

    right = preprocess.view_corners
    patch.setattr(preprocess, "view_corners", lambda size, how: [(max(left - 4, 0), max(top - 4, 0)) for left, top in right(size, how)])


def swapped(patch: pytest.MonkeyPatch) -> None:
    right = preprocess.normalise

    def normalise(cut: Frames, how: Preprocess, out: Floats) -> None:
        right(np.ascontiguousarray(cut[..., ::-1]), how, out)

    patch.setattr(recogniser, "normalise", normalise)


def multiplied(patch: pytest.MonkeyPatch) -> None:
    """The last bit of some values: multiplied by the inverse deviation."""
    from tools.media import preprocess

    def tables(how: Preprocess) -> Floats:
        mean, deviation = (np.array(values, np.float32)[:, None] for values in (how.mean, how.deviation))
        return np.asarray((np.arange(256, dtype=np.float32) - mean) * (np.float32(1) / deviation), np.float32)

    patch.setattr(preprocess, "_tables", tables)


@pytest.mark.torch
@pytest.mark.parametrize("broken", [cubic, four_off, swapped, multiplied])
@pytest.mark.parametrize("model", RECOGNISERS)
def test_what_is_fed_wrong_fails_whatever_the_scores_are(made: Clips, monkeypatch: pytest.MonkeyPatch, model: str, broken: Broken) -> None:
    """Our side alone interpolating, cutting, ordering or rounding otherwise is FAIL of fidelity by its input.

    The scores are torch's own, so that no limit or floor of theirs can tell.
    """
    made.torch(SPECS[model])  # before anything is broken: OpenCV scales on both sides
    broken(monkeypatch)
    judged = made.fidelity(model)

    assert Verdict.FAIL == worst(judged)
    assert [("inputs", str(COUNT))] == [(one.metric, one.measured) for one in judged if one.verdict is Verdict.FAIL]
    assert "the first is v_0: float32 " in judged[0].reason


@pytest.mark.torch
def test_views_in_another_order_fail(made: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole views exchanged, which their mean cannot show, are seen in the input."""
    right = crops
    made.torch(SPECS["r2plus1d"])
    monkeypatch.setattr(recogniser, "crops", lambda frames, how: np.ascontiguousarray(right(frames, how)[[1, 2, 0]]))

    assert Verdict.FAIL == worst(made.fidelity("r2plus1d"))


@pytest.mark.torch
def test_features_are_compared_as_well(tmp_path: Path) -> None:
    """TEM is fed mmaction2's bits of tables and of arrays; read column by column they are others."""
    spec = localiser_spec(MODELS, "bsn")
    assert isinstance(spec, LocaliserSpec)
    rng, rows = np.random.default_rng(1), []
    for number in range(COUNT):
        path = tmp_path / f"{number}{'.npy' if number % 2 else '.csv'}"
        if number % 2:
            np.save(path, rng.standard_normal((57 + number, 400)))
        else:
            write_features(rng.standard_normal((100, 400)).astype(np.float32), path)
        rows.append(Video(f"v_{number}", 9.0, 9, 9, (), path))
    few = VideoSet(tuple(rows), ())
    reference_inputs.build_videos(few, tmp_path)
    torch = TorchInputs(json.loads((tmp_path / reference_inputs.FILE).read_text()))
    right = read_features

    assert Verdict.PASS is same_inputs(fed(localiser.feed(few, spec, spec.tem)), torch, "videos", "x").verdict
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(localiser, "read_features", lambda path: right(path).reshape(400, 100).T)
        assert Verdict.FAIL is same_inputs(fed(localiser.feed(few, spec, spec.tem)), torch, "videos", "x").verdict


@pytest.mark.parametrize(("total", "expected"), [(1, [0]), (3, [0, 1, 2]), (8, [*range(8)]), (23, [0, 3, 6, 9, 13, 16, 19, 22])])
def test_a_few_are_spread_over_the_list(total: int, expected: list[int]) -> None:
    """Eight from the first to the last, all of fewer, each once."""
    assert expected == spread(total)


@pytest.mark.parametrize("total", [9, 63, 3783, 19796])
def test_it_is_eight_however_long_the_list(total: int) -> None:
    """A list of any length has eight different clips compared, the first and the last among them."""
    numbers = spread(total)

    assert (inputs.MOST, 0, total - 1) == (len(set(numbers)), numbers[0], numbers[-1])


def test_batches_pass_as_they_are_and_padding_is_not_noted() -> None:
    """The rows of a padded batch are noted by their own ids only, and only those that are wanted."""
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    batches = [Batch(rows, ("a", "b"), 2), Batch(rows[::-1].copy(), ("c",), 1)]
    found: dict[str, str] = {}
    passed = list(noted(batches, frozenset({"a", "c"}), found))

    assert all(one is other for one, other in zip(batches, passed, strict=True))
    assert {"a": digest_of(rows[0]), "c": digest_of(rows[3])} == found


def test_type_and_shape_are_part_of_what_is_compared() -> None:
    """Equal bytes in another shape or type are another input."""
    zeros = np.zeros((2, 4), np.float32)

    assert "float32 2x4 " == digest_of(zeros)[:12]
    assert 3 == len({digest_of(zeros), digest_of(zeros.reshape(4, 2)), digest_of(zeros.view(np.float16))})


def test_where_torch_is_not_at_hand_that_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mmaction2 and its digests the row says so and how to get them; carried digests are used."""
    clips = ClipSet("rawframes", (Clip("a", tmp_path, 0, 1, sha256="0" * 64),))
    spec = recogniser_spec(TINY_MODELS, "tiny")
    context = Context(Settings.parse({"artifacts": str(tmp_path), "models": str(TINY_MODELS)}), spec)
    there = reference_inputs.of_clips(context, clips).key

    def absent(package: str) -> str:
        return "absent" if package in ("torch", "mmaction2") else dict(there.shaped_by).get(package, "1")

    monkeypatch.setattr("tools.machine.versions._version", absent)
    found = recogniser.torch_inputs(context, clips)
    judged = same_inputs({"a": "x"}, found, "clips", "python -m tools.reference tiny")
    assert (Verdict.RECORDED, {}) == (judged.verdict, found.digests)
    assert judged.reason.startswith("torch's pipeline is not at hand (torch, mmaction2 not installed)")
    assert judged.reason.endswith("on a machine that has it: python -m tools.reference tiny")

    carried(Store(tmp_path / "store"), there)
    assert TorchInputs({"a": "x"}) == recogniser.torch_inputs(context, clips)
    monkeypatch.setattr("platform.machine", lambda: "another")
    assert {} == recogniser.torch_inputs(context, clips).digests


def carried(store: Store, key: Key) -> None:
    """Put into a store what a machine with torch has made."""
    real = replace(key, shaped_by=tuple((name, "1" if value == "absent" else value) for name, value in key.shaped_by))
    store.build(real, lambda folder: {"items": (folder / reference_inputs.FILE).write_text('{"a": "x"}')})
