# PYTHON_ARGCOMPLETE_OK
"""Makes the ONNX graph of one batch size."""

from __future__ import annotations

from collections.abc import Sequence

from tools.deployment import export, specialise
from tools.deployment.weights import checkpoints
from tools.machine import events
from tools.storage.stages import parse


def main(arguments: Sequence[str]) -> int:
    """Specialise a model's ONNX graph to a batch size."""
    options, context = parse("specialise", main.__doc__, arguments, lambda parser: parser.add_argument("batch", type=int))
    batch, which = options.batch, context.settings.surgery
    for checkpoint in checkpoints(context):
        exported = export.stage(checkpoint).find_or_run(context)
        entry = specialise.stage(checkpoint.network, exported, batch, which).make(context)
        print(entry.file(specialise.file_name(checkpoint.network, batch, which)))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
