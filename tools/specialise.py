"""Makes the ONNX graph of one batch size."""

from __future__ import annotations

from functools import partial

from tools.deployment import export, weights
from tools.deployment.specialise import build, file_name, key
from tools.machine import events
from tools.storage.stages import parse
from tools.storage.store import Store


def main() -> int:
    """Specialise a model's ONNX graph to a batch size."""
    options, settings, spec = parse("specialise", main.__doc__, lambda parser: parser.add_argument("batch", type=int))
    batch, which = options.batch, settings.surgery
    for checkpoint in weights.resolve(settings, spec, events.forward):
        network, exported = checkpoint.network, export.resolve(settings, spec, checkpoint, events.forward)
        entry = Store(settings.store, events.say).build(
            key(network, exported, batch, which), partial(build, network, exported, batch, which))
        print(entry.file(file_name(network, batch, which)))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
