"""Flipped clips: which they are, what is kept of them, and what stays equal from night to night."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest import own_graphs
from suites.selftest.judging.test_beside import CLIPS, GOOD, cell
from suites.selftest.judging.test_verdict import FIRST, FOURTH, LAST, labels, scores
from suites.selftest.specs import recogniser_spec
from tools.errors import MeasureError
from tools.judging.flips import FILE, Flips, Guess, flips, keep, read, scale_of
from tools.judging.recogniser import RecogniserJudge
from tools.machine import opening
from tools.measuring.predictions import Predictions
from tools.spec.catalog import load_truth
from tools.spec.settings import MODELS

IDS = tuple(f"v{number}" for number in range(6))
TORCH = scores((4, FIRST), (2, LAST))


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> RecogniserJudge:
    own = own_graphs.model(tmp_path_factory.mktemp("own"))
    return RecogniserJudge(own.spec, load_truth(own.models, "colours"), CLIPS, Predictions(CLIPS.ids, GOOD))


def found(*parts: tuple[int, int]) -> Flips:
    return flips(scores(*parts), TORCH, labels(6), IDS)


def test_clips_on_which_both_agree_are_no_flips() -> None:
    """No clips, with a digest all the same: that none is flipped is something to compare as well."""
    none = found((4, FIRST), (2, LAST))

    assert () == none.clips
    assert 64 == len(none.digest)
    assert ((), none.digest) == ((same := found((4, FIRST), (2, LAST))).clips, same.digest)


def test_lost_won_and_otherwise_wrong_clips_are_flips() -> None:
    """Lost at top-1, won at top-5, and a wrong class in place of another; each with the five best of both."""
    made = scores((3, FIRST), (1, FOURTH), (1, FOURTH), (1, LAST))
    made[5] = np.roll(made[5], 1)
    told = flips(made, TORCH, labels(6), IDS).clips
    assert told is not None

    assert ["v3", "v4", "v5"] == [one.id for one in told]
    assert [int(label) for label in labels(6)[3:]] == [one.label for one in told]
    assert [[5, 5]] * 3 == [[len(one.ours), len(one.reference)] for one in told]
    assert told[0].reference[0].label == told[0].label == told[0].ours[3].label
    assert Guess(int(made[3].argmax()), float(made[3].max())) == told[0].ours[0]
    assert all(one.ours[0].score > one.ours[1].score for one in told)


def test_a_hit_that_a_tie_costs_is_a_flip() -> None:
    """The best class is the same, and yet one side alone has the clip right."""
    tied = TORCH.copy()
    label = labels(6)[0]
    tied[0, label + 1] = tied[0, label]
    told = flips(tied, TORCH, labels(6), IDS).clips
    assert told is not None

    assert (["v0"], int(label)) == ([one.id for one in told], int(tied[0].argmax()))


def test_the_digest_tells_which_clips_and_classes() -> None:
    """It changes with a clip, with its class and with its name, and with no score alone."""
    one, other = scores((3, FIRST), (1, FOURTH), (2, LAST)), scores((2, FIRST), (1, FOURTH), (1, FIRST), (2, LAST))
    elsewhere = one.copy()
    elsewhere[3] = np.roll(elsewhere[3], 1)
    digests = [flips(made, TORCH, labels(6), IDS).digest for made in (one, other, elsewhere, TORCH)]
    digests.append(flips(one, TORCH, labels(6), tuple(reversed(IDS))).digest)

    assert 5 == len(set(digests))
    assert digests[0] == flips(one * np.float32(2), TORCH, labels(6), IDS).digest


def test_flips_are_kept_in_the_folder_of_the_case(tmp_path: Path) -> None:
    """With ids, labels, classes and scores; without a comparison none is left from an earlier time."""
    told = found((3, FIRST), (1, FOURTH), (2, LAST))
    keep(told, tmp_path)
    stored = json.loads((tmp_path / FILE).read_text())
    assert told.clips is not None

    assert (told.digest, ["v3"]) == (stored["digest"], [one["id"] for one in stored["clips"]])
    assert [{"label": one.label, "score": one.score, "probability": None} for one in told.clips[0].ours] == stored["clips"][0]["ours"]
    assert told.clips[0].label == stored["clips"][0]["reference"][0]["label"]
    keep(found((4, FIRST), (2, LAST)), tmp_path)
    assert [] == json.loads((tmp_path / FILE).read_text())["clips"]
    keep(Flips(digest="of detections"), tmp_path)
    assert [] == [*tmp_path.iterdir()]
    keep(Flips(), tmp_path)


def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    """Nor is a full disk a surprise: both are errors of the measurement."""
    (tmp_path / f"{FILE}.partial").symlink_to(tmp_path / "elsewhere")

    with pytest.raises((MeasureError, opening.PlantedError)):
        keep(found((4, FIRST), (2, LAST)), tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_what_a_models_scores_are_is_known_but_of_a_graph_alone(colours: RecogniserJudge) -> None:
    """A graph without a word of softmax may end in it or not."""
    network = recogniser_spec(MODELS, "tsm").network

    def scale(*, softmax: bool, graph: bool) -> str | None:
        own = replace(network, softmax=softmax, graph="own.onnx" if graph else "")
        return scale_of(replace(colours.spec, network=own))

    assert ("softmax", "softmax") == (scale(softmax=True, graph=False), scale(softmax=True, graph=True))
    assert ("logits", None) == (scale(softmax=False, graph=False), scale(softmax=False, graph=True))


def test_a_judge_compares_usable_scores_with_its_reference(colours: RecogniserJudge) -> None:
    """Without a reference, or with scores that cannot be judged, nothing is compared."""
    made = GOOD.copy()
    made[7] = np.roll(made[7], 1)
    lossy = cell(made, itself=False)
    told = colours.flips(lossy)

    assert [CLIPS.ids[7]] == [one.id for one in told.clips or ()]
    assert "; lost: v_7" in colours.accuracy(lossy)[0].reason
    assert Flips() == replace(colours, reference=None).flips(cell(made, itself=False))
    assert Flips() == colours.flips(cell(np.full_like(GOOD, np.nan), itself=False))


def test_a_best_class_has_its_probability_where_it_is_known() -> None:
    """Of logits the softmax of the whole row; of what nobody knows, or what cannot be shares, none."""
    made = scores((3, FIRST), (1, FOURTH), (2, LAST))
    logits, wrong, unknown = ((flips(made, TORCH, labels(6), IDS, scale).clips or ())[0].ours for scale in ("logits", "softmax", None))
    shares = (flips(made / made.max(), TORCH, labels(6), IDS, "softmax").clips or ())[0].ours
    powers = np.exp(made[3].astype(np.float64))

    assert [one.probability for one in logits] == pytest.approx(sorted(powers / powers.sum(), reverse=True)[:5])
    assert [one.score for one in shares] == [one.probability for one in shares]
    assert [None] * 10 == [one.probability for one in (*unknown, *wrong)]


def test_flips_are_read_back_with_the_places_of_their_clips(colours: RecogniserJudge, tmp_path: Path) -> None:
    """What nobody wrote, in an older file, is not made up; what has another type is refused."""
    made = GOOD.copy()
    made[7] = np.roll(made[7], 1)
    told = colours.flips(cell(made, itself=False))
    assert told.clips is not None
    assert told.clips[0].source is not None
    assert str(CLIPS.clips[7].path) == told.clips[0].source.path

    assert read(tmp_path) is None
    keep(told, tmp_path)
    assert told.clips == read(tmp_path)
    stored = json.loads((tmp_path / FILE).read_text())
    del stored["clips"][0]["source"]
    (tmp_path / FILE).write_text(json.dumps(stored))
    assert (replace(told.clips[0], source=None),) == read(tmp_path)
    stored["clips"][0]["label"] = "first"
    (tmp_path / FILE).write_text(json.dumps(stored))
    with pytest.raises(MeasureError, match="label cannot be 'first'"):
        read(tmp_path)
