"""ActivityNet's features as a full data set.

Those that can be used are used, the rest is told, and partial data is called what it may be called.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools.datasets import check, choice, survey, videos
from tools.datasets.defects import FEW, ORIGIN
from tools.datasets.survey import Shortfall
from tools.errors import DataError
from tools.judging.judge import partial_data
from tools.judging.verdict import Judgement, Verdict
from tools.localisation.snippet_features import write_features
from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec
from tools.spec.settings import MODELS, ROOT, Settings
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


def test_the_check_says_which_features_lack_and_where_they_come_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many have no file and which, what is wrong with others, and the section that names the origin."""
    context = tree(tmp_path)
    folder = tmp_path / "activitynet" / "csv_mean_100"
    complete = check.run(videos.listing(context), context.settings)
    told = capsys.readouterr().out

    assert not complete
    assert "activitynet: 1 of 3 named can be used; 1 missing, 1 damaged\n" in told
    assert f"  without a file in {folder}: 1, v_b.csv\n" in told
    assert "  with a file that cannot be used: 1, v_c cannot be used: the features have 99 rows instead of 100\n" in told
    assert f"  to do: put their files there; {ORIGIN}\nactivitynet is not complete" in told
    page, section = ORIGIN.partition(',')[0], ORIGIN.split('"')[1]
    assert f"\n## {section}\n" in (ROOT / page).read_text()


def test_the_check_knows_arrays_in_the_place_of_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The full data set is of CSV; what may be judged instead is said, and complete features need no word."""
    context = tree(tmp_path)
    folder = tmp_path / "activitynet" / "csv_mean_100"
    (folder / "v_b.npy").touch()
    check.run(videos.listing(context), context.settings)
    assert f"1 of them have a .npy there, which --data {folder} takes" in capsys.readouterr().out
    for name in ("v_b", "v_c"):
        shutil.copy(folder / "v_a.csv", folder / f"{name}.csv")
    check.run(videos.listing(context), context.settings)

    assert ORIGIN not in capsys.readouterr().out


def test_a_check_of_many_names_the_first_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that the summary is read; each has its own line above."""
    context = tree(tmp_path)
    folder = tmp_path / "activitynet"
    more = [f"v_m{number}" for number in range(20)]
    known = json.loads((folder / "anet_anno_action.json").read_text())
    (folder / "anet_anno_action.json").write_text(json.dumps({**known, **dict.fromkeys(more, known["v_a"])}))
    with (folder / "video_info_new.csv").open("a") as file:
        file.writelines(f"{name},validation\n" for name in more)
    check.run(videos.listing(context), context.settings)
    told = capsys.readouterr().out

    assert all(f"missing  {name}: is missing" in told for name in more)
    assert f": 21, {'; '.join(f'{name}.csv' for name in ['v_b', *more][:FEW])}; and 16 more\n" in told


def test_no_features_at_all_are_one_error(tmp_path: Path) -> None:
    """Where no video has features that can be used the error names the first with its line."""
    context = tree(tmp_path)
    (tmp_path / "activitynet" / "csv_mean_100" / "v_a.csv").rename(tmp_path / "activitynet" / "csv_mean_100" / "v_a.npy")
    survey.check(videos.listing(context), context.settings)
    with pytest.raises(DataError, match="none of the 3 clips of activitynet can be used: clip v_a is missing") as caught:
        videos.video_set(replace(context, on_event=lambda event: None))

    assert "video_info_new.csv:3" in str(caught.value.where)
    assert f"1 of them have a .npy there, which --data {tmp_path}/activitynet/csv_mean_100 takes; {ORIGIN}" in str(caught.value.remedy)


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
