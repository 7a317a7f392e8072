"""The mini clips: the same pixels on every machine, moving as their class says, in files like others'."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools.datasets.mini import clips, encode
from tools.datasets.mini.moving_shapes import CLASSES, FIELD, MOTIONS, Recipe, render
from tools.machine import events
from tools.media.decode import FRAME_NAME
from tools.media.preprocess import Frames
from tools.spec.mini import MiniSpec

LEAF, NOISY = Recipe(11, 4, (1,), noise=3.0, travel=50.0), Recipe(5, 10, (3, 1, 4), noise=6.0, travel=160.0)
CLEAN = Recipe(2, 6, (9, 2), noise=0.0, travel=90.0, span=12, wave=40.0)
PIXELS = {  # of the first and the last frame, at lines 20, 120 and 220 and columns 30, 160 and 290
    NOISY: [[64, 133, 242], [69, 138, 248], [57, 126, 235], [69, 138, 247], [97, 166, 255], [116, 185, 255], [44, 113, 222], [64, 133, 242],
            [3, 72, 181], [54, 123, 233], [74, 143, 252], [92, 161, 255], [90, 159, 255], [0, 69, 178], [26, 95, 204], [57, 126, 235],
            [58, 127, 236], [6, 75, 184]],
    CLEAN: [[209, 57, 37], [211, 59, 39], [255, 147, 127], [184, 32, 12], [202, 50, 30], [204, 52, 32], [212, 60, 40], [228, 76, 56],
            [233, 81, 61], [205, 53, 33], [255, 124, 104], [148, 0, 0], [209, 57, 37], [191, 39, 19], [219, 66, 46], [209, 56, 36],
            [217, 65, 45], [213, 61, 41]],
    LEAF: [[28, 161, 61], [29, 161, 62], [99, 231, 132], [0, 121, 22], [0, 127, 28], [11, 143, 44],
           [0, 117, 18], [46, 179, 79], [95, 227, 128], [0, 116, 17], [38, 170, 71], [112, 244, 145],
           [21, 153, 54], [80, 213, 113], [59, 191, 91], [52, 184, 85], [118, 250, 151], [62, 194, 95]],
}


@pytest.mark.parametrize("recipe", PIXELS, ids=["noisy", "clean", "leaf"])
def test_a_recipe_gives_these_pixels_on_every_machine(recipe: Recipe) -> None:
    """Within the last bit of a transform. Weights and references were made of just these."""
    found = render(recipe)

    assert (recipe.frames, 240, 320, 3) == found.shape
    apart = np.abs(found[[0, -1]][:, 20::100, 30::130].reshape(-1, 3).astype(int) - PIXELS[recipe])
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.2


@pytest.mark.parametrize("label", range(len(CLASSES)))
def test_a_texture_drifts_the_way_its_class_says(label: int) -> None:
    """By its travel in its span, or in the whole clip, give or take a third and a small turn."""
    colour, motion = CLASSES[label]
    recipe = Recipe(label, 11, (7, label), noise=0.0, travel=100.0)
    for one, part in ((recipe, 10 / 11), (replace(recipe, span=40), 10 / 40)):
        frames = render(one)
        across, down = _shift(frames[0], frames[-1])
        along, aside = MOTIONS[motion][0] * across + MOTIONS[motion][1] * down, MOTIONS[motion][1] * across + MOTIONS[motion][0] * down
        assert 0.95 * 70 * part - 2 <= along <= 130 * part + 2
        assert abs(aside) <= 0.31 * abs(along) + 2
    assert f"{colour}_{motion}" == recipe.name


def _shift(before: Frames, after: Frames) -> tuple[int, int]:
    """How far the middle of the picture has moved to the right and down."""
    import cv2

    match = cv2.matchTemplate(after[..., 0], np.ascontiguousarray(before[110:130, 150:170, 0]), cv2.TM_SQDIFF)
    down, across = np.unravel_index(match.argmin(), match.shape)
    return int(across) - 150, int(down) - 110


MINI = MiniSpec(seed=5, test_clips=20, train_per_class=2, calibration_clips=1, noise=2.0, travel=30.0, residual_scale=1.0, ridge=(1.0,),
                top_probability=0.9, reference_top1_at_least=0.5, span=7, wave=50.0)


def test_recipes_are_of_every_class_in_turn() -> None:
    """The test clips begin with the lengths at which sampling changes; training clips are others."""
    tests, trains = clips.test_recipes(MINI), clips.train_recipes(MINI)
    assert (20, 2 * len(CLASSES)) == (len(tests), len(trains))
    assert [20, 21, 58, 59, 60, 63, 64, 65, 150] == [recipe.frames for recipe in tests[:9]]
    for recipes, (low, high) in ((tests[9:], MINI.test_frames), (trains, MINI.train_frames)):
        assert all(low <= recipe.frames <= high for recipe in recipes)
    for part, recipes in ((1, tests), (2, trains)):
        assert [number % len(CLASSES) for number in range(len(recipes))] == [recipe.label for recipe in recipes]
        assert [(5, part, number) for number in range(len(recipes))] == [recipe.seed for recipe in recipes]
        assert {(2.0, 30.0, 7, 50.0)} == {(recipe.noise, recipe.travel, recipe.span, recipe.wave) for recipe in recipes}
    lengths = clips._lengths(MINI, 1, (3, 5), 200)
    assert {3, 4, 5} == set(lengths)
    assert lengths == clips._lengths(MINI, 1, (3, 5), 200) != clips._lengths(MINI, 2, (3, 5), 200)


def test_a_data_set_is_known_by_its_recipes() -> None:
    assert clips.key(MINI) == clips.key(replace(MINI, reference_top1_at_least=0.9, ridge=(2.0,)))
    others = [replace(MINI, seed=6), replace(MINI, noise=3.0), replace(MINI, test_clips=21), replace(MINI, train_per_class=3)]
    assert 5 == len({clips.key(MINI).digest, *(clips.key(one).digest for one in others)})
    assert ("data", "mini") == (clips.key(MINI).kind, clips.key(MINI).name)


def test_lists_name_the_files_of_each_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test clips as frames, MP4 and AVI, training clips as MP4; progress counts all."""
    written: list[tuple[str, int]] = []
    said: list[tuple[object, ...]] = []

    def one_by_one(work: Callable[[object], object], jobs: Iterable[object], size: int) -> Iterable[object]:
        return [work(job) for job in jobs]

    def note(kind: str) -> Callable[[Frames, Path], None]:
        return lambda frames, path: written.append((f"{kind} {path.relative_to(tmp_path)}", len(frames)))

    monkeypatch.setattr(clips, "spread", one_by_one)
    monkeypatch.setattr(clips, "render", lambda recipe: np.zeros((recipe.frames, 1, 1, 3), np.uint8))
    monkeypatch.setattr(events, "progress", lambda *what, at_rest: said.append(what))
    for kind in ("jpegs", "avi", "mp4"):
        monkeypatch.setattr(clips, f"write_{kind}", note(kind))
    facts = clips.build(MINI, tmp_path)
    tests, trains = clips.test_recipes(MINI), clips.train_recipes(MINI)
    names = [f"{recipe.name}/v_{recipe.name}_{number:03d}" for number, recipe in enumerate(tests)]

    assert {"test_clips": 20, "train_clips": len(trains), "classes": len(CLASSES)} == facts
    count = 20 + len(trains)
    assert [("making mini clips", done, count) for done in range(1, count + 1)] == said
    assert [(f"jpegs rawframes/{names[0]}", 20), (f"avi avi/{names[0]}.avi", 20), (f"mp4 mp4/{names[0]}.mp4", 20)] == written[:3]
    train = f"train/{trains[0].name}/v_{trains[0].name}_000.mp4"
    assert (f"mp4 {train}", trains[0].frames) == written[60]
    assert 60 + len(trains) == len(written)
    for file, line in (("test_rawframes.txt", f"rawframes/{names[1]} 21 1"), ("test_videos.txt", f"mp4/{names[1]}.mp4 1"),
                       ("test_avi.txt", f"avi/{names[1]}.avi 1")):
        assert (20, line) == (len(lines := (tmp_path / file).read_text().splitlines()), lines[1])
    assert f"{train} 0" == (tmp_path / clips.TRAIN_LIST).read_text().splitlines()[0]
    assert ["warm_right", "warm_left"] == (tmp_path / "classes.txt").read_text().splitlines()[:2]


