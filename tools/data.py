# PYTHON_ARGCOMPLETE_OK
"""Checks a data set or a list of your own, extracts frames, writes a model's inputs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from tools.datasets import choice, clips, survey
from tools.datasets.check import add_check_arguments, check
from tools.datasets.ledger import path_of
from tools.datasets.rawframes import add_rawframes_arguments, rawframes
from tools.errors import OptionError
from tools.exchange.dump import add_dump_arguments, dump
from tools.machine import events
from tools.spec.command_line import parsed
from tools.spec.model import recogniser
from tools.spec.options import USES
from tools.storage.stages import Options, add_run_arguments, context_of

Command = tuple[Callable[[argparse.ArgumentParser], object], Callable[[Options], int]]


def _add_clips_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser, USES["data clips"])
    parser.add_argument("classes", type=int, nargs="?", help="classes the labels may name; the model's own without it")


def check_clips(options: Options) -> int:
    """Check every clip of a list of your own: python -m tools.data clips tsm --data LIST."""
    context = context_of(options)
    spec = recogniser(context.spec, "reads features, not clips", remedy=f"they are checked as they are read: pytest -m {options.model}")
    if choice.chosen(context) == "full":
        raise OptionError("a full data set is checked as a whole", remedy=f"python -m tools.data check {spec.dataset}")
    rows = clips.listing(context.of(spec), options.classes or spec.classes)
    found = survey.usable(rows, context).clips
    print(f"{len(found)} clips, {sum(clip.frames for clip in found)} frames: {path_of(context.settings.artifacts, rows)}")
    return 0


COMMANDS: dict[str, Command] = {
    "check": (add_check_arguments, check),
    "rawframes": (add_rawframes_arguments, rawframes),
    "clips": (_add_clips_arguments, check_clips),
    "dump": (add_dump_arguments, dump),
}


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names."""
    parser = argparse.ArgumentParser(prog="python -m tools.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar=f"{{{','.join(COMMANDS)}}}")
    for name, (add, run) in COMMANDS.items():
        add(commands.add_parser(name, help=(run.__doc__ or "").partition(":")[0], description=run.__doc__))
    options = parsed(parser, arguments)
    return COMMANDS[options.command][1](options)


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
