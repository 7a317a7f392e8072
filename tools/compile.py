# PYTHON_ARGCOMPLETE_OK
"""Compiles a model for one kind of Ascend chip and one batch size."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from tools import engines
from tools.deployment.compile import MODEL, Source, Target, soc_version, source_graph, stage
from tools.deployment.weights import checkpoints
from tools.engines.ascend import cann, ready
from tools.errors import CompileError, DeviceError, OptionError
from tools.machine import events
from tools.measuring import lack, readiness
from tools.spec.case import BATCHES, Device
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.stages import parse


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("batch", type=int, choices=BATCHES)
    parser.add_argument("--network", help="one of a model's several networks; all of them without it")
    parser.add_argument("--device", metavar="npu:K", help="whose chip to compile for, unless --soc-version says it; the first one without")


def _device(text: str | None) -> Device:
    """The device whose chip is compiled for.

    Raises:
        CompileError: none is named, and none is here; or the one that is named is no NPU.
    """
    found = engines.parse(text) if text else next(iter(engines.devices()))
    if engines.family(found).LOADS != "om":
        where = f"--device {text}" if text else "no --soc-version, and no Ascend device here"
        raise CompileError("nothing says which chip to compile for", where=where,
                           remedy="say it with --soc-version, for example Ascend310P3")
    return found


def _soc(settings: Settings, named: str | None) -> str:
    """The chip that is compiled for, as atc spells it; errors as for `_device` and `soc_version`."""
    return settings.soc_version or soc_version(_device(named))


def _note_another_chip(context: Context[Spec], named: str | None) -> None:
    """Say that what is compiled will not load here, where that can be told; compiling needs no device."""
    soc, found = context.settings.soc_version, engines.parse(named) if named else next(iter(engines.devices()))
    if not soc or engines.family(found).LOADS != "om":
        return
    try:
        ready.require_chip(engines.family(found).describe(found), found, soc)
    except OptionError as error:
        context.say(f"note: {error.what}; compiling goes on")
    except DeviceError as error:
        context.say(f"note: nobody knows which chip {found.label} is: {error.what}")


def main(arguments: Sequence[str]) -> int:
    """Compile a model for an Ascend chip: python -m tools.compile tsm 4 --soc-version Ascend310P3."""
    options, context = parse("compile", main.__doc__, arguments, _arguments, writable=False)
    settings = context.settings
    engines.mode(Device("npu", 0), settings)
    _note_another_chip(context, options.device)
    soc = partial(_soc, settings, options.device)
    lack.require_none(readiness.of_model(context, [options.batch], soc), ())
    target = Target(soc(), cann.find())
    for checkpoint in checkpoints(context):
        network = checkpoint.network
        if options.network in (None, network.name):
            graph = source_graph(context, checkpoint, options.batch)
            print(stage(settings, Source.of(graph, network, options.batch), target).make(context).file(MODEL))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
