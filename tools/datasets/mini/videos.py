"""The mini data set of a localiser: procedural features in ActivityNet's files, made once for the store."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from tools.datasets.mini.action_sequences import FPS, SNIPPET_FRAMES, render
from tools.localisation.snippet_features import write_features
from tools.machine import versions
from tools.spec.digest import digest
from tools.spec.model import LocaliserSpec
from tools.storage import code
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage


def stage(spec: LocaliserSpec) -> Stage:
    """The mini data set of *spec*."""
    return Stage(key(spec), "making the mini videos", partial(build, spec))


def key(spec: LocaliserSpec) -> Key:
    mini = spec.mini
    shape = digest([mini.seed, mini.test_videos, mini.train_videos, mini.actions, mini.lengths, mini.noise])
    names = digest([spec.list_file, spec.annotations, spec.features_folder])
    return Key("data", "videos", (("shape", shape), ("names", names), *versions.of("numpy"), code.part(build)))


def build(spec: LocaliserSpec, folder: Path) -> Facts:
    """Write the list, the annotations and each video's features, laid out as the full data set is."""
    mini = spec.mini
    features = folder / spec.features_folder
    features.mkdir()
    rows, annotations = ["video,numFrame,seconds,fps,rfps,subset,featureFrame"], {}
    for part, subset, count in ((1, "training", mini.train_videos), (2, "validation", mini.test_videos)):
        for number in range(count):
            video = render(mini, part, number)
            covered = video.frames // SNIPPET_FRAMES * SNIPPET_FRAMES  # by whole snippets
            rows.append(f"{video.name},{video.frames},{video.duration_s},{FPS}.0,{FPS}.0,{subset},{covered}")
            annotations[video.name] = {
                "duration_second": video.duration_s, "duration_frame": video.frames, "feature_frame": covered,
                "annotations": [{"segment": segment, "label": "action"} for segment in video.segments.tolist()]}
            write_features(video.features, features / f"{video.name}.csv")
    (folder / spec.list_file).write_text("\n".join([*rows, ""]))
    (folder / spec.annotations).write_text(json.dumps(annotations))
    return {"training": mini.train_videos, "validation": mini.test_videos}
