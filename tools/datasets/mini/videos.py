"""The mini data set of a localiser: procedural feature sequences in ActivityNet's files, made once into the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tools.datasets.mini import action_sequences
from tools.datasets.mini.action_sequences import SNIPPET_FRAMES, ActionSequence
from tools.localisation.snippet_features import write_features
from tools.machine import versions
from tools.spec.digest import digest
from tools.spec.model import LocaliserSpec
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

REVISION = "1"  # raise it when equal specs give other videos


def stage(spec: LocaliserSpec) -> Stage:
    """The mini data set of *spec*."""
    return Stage(key(spec), "making the mini videos", partial(build, spec))


def key(spec: LocaliserSpec) -> Key:
    mini = spec.mini
    shape = digest([mini.seed, mini.test_videos, mini.train_videos, mini.actions, mini.lengths, mini.noise])
    names = digest([spec.list_file, spec.annotations, spec.features_folder])
    return Key("data", "videos", (("revision", REVISION), ("shape", shape), ("names", names), *versions.of("numpy")))


def build(spec: LocaliserSpec, folder: Path) -> Facts:
    """Write list, annotations and a feature file a video, laid out as the full data set is."""
    mini = spec.mini
    made = {"training": [action_sequences.render(mini, 1, number) for number in range(mini.train_videos)],
            "validation": [action_sequences.render(mini, 2, number) for number in range(mini.test_videos)]}
    features = folder / spec.features_folder
    features.mkdir()
    rows = ["video,numFrame,seconds,fps,rfps,subset,featureFrame"]
    for subset, sequences in made.items():
        rows += [f"{one.name},{one.frames},{one.duration_s},{action_sequences.FPS}.0,{action_sequences.FPS}.0,{subset},{_covered(one)}"
                 for one in sequences]
        for one in sequences:
            write_features(one.features, features / f"{one.name}.csv")
    (folder / spec.list_file).write_text("\n".join([*rows, ""]))
    (folder / spec.annotations).write_text(json.dumps(_annotations([one for sequences in made.values() for one in sequences])))
    return {subset: len(sequences) for subset, sequences in made.items()}


def _annotations(sequences: Sequence[ActionSequence]) -> dict[str, object]:
    return {one.name: {"duration_second": one.duration_s, "duration_frame": one.frames, "feature_frame": _covered(one),
                       "annotations": [{"segment": segment, "label": "action"} for segment in one.segments.tolist()]}
            for one in sequences}


def _covered(one: ActionSequence) -> int:
    """Frames that whole snippets cover."""
    return one.frames // SNIPPET_FRAMES * SNIPPET_FRAMES
