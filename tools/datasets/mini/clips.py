"""The mini data set: procedural clips as real encoded files with list files, made once into the store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tools.datasets.mini.encode import write_avi, write_jpegs, write_mp4
from tools.datasets.mini.moving_shapes import CLASSES, Recipe, render
from tools.machine import events, versions
from tools.spec.digest import digest
from tools.spec.mini import MiniSpec
from tools.spec.model import ListFormat, ModelSpec
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

EDGES = (20, 21, 58, 59, 60, 63, 64, 65, 150)  # where a sampling rule changes from wrapping to spreading
TRAIN_LIST = "train_videos.txt"
REVISION = "3"  # raise it when the pixels of equal recipes change


def list_name(kind: ListFormat) -> str:
    """The test list in one of mmaction2's formats; the videos list names MP4 files, `test_avi.txt` the same as AVI."""
    return f"test_{kind}.txt"


def stage(spec: ModelSpec) -> Stage:
    """The mini data set of *spec*."""
    return Stage(key(spec.mini), "making the mini clips", partial(build, spec.mini))


def key(mini: MiniSpec) -> Key:
    recipes = digest([str(recipe) for recipe in [*test_recipes(mini), *train_recipes(mini)]])
    return Key("data", "mini", (("revision", REVISION), ("recipes", recipes), *versions.of("av", "opencv-python-headless")))


def test_recipes(mini: MiniSpec) -> list[Recipe]:
    """Clips over all classes, with every length of EDGES among them."""
    shortest, longest = mini.test_frames
    rng = np.random.default_rng([mini.seed, 1])
    lengths = [*EDGES, *rng.integers(shortest, longest + 1, mini.test_clips - len(EDGES)).tolist()]
    return [Recipe(number % len(CLASSES), frames, (mini.seed, 1, number), mini.noise, mini.travel, mini.span, mini.wave)
            for number, frames in enumerate(lengths)]


def train_recipes(mini: MiniSpec) -> list[Recipe]:
    """Other clips of the same classes, short ones: only a few of their frames are ever looked at."""
    shortest, longest = mini.train_frames
    rng = np.random.default_rng([mini.seed, 2])
    lengths = rng.integers(shortest, longest + 1, mini.train_per_class * len(CLASSES)).tolist()
    return [Recipe(number % len(CLASSES), frames, (mini.seed, 2, number), mini.noise, mini.travel, mini.span, mini.wave)
            for number, frames in enumerate(lengths)]


def build(mini: MiniSpec, folder: Path) -> Facts:
    """Render and encode every clip on all cores, then write the lists."""
    from concurrent.futures import ProcessPoolExecutor

    tests, trains = test_recipes(mini), train_recipes(mini)
    jobs = [*((recipe, name, True) for recipe, name in _named(tests)), *((recipe, name, False) for recipe, name in _named(trains))]
    with ProcessPoolExecutor(initializer=events.die_with_parent) as pool:
        for done, _ in enumerate(pool.map(_write, jobs, [folder] * len(jobs), chunksize=2), 1):
            events.progress("making mini clips", done, len(jobs))
    _write_list(folder / list_name("rawframes"), (f"rawframes/{name} {recipe.frames} {recipe.label}" for recipe, name in _named(tests)))
    _write_list(folder / list_name("videos"), (f"mp4/{name}.mp4 {recipe.label}" for recipe, name in _named(tests)))
    _write_list(folder / "test_avi.txt", (f"avi/{name}.avi {recipe.label}" for recipe, name in _named(tests)))
    _write_list(folder / TRAIN_LIST, (f"train/{name}.mp4 {recipe.label}" for recipe, name in _named(trains)))
    _write_list(folder / "classes.txt", ("_".join(parts) for parts in CLASSES))
    return {"test_clips": len(tests), "train_clips": len(trains), "classes": len(CLASSES)}


def _named(recipes: list[Recipe]) -> Iterator[tuple[Recipe, str]]:
    for number, recipe in enumerate(recipes):
        yield recipe, f"{recipe.name}/v_{recipe.name}_{number:03d}"


def _write(job: tuple[Recipe, str, bool], folder: Path) -> None:
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
