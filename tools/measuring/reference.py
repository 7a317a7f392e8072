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
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tools.datasets import clips as data
from tools.datasets.manifest import Manifest
from tools.deployment import weights
from tools.deployment.weights import Weights
from tools.errors import ReferenceRunError
from tools.machine import child, events, versions
from tools.measuring.metrics import first_not_finite, hits
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import networks, pipeline, run
from tools.spec.digest import spec_digest
from tools.spec.model import ModelSpec, Spec
from tools.spec.settings import Settings
from tools.storage import elsewhere, stages
from tools.storage.entries import Facts, Key
from tools.storage.shards import Made, Shards
from tools.storage.store import Say, Store

IMPLICIT_REFERENCE = 500  # clips that torch is run on unasked, about five minutes on two cores; more only when asked for


def resolve(settings: Settings, spec: ModelSpec, checkpoint: Weights, clips: Manifest,
            on_event: child.OnEvent) -> Predictions | None:
    """Torch's scores of these clips: stored, or rows of what is stored for more clips, or computed by a child process.

    None if there is neither and they are too many to be computed unasked.
    """
    store, wanted = Store(settings.store), key(spec, checkpoint, clips)
    if store.find(wanted) is None:
        among = of_superset(store, wanted, clips, lambda text: on_event({"kind": "say", "text": text}))
        if among is not None or len(clips.clips) > IMPLICIT_REFERENCE:
            return among
    entry = stages.find_or_run(store, wanted, "tools.reference", [spec.name, *settings.arguments()],
                              f"running the torch reference on {len(clips.clips)} clips", on_event)
    return load(entry.file(FILE))


def key(spec: ModelSpec, checkpoint: Weights, clips: Manifest) -> Key:
    shaped_by = (("weights", checkpoint.sha256), ("spec", spec_digest(spec)), ("clips", clips.digest),
                 *versions.public("torch", "mmaction2", "mmcv-lite", "mmengine", "opencv-python-headless", "decord"))
    return Key("reference", spec.name, shaped_by)


def command(settings: Settings, spec: Spec) -> str:
    """The line that makes the reference of a run, whole."""
    own = settings.weights if weights.origin(settings, spec) == "own" else weights.origin(settings, spec)
    meant = replace(settings, data=data.source(settings, spec), weights=own)
    return shlex.join(["python", "-m", "tools.reference", spec.name, *meant.chosen(
        "--data", "--data-root", "--weights", "--clips", "--artifacts", "--models")])


def build(spec: ModelSpec, checkpoint: Weights, clips: Manifest, floor_top1: float, folder: Path,
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
    write(clips, scores, folder)
    return {"top1": top1, "clips": len(scores), "torch_device": ", ".join(np.unique(made["device"]))}


def _require_finite(scores: Floats, clips: tuple[Clip, ...], path: Path) -> None:
    bad = first_not_finite(scores)
    if bad is not None:
        raise ReferenceRunError(f"torch's own scores of {clips[bad].id} are not finite numbers", where=str(path),
                                remedy="these weights cannot judge anything")


def floor(settings: Settings, spec: ModelSpec) -> float:
    """The top-1 that the whole mini set must reach; subsets and other data have none."""
    return spec.mini.floor_top1 if data.source(settings, spec) == "mini" and not settings.clips else 0.0


DIGESTS = "clips.json"  # the SHA-256 of every clip by its id


def write(clips: Manifest, scores: Floats, folder: Path) -> None:
    """Write the scores of all *clips*, in their order, into an entry's folder."""
    save(Predictions(tuple(clip.id for clip in clips.clips), scores), folder / FILE)
    (folder / DIGESTS).write_text(json.dumps({clip.id: clip.sha256 for clip in clips.clips}, indent=0))


def of_superset(store: Store, wanted: Key, clips: Manifest, say: Say) -> Predictions | None:
    """The rows of *clips* out of a stored reference that has them all by id and digest, among others."""
    for key in elsewhere.differing_in(store.root, wanted, "clips"):
        entry = store.find(key)
        if entry is None or DIGESTS not in entry.files:
            continue
        digests = json.loads(entry.file(DIGESTS).read_text())
        if all(digests.get(clip.id) == clip.sha256 for clip in clips.clips):
            say(f"torch's scores of these {len(clips.clips):,} clips are among those of {len(digests):,}: {key}")
            return _rows(load(entry.file(FILE)), clips)
    return None


def _rows(stored: Predictions, clips: Manifest) -> Predictions:
    number = {id: row for row, id in enumerate(stored.ids)}
    ids = tuple(clip.id for clip in clips.clips)
    return Predictions(ids, np.ascontiguousarray(stored.scores[[number[id] for id in ids]]))
