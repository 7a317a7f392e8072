"""The torch reference: mmaction2's own pipeline and network on every clip, kept as an artifact.

It shares no code with the path that is measured, so a fault in decoding, sampling, preprocessing or export shows as a
difference instead of cancelling out. Which device torch ran on is recorded and shapes no key: in float32 the CPU and
CUDA differ by rounding, like two batch sizes do, and what one machine has made all others are to find.

Scores are kept as float32: as float16 the smallest probabilities of a clip become zero or lose their bits, and `difference`
is judged on their logarithms.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from tools.datasets import choice
from tools.datasets.clips import ClipSet
from tools.deployment.origin import origin
from tools.deployment.weights import Weights
from tools.errors import ReferenceRunError
from tools.machine import events, versions
from tools.measuring.metrics import first_not_finite, hits
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import networks, pipeline, run
from tools.spec.digest import spec_digest
from tools.spec.model import ModelSpec, Spec
from tools.storage import elsewhere
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.shards import Made, Shards
from tools.storage.stages import Stage
from tools.storage.store import Store

IMPLICIT_REFERENCE = 500  # clips that torch is run on unasked, about five minutes on two cores; more only when asked for


def scores(context: Context[ModelSpec], checkpoint: Weights, clips: ClipSet) -> Predictions | None:
    """Torch's scores of these clips: stored, or rows of what is stored for more clips, or computed by a child process.

    None if there is neither and they are too many to be computed unasked.
    """
    wanted = stage(context, checkpoint, clips)
    if context.store.find(wanted.key) is None:
        among = superset(context.store, wanted.key, clips)
        if among:
            context.say(among.sentence)
            return among.predictions
        if len(clips.clips) > IMPLICIT_REFERENCE:
            return None
    made = wanted.find_or_run(context)
    forget_shards(context, wanted.key)
    return load(made.file(FILE))


def stage(context: Context[ModelSpec], checkpoint: Weights, clips: ClipSet, device: str = "auto") -> Stage:
    """Torch's scores of these clips; what was computed before a run was killed is used."""
    wanted = key(context.spec, checkpoint, clips)
    return Stage(wanted, f"running the torch reference on {len(clips.clips)} clips",
                 partial(build, context.spec, checkpoint, clips, floor(context), device=device,
                         shards=context.store.unfinished(wanted)))


def forget_shards(context: Context[Spec], made: Key) -> None:
    """Remove what was kept while a reference was computed, once the whole is published."""
    shutil.rmtree(context.store.unfinished(made), ignore_errors=True)


def key(spec: ModelSpec, checkpoint: Weights, clips: ClipSet) -> Key:
    shaped_by = (("weights", checkpoint.sha256), ("spec", spec_digest(spec)), ("clips", clips.digest),
                 *versions.public("torch", "mmaction2", "mmcv-lite", "mmengine", "opencv-python-headless", "decord"))
    return Key("reference", spec.name, shaped_by)


def command(context: Context[Spec]) -> str:
    """The line that makes the reference of a run, whole."""
    settings, word = context.settings, origin(context)
    meant = replace(settings, data=choice.chosen(context), weights=settings.weights if word == "own" else word)
    return shlex.join(["python", "-m", "tools.reference", context.spec.name, *meant.chosen(
        "--data", "--data-root", "--weights", "--clips", "--artifacts", "--models")])


def build(spec: ModelSpec, checkpoint: Weights, clips: ClipSet, floor_top1: float, folder: Path,
          device: str = "cpu", shards: Path | None = None) -> Facts:
    """Score every clip and save the scores; *shards* is where they are kept until all are there.

    Raises:
        ReferenceRunError: scores that are not finite; or top-1 below *floor_top1*: a reference that is mostly wrong would
        not show a broken export.
    """
    runner = run.torch_device(device)
    network = checkpoint.network
    deployed = run.on_device(networks.deployed(network, networks.load_network(network, checkpoint.path)), runner)

    def produce(first: int) -> Iterator[Made]:
        done = first
        rest = clips.clips[first:]
        for scores in run.scored(deployed, lambda: pipeline.clip_loader(spec, clips.format), rest, runner):
            _require_finite(scores, clips.clips[done:], checkpoint.path)
            done += len(scores)
            events.progress("torch reference", done, len(clips.clips))
            yield len(scores), {"scores": scores, "device": np.array([runner.label])}

    kept = Shards(shards or folder / "shards", len(clips.clips))
    made = kept.compute(produce, "clip")
    if shards is None:
        kept.remove()
    scores: Floats = made["scores"]
    top1 = float(hits(scores, np.array([clip.label for clip in clips.clips]), 1).mean())
    if top1 < floor_top1:
        raise ReferenceRunError(f"torch reaches top-1 {top1:.4f} on the mini clips, below {floor_top1}",
                                where=f"MiniSpec of {spec.name}",
                                remedy="make the clips easier: less noise, more travel, or another residual_scale")
    _write(clips, scores, folder)
    return {"top1": top1, "clips": len(scores), "torch_device": ", ".join(np.unique(made["device"]))}


def _require_finite(scores: Floats, clips: tuple[Clip, ...], path: Path) -> None:
    bad = first_not_finite(scores)
    if bad is not None:
        raise ReferenceRunError(f"torch's own scores of {clips[bad].id} are not finite numbers", where=str(path),
                                remedy="these weights cannot judge anything")


def floor(context: Context[ModelSpec]) -> float:
    """The top-1 that the whole mini set must reach; subsets and other data have none."""
    return context.spec.mini.floor_top1 if choice.is_whole_mini(context) else 0.0


DIGESTS = "clips.json"  # the SHA-256 of every clip by its id


def _write(clips: ClipSet, scores: Floats, folder: Path) -> None:
    """Write the scores of all *clips*, in their order, into an entry's folder."""
    save(Predictions(tuple(clip.id for clip in clips.clips), scores), folder / FILE)
    (folder / DIGESTS).write_text(json.dumps({clip.id: clip.sha256 for clip in clips.clips}, indent=0))


@dataclass(frozen=True, slots=True)
class Superset:
    """The rows of a run's clips out of a reference of more clips, and the sentence that says so."""

    predictions: Predictions
    sentence: str


def superset(store: Store, wanted: Key, clips: ClipSet) -> Superset | None:
    """The rows of *clips* out of a stored reference that has them all by id and digest, among others."""
    for other in elsewhere.alike(store.root, wanted, "clips"):
        entry = store.find(other)
        if entry is None or DIGESTS not in entry.files:
            continue
        digests = json.loads(entry.file(DIGESTS).read_text())
        if all(digests.get(clip.id) == clip.sha256 for clip in clips.clips):
            return Superset(_rows(load(entry.file(FILE)), clips),
                            f"torch's scores of these {len(clips.clips):,} clips are among those of {len(digests):,}: {other}")
    return None


def _rows(stored: Predictions, clips: ClipSet) -> Predictions:
    number = {id: row for row, id in enumerate(stored.ids)}
    ids = tuple(clip.id for clip in clips.clips)
    return Predictions(ids, np.ascontiguousarray(stored.scores[[number[id] for id in ids]]))