def test_files_are_encoded_as_data_sets_have_them(tmp_path: Path) -> None:
    """UCF-101's AVI and JPEGs from number 1 on, Kinetics' MP4, of the same pictures at 25 a second."""
    import av
    import cv2

    frames = render(replace(CLEAN, frames=5))
    encode.write_jpegs(frames, tmp_path / "deep" / "folder")
    assert [FRAME_NAME.format(number) for number in range(1, 6)] == sorted(path.name for path in (tmp_path / "deep" / "folder").iterdir())
    first = cv2.cvtColor(cv2.imread(str(tmp_path / "deep" / "folder" / FRAME_NAME.format(1))), cv2.COLOR_BGR2RGB)
    assert np.abs(first.astype(int) - frames[0]).mean() < 3
    for write, name, codec, tag in ((encode.write_avi, "a.avi", "mpeg4", "XVID"), (encode.write_mp4, "a.mp4", "h264", "avc1")):
        write(frames, tmp_path / "other" / name)
        with av.open(str(tmp_path / "other" / name)) as container:
            stream = container.streams.video[0]
            assert (codec, tag, "yuv420p") == (stream.codec_context.name, stream.codec_context.codec_tag, stream.codec_context.pix_fmt)
            assert (25, 320, 240) == (stream.average_rate, stream.width, stream.height)
            shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert 5 == len(shown)
        assert max(np.abs(one.astype(int) - ours).mean() for one, ours in zip(shown, frames, strict=True)) < 6


def test_a_window_fits_anywhere_into_the_texture() -> None:
    """However far a clip drifts."""
    found = render(Recipe(0, 9, (1,), noise=1.0, travel=5.0 * FIELD))
    assert (9, 240, 320, 3) == found.shape
