"""ActivityNet's features as a full data set.

Those that can be used are used, the rest is told, and partial data is called what it may be called.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools.datasets import choice, survey, videos
from tools.datasets.survey import Shortfall
from tools.errors import DataError
from tools.judging.judge import partial_data
from tools.judging.verdict import Judgement, Verdict
from tools.localisation.snippet_features import write_features
from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

NAMES = ("v_a", "v_b", "v_c")


def tree(root: Path) -> Context[LocaliserSpec]:
    """Three validation videos and one of another subset: one lacks features, one has a row too few."""
    spec = load_spec(MODELS, "bsn")
    assert isinstance(spec, LocaliserSpec)
    folder = root / "activitynet"
    (folder / "csv_mean_100").mkdir(parents=True)
    video = {"duration_second": 10.0, "duration_frame": 250.0, "feature_frame": 240.0, "annotations": [{"segment": [1.0, 2.0]}]}
    (folder / "anet_anno_action.json").write_text(json.dumps(dict.fromkeys([*NAMES, "v_t"], video)))
    (folder / "video_info_new.csv").write_text("video,subset\nv_t,training\n" + "".join(f"{name},validation\n" for name in NAMES))
    write_features(np.random.default_rng(0).random((100, 400), np.float32), folder / "csv_mean_100" / "v_a.csv")
    lines = (folder / "csv_mean_100" / "v_a.csv").read_text().splitlines(keepends=True)
    (folder / "csv_mean_100" / "v_c.csv").write_text("".join(lines[:-1]))
    settings = Settings.parse({"data": "full", "data_root": str(root), "artifacts": str(root / "artifacts")})
    return Context(settings, spec, lambda event: pytest.fail(f"it is checked again: {event}"))


def test_videos_without_features_are_told(tmp_path: Path) -> None:
    """The videos with features are run.

    The set lacks the others, and names the first that is missing with its line.
    """
    context = tree(tmp_path)
    survey.check(videos.listing(context), context.settings)
    found = videos.video_set(context)

    assert ("v_a",) == found.ids
    assert found.shortfall is not None
    assert found.shortfall.sentence.startswith(
        f"1 of 4,728 videos: 1 missing, 1 damaged, first {tmp_path}/activitynet/csv_mean_100/v_b.csv "
        f"({tmp_path}/activitynet/video_info_new.csv:4); python -m tools.data check activitynet")


def test_no_features_at_all_are_one_error(tmp_path: Path) -> None:
    """Where no video has features that can be used the error names the first with its line."""
    context = tree(tmp_path)
    (tmp_path / "activitynet" / "csv_mean_100" / "v_a.csv").unlink()
    survey.check(videos.listing(context), context.settings)
    with pytest.raises(DataError, match="none of the 3 clips of activitynet can be used: clip v_a is missing") as caught:
        videos.video_set(replace(context, on_event=lambda event: None))

    assert "video_info_new.csv:3" in str(caught.value.where)


def test_data_is_full_where_its_list_can_be_made(tmp_path: Path) -> None:
    """Without --data, annotations that a list can be made of are as good as the list."""
    context = Context(Settings.parse({"data_root": str(tmp_path)}), load_spec(MODELS, "tsm"))
    before = choice.chosen(context)
    (tmp_path / "ucf101").mkdir()
    (tmp_path / "ucf101" / "testlist01.txt").touch()

    assert ("mini", "full") == (before, choice.chosen(context))


@pytest.mark.parametrize(("given", "expected"), [(Verdict.PASS, Verdict.NO_VERDICT), (Verdict.RECORDED, Verdict.NO_VERDICT),
                                                 (Verdict.NO_VERDICT, Verdict.NO_VERDICT), (Verdict.FAIL, Verdict.FAIL)])
def test_no_good_comes_of_a_part(given: Verdict, expected: Verdict) -> None:
    """On a part of the data nothing passes and nothing is merely recorded, but what is lost there is lost."""
    shortfall = Shortfall(3612, 3783, 171, 0, "v_x (list.txt:4)", "python -m tools.data check ucf101")
    [judged] = partial_data([Judgement("top1", "0.9", "0.9", given, "well")], shortfall)

    assert expected == judged.verdict
    assert ("3,612 of 3,783 clips: 171 missing, first v_x (list.txt:4); python -m tools.data check ucf101 "
            "lists what is there and what is not; well") == judged.reason
