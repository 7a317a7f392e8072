"""The mini data set and the mini weights: what they must be for a break to show on them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.specs import recogniser_spec
from tools.datasets.mini import clips as minidata
from tools.datasets.mini.moving_shapes import CLASSES
from tools.deployment import mini as mini_weights
from tools.deployment import weights
from tools.errors import WeightsError
from tools.measuring.metrics import hits
from tools.measuring.predictions import load
from tools.pytorch import networks
from tools.pytorch.mini_recogniser import choose_ridge, confident_scale, fit_head, mean_top_probability
from tools.spec.case import BATCHES
from tools.spec.mini import MiniSpec
from tools.spec.settings import ARTIFACTS, MODELS, Settings
from tools.storage.context import Context
from tools.storage.store import Store

MINI = recogniser_spec(MODELS, "tsm").mini
MINIS = {name: recogniser_spec(MODELS, name).mini for name in ("tsm", "slowfast", "r2plus1d", "nonlocal")}
every_mini = pytest.mark.parametrize("mini", MINIS.values(), ids=MINIS)


@every_mini
def test_test_clips_end_every_batch_size_in_a_short_batch(mini: MiniSpec) -> None:
    """The test clips leave a short last batch for every size but 1, and are one short batch of 64."""
    clips = len(minidata.test_recipes(mini))

    assert all(clips % batch for batch in BATCHES if batch != 1)
    assert clips < 64


def test_tsm_is_judged_on_one_clip_less_than_its_largest_batch() -> None:
    """TSM's 63 clips leave one row of padding, whatever the batch size."""
    clips = len(minidata.test_recipes(MINI))

    assert 63 == clips
    assert {1} == {-clips % batch for batch in BATCHES if batch != 1}


@every_mini
def test_clip_lengths_lie_on_both_sides_of_what_sampling_rules_know(mini: MiniSpec) -> None:
    """Lengths reach from 20 to 150 and include the neighbours of 59 and 64."""
    lengths = {recipe.frames for recipe in minidata.test_recipes(mini)}

    assert (20, 150) == (min(lengths), max(lengths))
    assert {58, 59, 60, 63, 64, 65} <= lengths


@every_mini
def test_classes_are_appearance_times_motion(mini: MiniSpec) -> None:
    """At least 12 classes, each in the test and in the training clips."""
    assert len(CLASSES) >= 12
    assert len({appearance for appearance, _ in CLASSES}) * len({motion for _, motion in CLASSES}) == len(CLASSES)
    for recipes in (minidata.test_recipes(mini), minidata.train_recipes(mini)):
        assert set(range(len(CLASSES))) == {recipe.label for recipe in recipes}


@every_mini
def test_training_clips_are_other_clips(mini: MiniSpec) -> None:
    """No training clip has the seed of a test clip, so none has its pixels."""
    assert not {recipe.seed for recipe in minidata.test_recipes(mini)} & {recipe.seed for recipe in minidata.train_recipes(mini)}


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    """Encoded twice, a clip has the same bytes in every format."""
    [job] = [(recipe, name, True) for recipe, name in minidata._named(minidata.test_recipes(MINI)[9:10])]
    digests = []
    for folder in (tmp_path / str(number) for number in range(2)):
        minidata._write(folder, job)
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.*"))])

    assert len(digests[0]) == job[0].frames + 2
    assert all(digests[0] == again for again in digests)


def test_the_head_is_the_ridge_solution() -> None:
    """Weight and bias solve the penalised normal equations of the standardised features."""
    rng = np.random.default_rng(0)
    features, labels = rng.standard_normal((40, 90)), np.arange(40) % 4
    weight, bias = fit_head(features, labels, 0.01)
    centre, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    rows, targets = (features - centre) / deviation, np.eye(4)[labels]
    ridge = 0.01 * (rows**2).sum() / len(rows)
    primal = np.linalg.solve(rows.T @ rows + ridge * np.eye(90), rows.T @ (targets - targets.mean(axis=0)))

    assert np.allclose(weight, (primal.T / deviation))
    assert np.allclose(features @ weight.T + bias, rows @ primal + targets.mean(axis=0))


def test_cross_validation_prefers_what_generalises() -> None:
    """Where a disturbance common to all features hides the label, the strength seeing past it is chosen."""
    rng = np.random.default_rng(1)
    labels = np.arange(80) % 4
    features = np.eye(4)[labels] @ rng.standard_normal((4, 30)) + rng.standard_normal((80, 30))
    features += 30 * np.outer(rng.standard_normal(80), rng.standard_normal(30))
    strength, top1 = choose_ridge(features, labels, (1e-4, 1e9))

    assert 1e-4 == strength
    assert top1 > 0.8


@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.95])
def test_the_head_is_scaled_to_the_wanted_confidence(wanted: float) -> None:
    """After scaling the mean top probability is the wanted one, outputs without a fitted class included."""
    logits = np.random.default_rng(2).standard_normal((50, 12))
    factor = confident_scale(logits, 101, wanted)

    assert mean_top_probability(logits, 101) < 0.2
    assert wanted == pytest.approx(mean_top_probability(logits * factor, 101), abs=1e-6)


def test_a_head_that_tells_nothing_cannot_be_made_confident() -> None:
    """Equal logits for all classes are refused instead of scaled for ever."""
    with pytest.raises(WeightsError, match="cannot be made confident"):
        confident_scale(np.zeros((10, 12)), 101, 0.9)


def test_the_fitted_checkpoint_is_a_normal_one(tiny_store: Path) -> None:
    """Mini weights load strictly into mmaction2's recogniser; the head is as confident as the spec asks."""
    spec = recogniser_spec(TINY_MODELS, "tiny")
    entry = Store(tiny_store / "store").find(mini_weights.key(spec, mini_weights.data(spec).key))
    assert entry is not None
    module = networks.load_network(spec.network, entry.file("tiny.pth"))

    assert spec.classes == networks.head_outputs(spec.networks[0], module)
    assert 0.8 <= float(entry.facts["top_probability"]) <= 0.95


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.xdist_group("full-size tsm")  # which one worker builds for all: another would only wait for it
def test_the_reference_of_the_full_size_network_is_good_but_not_perfect(every_core: None) -> None:
    """Torch tells at least 85 % and not all of TSM's mini clips, with a confident head."""
    from suites.selftest.whole.test_breaks import quiet
    from tools.datasets import clips as data
    from tools.measuring import recogniser, reference

    spec = recogniser_spec(MODELS, "tsm")
    context = Context(Settings.parse({}), spec, quiet)
    (checkpoint,) = weights.checkpoints(context)
    clips = data.clip_set(context, spec.classes)
    recogniser.torch_reference(context, (checkpoint,), clips)
    store = Store(ARTIFACTS / "store")
    stored, fitted = store.find(reference.key(spec, checkpoint, clips)), store.find(mini_weights.key(spec, mini_weights.data(spec).key))
    assert stored is not None
    assert fitted is not None
    labels = np.array([clip.label for clip in clips.clips])

    assert 0.85 <= hits(load(stored.file("predictions.npz")).scores, labels, 1).mean() < 1
    assert 0.8 <= float(fitted.facts["top_probability"]) <= 0.95
