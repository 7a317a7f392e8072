"""The torch reference: mmaction2's own pipeline and network on every clip, kept as an artifact.

It shares no code with the path that is measured, so a fault in decoding, sampling, preprocessing or export shows as a
difference instead of cancelling out. Which device torch ran on is recorded and shapes no key: in float32 the CPU and
CUDA differ by rounding, like two batch sizes do, and what one machine has made all others are to find.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tools import carry, child, data, events, peer, reference_localiser, reference_rows, torch_run, versions, weights
from tools.clips import Clip
from tools.commandline import parse
from tools.entries import Facts, Key
from tools.errors import OptionError, ReferenceRunError
from tools.manifest import Manifest
from tools.metrics import first_not_finite, hits
from tools.predictions import FILE, Predictions, load
from tools.preprocess import Floats
from tools.settings import Settings
from tools.shards import Made, Shards
from tools.spec import LocaliserSpec, ModelSpec, Spec, spec_digest
from tools.store import Store
from tools.weights import Weights


def resolve(settings: Settings, spec: ModelSpec, checkpoint: Weights, clips: Manifest,
            on_event: child.OnEvent) -> Predictions | None:
    """Torch's scores of these clips: stored, or rows of what is stored for more clips, or computed by a child process.

    None if there is neither and they are too many to be computed unasked.
    """
    store, wanted = Store(settings.store), key(spec, checkpoint, clips)
    if store.find(wanted) is None:
        among = reference_rows.of_superset(store, wanted, clips, lambda text: on_event({"kind": "say", "text": text}))
        if among is not None or len(clips.clips) > data.IMPLICIT_REFERENCE:
            return among
    entry = child.find_or_run(store, wanted, "tools.reference", [spec.name, *settings.arguments()],
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
    runner = torch_run.torch_device(device)
    network = checkpoint.network
    deployed = torch_run.on_device(peer.deployed(network, peer.load_network(network, checkpoint.path)), runner)

    def produce(first: int) -> Iterator[Made]:
        done = first
        rest = clips.clips[first:]
        for scores in torch_run.scored(deployed, lambda: peer.clip_loader(spec, clips.format), rest, runner):
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
    reference_rows.write(clips, scores, folder)
    return {"top1": top1, "clips": len(scores), "torch_device": ", ".join(np.unique(made["device"]))}


def _require_finite(scores: Floats, clips: tuple[Clip, ...], path: Path) -> None:
    bad = first_not_finite(scores)
    if bad is not None:
        raise ReferenceRunError(f"torch's own scores of {clips[bad].id} are not finite numbers", where=str(path),
                                remedy="these weights cannot judge anything")


def floor(settings: Settings, spec: ModelSpec) -> float:
    """The top-1 that the whole mini set must reach; subsets and other data have none."""
    return spec.mini.floor_top1 if data.source(settings, spec) == "mini" and not settings.clips else 0.0


def main() -> int:
    """Compute the torch reference of a model on a run's clips; killed at any moment, the same line goes on where it was.

    `export MODEL FILE` and `import FILE` carry references to machines that have not computed them.
    """
    if sys.argv[1:2] in (["export"], ["import"]):
        return carry.main("tools.reference", "reference")
    options, settings, spec = parse("reference", main.__doc__, lambda parser: parser.add_argument(
        "--torch-device", default="auto", metavar="auto|cpu|cuda:K",
        help="where torch runs; auto: the first CUDA device it sees, else the CPU"))
    if isinstance(spec, LocaliserSpec):
        if options.torch_device not in ("auto", "cpu"):
            raise OptionError(f"{spec.name}'s reference runs on the CPU", where="--torch-device",
                              remedy="leave it out: its networks are small, and mmaction2's steps between them know no other device")
        entry = reference_localiser.make(settings, spec)
        print(f"AR@100 {entry.facts['AR@100']:.4f} on {entry.facts['videos']} videos: {entry.folder}")
        return 0
    if options.torch_device != "auto":
        torch_run.torch_device(options.torch_device)  # refused before anything is fitted for it
    _make(settings, spec, options.torch_device)
    return 0


def _make(settings: Settings, spec: ModelSpec, device: str) -> None:
    """Find or compute the reference, and say where it is."""
    (checkpoint,) = weights.resolve(settings, spec, events.forward)
    clips = data.resolve(settings, spec, checkpoint.network.output.shape[0], events.forward)
    store, wanted = Store(settings.store, events.say), key(spec, checkpoint, clips)
    if not events.has_parent() and store.find(wanted) is None and reference_rows.of_superset(store, wanted, clips, print):
        return
    kept = store.unfinished(wanted)
    entry = store.build(wanted, lambda folder: build(spec, checkpoint, clips, floor(settings, spec), folder, device, kept))
    Shards(kept, len(clips.clips)).remove()
    print(f"top-1 {entry.facts['top1']:.4f} on {entry.facts['clips']} clips, torch on {entry.facts['torch_device']}: {entry.file(FILE)}")


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
