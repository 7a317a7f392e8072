"""A localiser's data: the mini set is ActivityNet's files once more; what is wrong in one's own is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import keeping, ran
from suites.selftest.specs import localiser_spec
from tools.datasets import videos as datasets_videos
from tools.datasets.mini import action_sequences, videos
from tools.errors import DataError
from tools.localisation.activitynet import read_videos
from tools.localisation.snippet_features import read_features, write_features
from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

Break = Callable[[Path], object]


@pytest.fixture(scope="module")
def spec() -> LocaliserSpec:
    found = load_spec(MODELS, "bsn")
    assert isinstance(found, LocaliserSpec)
    return replace(found, mini=replace(found.mini, test_videos=6, train_videos=3))


@pytest.fixture
def home(tmp_path: Path, spec: LocaliserSpec) -> Path:
    """A small data set in ActivityNet's files."""
    videos.build(spec, tmp_path)
    return tmp_path


def context(home: Path, spec: LocaliserSpec, **more: str) -> Context[LocaliserSpec]:
    options = {"data": str(home / spec.list_file), "weights": "mini", "artifacts": str(home / "artifacts"), **more}
    return Context(Settings.parse(options), spec)


def test_equal_recipes_make_equal_videos(spec: LocaliserSpec) -> None:
    """A number and a part give the same features and segments every time, others give others."""
    one, again, other = (action_sequences.render(spec.mini, *key) for key in ((2, 0), (2, 0), (1, 0)))

    assert np.array_equal(one.features, again.features)
    assert np.array_equal(one.segments, again.segments)
    assert not np.array_equal(one.features, other.features)


def test_mini_videos_are_many_short_actions(spec: LocaliserSpec) -> None:
    """Features are [100, 400]; actions follow one another, as many and as long as the spec says."""
    for number in range(20):
        made = action_sequences.render(spec.mini, 2, number)
        shares = made.segments / made.duration_s

        assert (100, 400) == made.features.shape
        assert spec.mini.actions[0] <= len(shares) <= spec.mini.actions[1]
        assert (np.diff(shares.reshape(-1)) > 0).all()
        assert 0 < shares.min() < shares.max() < 1
        lengths = shares[:, 1] - shares[:, 0]
        assert spec.mini.lengths[0] - 1e-9 <= lengths.min() <= lengths.max() <= spec.mini.lengths[1] + 1e-9


def test_a_recipe_gives_these_videos_on_every_machine(spec: LocaliserSpec) -> None:
    """Weights and references were made of just these."""
    made = action_sequences.render(localiser_spec(MODELS, "bsn").mini, 2, 7)

    assert (4181, 9) == (made.frames, len(made.segments))
    assert np.allclose([[5.400912928, 16.2054402], [31.070606359, 35.794096212]], made.segments[:2], rtol=1e-8)
    assert np.allclose([[-0.05253, 0.243578], [0.116989, 0.231427], [-0.125747, 0.001959]],
                       made.features[[0, 50, 99]][:, [0, 399]], atol=1e-5)
    assert 3304.2 == pytest.approx(np.abs(made.features).sum(), rel=1e-4)


def test_videos_are_of_every_length_and_number_of_actions(spec: LocaliserSpec) -> None:
    """From the fewest to the most, each included."""
    made = [action_sequences._segments(np.random.default_rng(number), replace(spec.mini, actions=(1, 3), lengths=(0.1, 0.2)))
            for number in range(60)]

    assert {1, 2, 3} == {len(segments) for segments in made}


@pytest.mark.parametrize(("length", "around"), [(0.03, 0.005), (0.25, 0.0125)])
def test_an_action_and_its_ends_each_have_a_direction(spec: LocaliserSpec, length: float, around: float) -> None:
    """Of one strength between 0.4 and 1, in the bins that the action, its start and its end lie in.

    A start or an end is a tenth as long as the action, and a bin at least.
    """
    quiet = replace(spec.mini, noise=0.0, actions=(1, 1), lengths=(length, length))
    of_each = np.linalg.pinv(action_sequences._directions(quiet))
    for number in range(10):
        made = action_sequences.render(quiet, 1, number)
        parts = made.features @ of_each
        [(start, end)] = made.segments / made.duration_s
        strength, kind = parts[:, :5].max(), parts[:, :5].max(axis=0).argmax()
        places = {kind: (start, end), 5: (start - around, start + around), 6: (end - around, end + around)}
        expected = np.zeros((100, 7))
        for column, span in places.items():
            expected[:, column] = [max(0, min(span[1] * 100, one + 1) - max(span[0] * 100, one)) * strength for one in range(100)]

        assert 0.4 <= strength <= 1
        assert np.allclose(expected, parts, atol=1e-4)


def test_the_mini_set_counts_as_activitynet_does(spec: LocaliserSpec) -> None:
    """Videos of 30 to 200 seconds at 25 frames a second, which gives the duration; named by their part."""
    made = [action_sequences.render(spec.mini, part, 7) for part in (1, 2)]

    assert ["v_mini_train_007", "v_mini_test_007"] == [one.name for one in made]
    for one in made:
        assert 30 * 25 <= one.frames < 200 * 25
        assert one.frames / 25 == one.duration_s


