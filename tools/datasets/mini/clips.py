"""The mini data set: procedural clips as real encoded files with list files, made once into the store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tools.datasets.mini.encode import write_avi, write_jpegs, write_mp4
from tools.datasets.mini.moving_shapes import CLASSES, Recipe, render
from tools.machine import events, versions
from tools.machine.pool import spread
from tools.spec.digest import digest
from tools.spec.mini import MiniSpec
from tools.spec.model import ListFormat, ModelSpec
from tools.storage import code
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

EDGES = (20, 21, 58, 59, 60, 63, 64, 65, 150)  # where a sampling rule changes from wrapping to spreading
TRAIN_LIST = "train_videos.txt"


def list_name(kind: ListFormat) -> str:
    """The test list in one of mmaction2's formats; for videos it names MP4 files, `test_avi.txt` the AVIs."""
    return f"test_{kind}.txt"


def stage(spec: ModelSpec) -> Stage:
    """The mini data set of *spec*."""
    return Stage(key(spec.mini), "making the mini clips", partial(build, spec.mini))


def key(mini: MiniSpec) -> Key:
    recipes = digest([str(recipe) for recipe in [*test_recipes(mini), *train_recipes(mini)]])
    return Key("data", "mini", (("recipes", recipes), *versions.of("av", "opencv-python-headless"), code.part(build)))


def test_recipes(mini: MiniSpec) -> list[Recipe]:
    """Clips of all classes, with every length of EDGES among them."""
    return _recipes(mini, 1, [*EDGES, *_lengths(mini, 1, mini.test_frames, mini.test_clips - len(EDGES))])


def train_recipes(mini: MiniSpec) -> list[Recipe]:
    """Other clips of the same classes, short ones: only a few of their frames are ever looked at."""
    return _recipes(mini, 2, _lengths(mini, 2, mini.train_frames, mini.train_per_class * len(CLASSES)))


def _lengths(mini: MiniSpec, part: int, limits: tuple[int, int], count: int) -> list[int]:
    lengths: list[int] = np.random.default_rng([mini.seed, part]).integers(limits[0], limits[1] + 1, count).tolist()
    return lengths


def _recipes(mini: MiniSpec, part: int, lengths: list[int]) -> list[Recipe]:
    return [Recipe(number % len(CLASSES), frames, (mini.seed, part, number), mini.noise, mini.travel, mini.span, mini.wave)
            for number, frames in enumerate(lengths)]


def build(mini: MiniSpec, folder: Path) -> Facts:
    """Render and encode every clip on all cores, then write the lists."""
    tests, trains = _named(test_recipes(mini)), _named(train_recipes(mini))
    jobs = [*((*test, True) for test in tests), *((*train, False) for train in trains)]
    for done, _ in enumerate(spread(partial(_write, folder), jobs, 2), 1):
        events.progress("making mini clips", done, len(jobs), at_rest=False)
    _write_list(folder / list_name("rawframes"), (f"rawframes/{name} {recipe.frames} {recipe.label}" for recipe, name in tests))
    _write_list(folder / list_name("videos"), (f"mp4/{name}.mp4 {recipe.label}" for recipe, name in tests))
    _write_list(folder / "test_avi.txt", (f"avi/{name}.avi {recipe.label}" for recipe, name in tests))
    _write_list(folder / TRAIN_LIST, (f"train/{name}.mp4 {recipe.label}" for recipe, name in trains))
    _write_list(folder / "classes.txt", ("_".join(parts) for parts in CLASSES))
    return {"test_clips": len(tests), "train_clips": len(trains), "classes": len(CLASSES)}


def _named(recipes: list[Recipe]) -> list[tuple[Recipe, str]]:
    return [(recipe, f"{recipe.name}/v_{recipe.name}_{number:03d}") for number, recipe in enumerate(recipes)]


def _write(folder: Path, job: tuple[Recipe, str, bool]) -> None:
    recipe, name, is_test = job
    frames = render(recipe)
    if not is_test:
        write_mp4(frames, folder / "train" / f"{name}.mp4")
        return
    write_jpegs(frames, folder / "rawframes" / name)
    write_avi(frames, folder / "avi" / f"{name}.avi")
    write_mp4(frames, folder / "mp4" / f"{name}.mp4")


def _write_list(path: Path, lines: Iterator[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
