# PYTHON_ARGCOMPLETE_OK
"""Finds where a device begins to compute something else: step, stage or node."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools import engines
from tools.errors import OptionError, on_one_line
from tools.locating import told
from tools.locating.kept import Kept, path_in
from tools.locating.locate import Wanted, locate
from tools.machine import events
from tools.machine.reading import is_whole
from tools.measuring import lack, readiness
from tools.spec.case import BATCHES, Case, Device
from tools.spec.model import Spec
from tools.storage.stages import parse


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=int, required=True, choices=BATCHES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clip", action="append", default=[], metavar="ID",
                        help="a clip to look at, several times for several; the worst of the case's last red cell without it")
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run of that cell; the last one in which the case is red without it")
    parser.add_argument("--network", help="one of a model's several networks; up to the first that differs without it")
    parser.add_argument("--part", default="", metavar="NAME", help="search this part of the network only, named as the table names it")
    parser.add_argument("--device-output", type=Path, metavar="DIR",
                        help="tensors that a device has given, as .npy files named by tensor or node; no device is used")


def main(arguments: Sequence[str]) -> int:
    """Find the first step, stage or node that computes something else; 1 if there is one.

    For example: python -m tools.locate tsm --batch 4 --device npu:0.
    """
    options, context = parse("locate", main.__doc__, arguments, _arguments, writable=False, devices=engines.devices)
    settings, spec = context.settings, context.spec
    _require(options, spec)
    device = _of_dumps(options.device) if options.device_output else engines.parse(options.device, only_one=True)
    case = Case(options.model, options.batch, device, engines.mode(device, settings))
    asked = readiness.of_graphs if options.device_output else readiness.of_cases
    lack.require_none(asked(settings, {spec.name: context}, [case]), [case])
    wanted = Wanted(tuple(options.clip), options.run, options.network or "", options.part, options.device_output)
    folder, found = locate(context, case, wanted)
    for line in (*(line for one in found for line in _told(one, folder)), f"kept in {folder}"):
        print(line)
    return int(any(told.named_any(one.located) for one in found))


def _require(options: argparse.Namespace, spec: Spec) -> None:
    """Check that the words of this command name what is there, and belong together."""
    names = [network.name for network in spec.networks]
    if options.network not in (None, *names):
        raise OptionError(f"{spec.name} has no network {options.network!r}", where="--network", remedy=f"choose {', '.join(names)}")
    for flag, folder in (("--run", options.run), ("--device-output", options.device_output)):
        if folder is not None and not folder.is_dir():
            raise OptionError(f"no such folder: {folder}", where=flag, remedy="name one that is there")
    if options.part and options.device_output:
        raise OptionError("--part runs a part on a device, and --device-output has what one gave", where="--part", remedy="leave one out")
    if options.part and len(names) > 1 and not options.network:
        raise OptionError(f"{spec.name} has several networks", where="--part", remedy=f"name one with --network: {', '.join(names)}")


def _of_dumps(text: str) -> Device:
    """The device whose output a folder has: this machine need not have such."""
    name, colon, index = text.partition(":")
    if name not in engines.FAMILIES or bool(colon) == (":" not in engines.named(name).NAMED) or (colon and not is_whole(index)):
        raise OptionError(f"unknown device {text!r}", where="--device", remedy="name the one that gave the tensors, for example npu:0")
    return Device(name, int(index) if colon else None)


def _told(found: Kept, folder: Path) -> Iterator[str]:
    """The result first, then by what it is told, then how to look again."""
    located = found.located
    yield from map(on_one_line, found.sentences)
    if found.layers:
        yield from ("", *told.table(found.layers))
        more = len(found.layers) - told.MOST
        if more > 0:
            yield f"and {more} more part{'s' if more > 1 else ''}, in {path_in(folder, located)}"
    yield from ("", *told.beside(located), f"clips: {', '.join(located.chosen.ids)}", f"again: {located.repeat}")


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