def test_the_mini_set_is_laid_out_as_activitynet_is(home: Path, spec: LocaliserSpec) -> None:
    """The real ones' readers read list, annotations and features, and give back what was made."""
    found = read_videos(home / spec.annotations, home / spec.list_file, home / spec.features_folder)
    made = [action_sequences.render(spec.mini, 2, number) for number in range(6)]

    assert [one.name for one in made] == [video.name for video in found]
    for one, video in zip(made, found, strict=True):
        assert np.array_equal(one.segments, video.truth)
        assert np.array_equal(one.features, read_features(video.features))
    assert 0 == sum(one.test_videos % size == 0 for one in [localiser_spec(MODELS, "bsn").mini] for size in (4, 8, 16, 32, 64))


def test_a_list_is_cut_at_equal_distances(home: Path, spec: LocaliserSpec) -> None:
    """--clips takes videos from all over the list, the same ones every time."""
    names = [video.name for video in datasets_videos.listed(context(home, spec, clips="3"))]

    assert [f"v_mini_test_{number:03d}" for number in (0, 2, 4)] == names


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _three(home: Path) -> Path:
    return home / "csv_mean_100" / "v_mini_test_003.csv"


def _nan(home: Path) -> None:
    rows = read_features(_three(home))
    write_features(rows, _three(home))
    lines = _three(home).read_text().splitlines()
    lines[5] = ",".join(["nan", *lines[5].split(",")[1:]])
    _three(home).write_text("\n".join([*lines, ""]))


def _annotate(home: Path, segments: list[dict[str, object]]) -> None:
    path = home / "anet_anno_action.json"
    content = json.loads(path.read_text())
    content["v_mini_test_003"]["annotations"] = segments
    path.write_text(json.dumps(content))


BROKEN: dict[str, tuple[Break, tuple[str, ...]]] = {
    "no features": (lambda home: _three(home).unlink(), ("1 of 6 videos have no features", "v_mini_test_003.csv")),
    "short": (lambda home: _three(home).write_text("\n".join(_three(home).read_text().splitlines()[:-7])),
              ("93 rows", "v_mini_test_003.csv")),
    "no row at all": (lambda home: _three(home).write_text(_three(home).read_text().partition("\n")[0]), ("0 rows", "v_mini_test_003.csv")),
    "nan": (_nan, ("row 5, column 1", "'nan'", "v_mini_test_003.csv:6")),
    "unknown": (lambda home: spoil(home / "video_info_new.csv", "v_mini_test_003", "v_other"),
                ("v_other is not annotated", "video_info_new.csv:8")),
    "no annotation": (lambda home: _annotate(home, []), ("no annotations", "anet_anno_action.json: v_mini_test_003")),
    "reversed": (lambda home: _annotate(home, [{"segment": [9.0, 3.0]}]), ("9.0 to 3.0 is impossible", "v_mini_test_003[0]")),
    "no video": (lambda home: spoil_subset(home), ("no video is of the subset validation", "video_info_new.csv")),
}


def spoil_subset(home: Path) -> None:
    path = home / "video_info_new.csv"
    path.write_text(path.read_text().replace("validation", "testing"))


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_wrong_is_named(home: Path, spec: LocaliserSpec, broken: str) -> None:
    """Each fault of one's own data set is one DataError that names the thing, the file and the remedy."""
    do, words = BROKEN[broken]
    do(home)
    with pytest.raises(DataError) as caught:
        datasets_videos.video_set(context(home, spec))
    for word in words:
        assert word in str(caught.value)
    assert caught.value.remedy


def test_checked_features_are_found_again_until_they_change(home: Path, spec: LocaliserSpec) -> None:
    """The digests are kept with size and time of every file; of a list of one's own nothing is lacking."""
    said: list[str] = []
    run = replace(context(home, spec), on_event=keeping(said))
    before = datasets_videos.video_set(run)
    assert "checking the features of 6 videos" in said[0]
    said.clear()
    assert before == datasets_videos.video_set(run)
    assert [] == said
    write_features(np.zeros((100, 400), np.float32), _three(home))
    after = datasets_videos.video_set(run)

    assert said
    assert (6, None) == (len(before.ids), before.shortfall)
    assert ["v_mini_test_003"] == [id for id, old, new in zip(before.ids, before.features, after.features, strict=True)
                                   if old.sha256 != new.sha256]
    assert before.digest != after.digest


@pytest.mark.parametrize(("command", "words"), [
    ("evaluate tsm x.json", "no localiser"), ("data clips bsn", "not clips"), ("data dump bsn --out x", "reads features"),
    ("score bsn x", "is judged by its detections"),
])
def test_a_recogniser_has_no_features_and_a_localiser_no_clips(tmp_path: Path, command: str, words: str) -> None:
    """The commands for one kind of model refuse the other by name."""
    done = ran(*command.split(), "--artifacts", str(tmp_path))

    assert 2 == done.returncode
    assert words in done.stderr
    assert "Traceback" not in done.stderr
