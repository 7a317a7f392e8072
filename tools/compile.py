"""Compiles a model for one kind of Ascend chip and one batch size."""

from __future__ import annotations

import argparse
from functools import partial

from tools.deployment import specialise, weights
from tools.deployment.compile import MODEL, Target, _request, build, key, soc_version
from tools.engines import devices
from tools.engines.ascend import cann
from tools.errors import CompileError
from tools.machine import events
from tools.spec.case import BATCHES, Device
from tools.storage.stages import parse
from tools.storage.store import Store


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("batch", type=int, choices=BATCHES)
    parser.add_argument("--network", help="one of a model's several networks; all of them without it")
    parser.add_argument("--device", metavar="npu:K", help="whose chip to compile for, unless --soc-version says it; the first one without")


def _device(text: str | None) -> Device:
    """The device whose chip is compiled for.

    Raises:
        CompileError: none is named, and none is here; or the one that is named is no NPU.
    """
    found = devices.parse(text) if text else next(iter(devices.npus()), None)
    if found is None or found.family != "npu":
        where = f"--device {text}" if text else "no --soc-version, and no Ascend device here"
        raise CompileError("nothing says which chip to compile for", where=where,
                           remedy="say it with --soc-version, for example Ascend310P3")
    return found


def main() -> int:
    """Compile a model for an Ascend chip: python -m tools.compile tsm 4 --soc-version Ascend310P3."""
    options, settings, spec = parse("compile", main.__doc__, _arguments)
    target = Target(settings.soc_version or soc_version(_device(options.device)), cann.find())
    for checkpoint in weights.resolve(settings, spec, events.forward):
        network = checkpoint.network
        if options.network in (None, network.name):
            graph = specialise.resolve(settings, spec, checkpoint, options.batch, events.forward)
            made = key(network, options.batch, graph, _request(network, options.batch, target, settings), target)
            entry = Store(settings.store, events.say).build(made, partial(build, settings, network, graph, options.batch, target))
            print(entry.file(MODEL))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
