# PYTHON_ARGCOMPLETE_OK
"""Runs torch on every clip of a run, and carries what it gave to other machines."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tools.deployment.weights import checkpoints
from tools.machine import events
from tools.measuring import kinds
from tools.storage import carry
from tools.storage.stages import parse


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--torch-device", default="auto", metavar="auto|cpu|cuda:K",
                        help="where torch runs; auto: the first CUDA device it sees, else the CPU")


def main(arguments: Sequence[str]) -> int:
    """Compute the torch reference of a model on a run's clips; if it is killed, the same line goes on.

    `export MODEL FILE` and `import FILE` carry references to other machines.
    """
    if arguments and arguments[0] in carry.COMMANDS:
        return carry.carry_references(arguments)
    options, context = parse("reference", main.__doc__, arguments, _arguments)
    if context.settings.ray:
        from tools.cluster import references  # the room of those who ask for a cluster

        print(references.make(context, options.torch_device))
        return 0
    kind = kinds.of(context.spec)
    kind.require_torch_device(context, options.torch_device)  # refused before anything is fitted for it
    weights = checkpoints(context)
    print(kind.make_reference(context, weights, kind.dataset(context, weights), options.torch_device))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
