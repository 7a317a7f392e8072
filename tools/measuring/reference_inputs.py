"""Torch's inputs of a few items: mmaction2's own pipeline run here, or its digests from an equal machine.

They need no weights and take seconds, so they are made even where torch's scores of all clips would take too
long. Another processor's libraries may round a resized picture in another way: the kind of processor is part
of the key.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from tools.datasets.clips import ClipSet
from tools.datasets.videos import VideoSet
from tools.errors import ReferenceRunError
from tools.machine import versions
from tools.machine.reading import load_json
from tools.measuring.inputs import TorchInputs, digest_of, spread
from tools.pytorch import frames, pipeline
from tools.pytorch.bsn_features import read_by_mmaction2
from tools.spec.digest import spec_digest
from tools.spec.model import LocaliserSpec, ModelSpec, Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.elsewhere import missing_makers
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

FILE = "inputs.json"


def of_clips(context: Context[ModelSpec], clips: ClipSet) -> Stage:
    """The inputs of a few of these clips."""
    few = replace(clips, clips=tuple(clips.clips[number] for number in spread(len(clips.clips))))
    shaped_by = frames.decoder() if clips.format == "videos" else ()
    return _stage(context.spec, few.digest, shaped_by, partial(build_clips, context.spec, few))


def of_videos(context: Context[LocaliserSpec], videos: VideoSet) -> Stage:
    """The features of a few of these videos as mmaction2 loads them."""
    numbers = spread(len(videos.videos))
    few = replace(videos, videos=tuple(videos.videos[number] for number in numbers),
                  features=tuple(videos.features[number] for number in numbers))
    return _stage(context.spec, few.digest, (), partial(build_videos, few))


def _stage(spec: Spec, items: str, decoder: tuple[tuple[str, str], ...], build: Callable[[Path], Facts]) -> Stage:
    key = Key("inputs", spec.name, (
        ("spec", spec_digest(spec)), ("items", items), ("machine", platform.machine()),
        *versions.public("torch", "mmaction2", "mmcv-lite", "mmengine", "numpy", "opencv-python-headless"), *decoder, code.part(build)))
    return Stage(key, "running torch's pipeline on a few inputs", build)


def build_clips(spec: ModelSpec, few: ClipSet, folder: Path) -> Facts:
    """Save the digests of what mmaction2's pipeline makes of every clip of *few*."""
    few.require_unchanged()
    load = pipeline.clip_loader(spec, few.format)
    made = {clip.id: digest_of(load(clip)) for clip in few.clips}
    few.require_unchanged()
    return _save(made, folder)


def build_videos(few: VideoSet, folder: Path) -> Facts:
    """Save the digests of what mmaction2's loader makes of every video of *few*."""
    few.require_unchanged()
    made = {video.name: digest_of(read_by_mmaction2(video.features)) for video in few.videos}
    few.require_unchanged()
    return _save(made, folder)


def _save(made: dict[str, str], folder: Path) -> Facts:
    (folder / FILE).write_text(json.dumps(made, indent=0))
    return {"items": len(made)}


def find_or_make(context: Context[Spec], stage: Stage) -> TorchInputs:
    """Torch's digests, stored or made by a child process; none where its pipeline is not at hand."""
    missing = missing_makers(stage.key)
    if missing and context.store.find(stage.key) is None:
        return TorchInputs({}, f"torch's pipeline is not at hand ({', '.join(missing)} not installed), and no machine like this one "
                               "has left its inputs in the store")
    path = stage.find_or_run(context).file(FILE)
    return TorchInputs(load_json(path, ReferenceRunError, "the digests of torch's inputs", "python -m tools.store verify"))
