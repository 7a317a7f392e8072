"""The mini data set of a localiser: procedural feature sequences in ActivityNet's files, made once into the store."""

from __future__ import annotations

import json
from collections.abc import Sequence as Many
from pathlib import Path

from tools.datasets.mini import action_sequences
from tools.datasets.mini.action_sequences import SNIPPET_FRAMES, Sequence
from tools.errors import OptionError
from tools.localisation.snippet_features import write_features
from tools.machine import child, events, versions
from tools.spec.digest import digest
from tools.spec.model import LocaliserSpec
from tools.spec.settings import Settings
from tools.storage import stages
from tools.storage.entries import Entry, Facts, Key
from tools.storage.stages import parse
from tools.storage.store import Store

REVISION = "1"  # raise it when equal specs give other videos


def resolve(settings: Settings, spec: LocaliserSpec, on_event: child.OnEvent) -> Entry:
    """The mini data set of *spec*, made by a child process if the store has none."""
    return stages.find_or_run(Store(settings.store), key(spec), "tools.datasets.mini.videos", [spec.name, *settings.arguments()],
                             "making the mini videos", on_event)


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


def _annotations(sequences: Many[Sequence]) -> dict[str, object]:
    return {one.name: {"duration_second": one.duration_s, "duration_frame": one.frames, "feature_frame": _covered(one),
                       "annotations": [{"segment": segment, "label": "action"} for segment in one.segments.tolist()]}
            for one in sequences}


def _covered(one: Sequence) -> int:
    """Frames that whole snippets cover."""
    return one.frames // SNIPPET_FRAMES * SNIPPET_FRAMES


def main() -> int:
    """Make the mini data set of a localiser."""
    _, settings, spec = parse("minivideos", main.__doc__)
    if not isinstance(spec, LocaliserSpec):
        raise OptionError(f"{spec.name} is no localiser", remedy=f"python -m tools.datasets.mini.clips {spec.name}")
    print(Store(settings.store, events.say).build(key(spec), lambda folder: build(spec, folder)).folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
