"""Exports a torch model to ONNX, once for all batch sizes."""

from __future__ import annotations

from functools import partial

from tools.deployment import weights
from tools.deployment.export import GRAPH, build, key
from tools.machine import events
from tools.storage.stages import parse
from tools.storage.store import Store


def main() -> int:
    """Export a model to ONNX."""
    _, settings, spec = parse("export", main.__doc__)
    for checkpoint in weights.resolve(settings, spec, events.forward):
        entry = Store(settings.store, events.say).build(key(checkpoint), partial(build, checkpoint))
        print(entry.file(GRAPH))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
