# PYTHON_ARGCOMPLETE_OK
"""Exports a torch model to ONNX, once for all batch sizes."""

from __future__ import annotations

from collections.abc import Sequence

from tools.deployment import export
from tools.deployment.weights import checkpoints
from tools.machine import events
from tools.measuring import lack, readiness
from tools.storage.stages import parse


def main(arguments: Sequence[str]) -> int:
    """Export a model to ONNX."""
    _, context = parse("export", main.__doc__, arguments, writable=False)
    lack.require_none(readiness.of_model(context, ()), ())
    for checkpoint in checkpoints(context):
        print(export.stage(checkpoint).make(context).file(export.GRAPH))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
