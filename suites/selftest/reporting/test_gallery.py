"""The gallery: the worst clips first, with frames that the network saw, as far as there is room for them."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from suites.selftest.reporting.runs import clip, flip, flipped, row, run_of
from tools.datasets.examine import signature
from tools.datasets.mini.encode import write_mp4
from tools.judging.flips import FILE, Source
from tools.media.decode import Clip
from tools.reporting import gallery
from tools.reporting.facts import CaseFacts, Report
from tools.reporting.gather import gathered


def told(run: Path, *, pictures: bool = True) -> tuple[CaseFacts, Report]:
    report = gathered(run, pictures=pictures)
    return report.cases[0], report


def grey(uri: str) -> tuple[int, tuple[int, ...]]:
    """What a picture of one grey shows: that grey, and its size."""
    head, _, content = uri.partition(",")
    assert "data:image/jpeg;base64" == head
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return round(float(picture.mean())), picture.shape[:2]


def test_a_clip_shows_the_frames_that_the_network_saw(tmp_path: Path) -> None:
    """Four of the sampled ones, the first and the last among them, small; and both sides' best classes."""
    run = run_of(tmp_path, [row()])
    flipped(run, [flip("v_0", clip(tmp_path, "v_0"))])
    case, report = told(run)
    [shown] = case.flips

    assert ((), 1) == (report.missing, case.flips_found)
    assert [(63, 112)] * 4 == [grey(uri)[1] for uri in shown.thumbnails]
    assert pytest.approx([0, 160], abs=3) == [grey(shown.thumbnails[place])[0] for place in (0, -1)]
    assert [(5, 0.6, False), (3, 0.3, False)] == [(one.label, one.probability, one.is_score) for one in shown.ours]


def test_the_clips_that_torch_was_surest_of_come_first(tmp_path: Path) -> None:
    """Lost ones before those that both have wrong; of many the first, and how many there are."""
    place = clip(tmp_path, "v")
    run = run_of(tmp_path, [row()])
    flipped(run, [flip("unsure", place, sure=0.4), flip("wrong", place, lost=False, sure=0.99), flip("sure", place, sure=0.95),
                  *(flip(f"v_{number}", place, sure=0.1) for number in range(gallery.MOST))])
    case, _ = told(run)

    assert ["sure", "unsure"] == [one.id for one in case.flips[:2]]
    assert (gallery.MOST, gallery.MOST + 3) == (len(case.flips), case.flips_found)
    assert "wrong" not in [one.id for one in case.flips]


def test_pictures_keep_to_their_budget_and_those_left_out_are_counted(tmp_path: Path) -> None:
    run = run_of(tmp_path, [row()])
    flipped(run, [flip(f"v_{number}", clip(tmp_path, f"v_{number}"), sure=0.9 - number / 100) for number in range(5)])
    lacking: list[str] = []
    found = gallery.Gallery(lacking, left=3000)
    shown, _ = found.of(run / "tiny-bs4-cpu", "tiny-bs4-cpu", "mini")
    found.close()
    sizes = [sum(map(len, one.thumbnails)) for one in shown]

    assert sizes[0] > 0 == sizes[-1]
    assert sum(sizes) < 3000 + max(sizes)
    assert [f"{sizes.count(0)} flipped clips are shown without their frames, for which the page has no room"] == lacking
    assert [] == [uri for one in told(run, pictures=False)[0].flips for uri in one.thumbnails]


@pytest.mark.parametrize(("harm", "says"), [("gone", "is missing"), ("changed", "its files are others than when the run measured it")])
def test_a_clip_that_is_gone_or_another_now_shows_no_frames(tmp_path: Path, harm: str, says: str) -> None:
    """It is never shown as what the network saw; its classes are told all the same."""
    place = clip(tmp_path, "v_0")
    seen = signature(Clip("v_0", place, 3), "rawframes")
    run = run_of(tmp_path, [row()])
    flipped(run, [flip("v_0", place, signature=seen)])
    if harm == "gone":
        place.rename(tmp_path / "elsewhere")
    else:
        os.utime(place / "img_00001.jpg", ns=(1, seen[1] + 10**9))
    case, report = told(run)

    assert [("v_0", ())] == [(one.id, one.thumbnails) for one in case.flips]
    assert [True] == [says in line and "the frames of v_0 are not shown" in line for line in report.missing]


def test_a_video_is_shown_only_with_the_bits_that_were_judged(tmp_path: Path) -> None:
    """All sampled frames of it are summed, as the measurement does."""
    path = tmp_path / "v.mp4"
    write_mp4(np.stack([np.full((48, 64, 3), 20 * number, np.uint8) for number in range(9)]), path)
    run = run_of(tmp_path, [row()])
    source = Source(str(path), "videos", 9, (0, 2, 4, 6, 8))
    flipped(run, [replace(flip("v", path), source=source)])
    good, _ = told(run)
    flipped(run, [replace(flip("other", path), source=replace(source, sampled_crc32=1))])
    bad, report = told(run)

    assert 4 == len(good.flips[0].thumbnails)
    assert () == bad.flips[0].thumbnails
    assert "gives other frames now" in report.missing[0]


def test_the_harness_own_clips_have_the_names_of_their_classes(tmp_path: Path) -> None:
    """They lie beside their list; nobody else's order of names is known for sure."""
    (tmp_path / "classes.txt").write_text("".join(f"class_{number}\n" for number in range(8)))
    place = clip(tmp_path / "rawframes" / "class_3", "v_0")
    run = run_of(tmp_path, [row()])
    flipped(run, [flip("v_0", place)])
    own = run_of(tmp_path / "own", [row(data="list.txt")])
    flipped(own, [flip("v_0", place)])

    assert ("class_3", "class_5") == ((shown := told(run)[0].flips[0]).name, shown.ours[0].name)
    assert ("", "") == ((shown := told(own)[0].flips[0]).name, shown.ours[0].name)


def test_an_older_file_without_places_says_so(tmp_path: Path) -> None:
    run = run_of(tmp_path, [row()])
    flipped(run, [flip("v_0", clip(tmp_path, "v_0"))])
    file = run / "tiny-bs4-cpu" / FILE
    stored = json.loads(file.read_text())
    for one in stored["clips"]:
        del one["source"]
        one["ours"] = [{"label": guess["label"], "score": guess["score"]} for guess in one["ours"]]
    file.write_text(json.dumps(stored))
    case, report = told(run)

    assert [True, True] == [one.is_score for one in case.flips[0].ours]
    assert "older than the places of its clips" in report.missing[0]


@pytest.mark.parametrize("path", ["/dev/zero", "x" * 5000, "/etc/passwd", "nul\0"], ids=range(4))
def test_a_hostile_place_is_shown_as_nothing(tmp_path: Path, path: str) -> None:
    run = run_of(tmp_path, [row()])
    flipped(run, [flip("v_0", Path("/x"))])
    file = run / "tiny-bs4-cpu" / FILE
    stored = json.loads(file.read_text())
    stored["clips"][0]["source"]["path"] = path
    file.write_text(json.dumps(stored))

    assert () == told(run)[0].flips[0].thumbnails
