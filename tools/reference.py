"""The torch reference: mmaction2's own pipeline and network on every clip, kept as an artifact.

It shares no code with the path that is measured, so a fault in decoding, sampling, preprocessing or export shows as a
difference instead of cancelling out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools import child, data, events, peer, reference_localiser, versions, weights
from tools.commandline import parse
from tools.entries import Facts, Key
from tools.errors import ReferenceRunError
from tools.manifest import Manifest
from tools.metrics import first_not_finite, hits
from tools.predictions import FILE, Predictions, load, save
from tools.settings import Settings
from tools.spec import LocaliserSpec, ModelSpec, spec_digest
from tools.store import Store
from tools.weights import Weights


def resolve(settings: Settings, spec: ModelSpec, checkpoint: Weights, clips: Manifest,
            on_event: child.OnEvent) -> Predictions | None:
    """Torch's scores of these clips, computed by a child process if not stored; None if they are too many for that."""
    store, wanted = Store(settings.store), key(spec, checkpoint, clips)
    if len(clips.clips) > data.IMPLICIT_REFERENCE and store.find(wanted) is None:
        return None
    entry = child.find_or_run(store, wanted, "tools.reference", [spec.name, *settings.arguments()],
                              f"running the torch reference on {len(clips.clips)} clips", on_event)
    return load(entry.file(FILE))


def key(spec: ModelSpec, checkpoint: Weights, clips: Manifest) -> Key:
    shaped_by = (("weights", checkpoint.sha256), ("spec", spec_digest(spec)), ("clips", clips.digest),
                 *versions.of("torch", "mmaction2", "mmcv-lite", "mmengine", "opencv-python-headless", "decord"))
    return Key("reference", spec.name, shaped_by)


def build(spec: ModelSpec, checkpoint: Weights, clips: Manifest, floor_top1: float, folder: Path) -> Facts:
    """Score every clip and save the predictions.

    Raises:
        ReferenceRunError: top-1 below *floor_top1*: a reference that is mostly wrong would not show a broken export.
    """
    import torch

    network = checkpoint.network
    deployed = peer.deployed(network, peer.load_network(network, checkpoint.path))
    load_clip = peer.clip_loader(spec, clips.format)
    rows = []
    with torch.inference_mode():
        for done, clip in enumerate(clips.clips, 1):
            rows.append(deployed(torch.from_numpy(load_clip(clip))[None]).mean(0, keepdim=True).numpy())
            events.progress("torch reference", done, len(clips.clips))
    scores = np.concatenate(rows)
    bad = first_not_finite(scores)
    if bad is not None:
        raise ReferenceRunError(f"torch's own scores of {clips.clips[bad].id} are not finite numbers", where=str(checkpoint.path),
                                remedy="these weights cannot judge anything")
    top1 = float(hits(scores, np.array([clip.label for clip in clips.clips]), 1).mean())
    if top1 < floor_top1:
        raise ReferenceRunError(f"torch reaches top-1 {top1:.4f} on the mini clips, below {floor_top1}",
                                where=f"MiniSpec of {spec.name}",
                                remedy="make the clips easier: less noise, more travel, or another residual_scale")
    save(Predictions(tuple(clip.id for clip in clips.clips), scores), folder / FILE)
    return {"top1": top1, "clips": len(rows)}


def floor(settings: Settings, spec: ModelSpec) -> float:
    """The top-1 that the whole mini set must reach; subsets and other data have none."""
    return spec.mini.floor_top1 if data.source(settings, spec) == "mini" and not settings.clips else 0.0


def main() -> int:
    """Compute the torch reference of a model on a run's clips."""
    _, settings, spec = parse("reference", main.__doc__)
    if isinstance(spec, LocaliserSpec):
        entry = reference_localiser.make(settings, spec)
        print(f"AR@100 {entry.facts['AR@100']:.4f} on {entry.facts['videos']} videos: {entry.folder}")
        return 0
    (checkpoint,) = weights.resolve(settings, spec, events.forward)
    clips = data.resolve(settings, spec, checkpoint.network.output.shape[0], events.forward)
    entry = Store(settings.store, events.say).build(
        key(spec, checkpoint, clips), lambda folder: build(spec, checkpoint, clips, floor(settings, spec), folder))
    print(f"top-1 {entry.facts['top1']:.4f} on {entry.facts['clips']} clips: {entry.file(FILE)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
