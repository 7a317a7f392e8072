"""Runs torch on every clip of a run, and carries what it gave to other machines."""

from __future__ import annotations

import sys

from tools.datasets import clips as data
from tools.deployment import weights
from tools.errors import OptionError
from tools.machine import events
from tools.measuring import reference, reference_localiser
from tools.measuring.predictions import FILE
from tools.measuring.reference import build, floor, key
from tools.pytorch import run
from tools.spec.model import LocaliserSpec, ModelSpec
from tools.spec.settings import Settings
from tools.storage import carry
from tools.storage.shards import Shards
from tools.storage.stages import parse
from tools.storage.store import Store


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
        run.torch_device(options.torch_device)  # refused before anything is fitted for it
    _make(settings, spec, options.torch_device)
    return 0


def _make(settings: Settings, spec: ModelSpec, device: str) -> None:
    """Find or compute the reference, and say where it is."""
    (checkpoint,) = weights.resolve(settings, spec, events.forward)
    clips = data.resolve(settings, spec, checkpoint.network.output.shape[0], events.forward)
    store, wanted = Store(settings.store, events.say), key(spec, checkpoint, clips)
    if not events.has_parent() and store.find(wanted) is None and reference.of_superset(store, wanted, clips, print):
        return
    kept = store.unfinished(wanted)
    entry = store.build(wanted, lambda folder: build(spec, checkpoint, clips, floor(settings, spec), folder, device, kept))
    Shards(kept, len(clips.clips)).remove()
    print(f"top-1 {entry.facts['top1']:.4f} on {entry.facts['clips']} clips, torch on {entry.facts['torch_device']}: {entry.file(FILE)}")


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
