# PYTHON_ARGCOMPLETE_OK
"""Begins a model of your own: writes its two files, ready to fill in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools import engines
from tools.machine import events
from tools.spec import template
from tools.spec.command_line import parsed, with_places
from tools.spec.options import CONFIG, MODELS, UsualPath


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.new_model", description=main.__doc__)
    parser.add_argument("name", metavar="NAME", help="of the model, its files and its marker")
    parser.add_argument("--like", default="tsm", metavar="MODEL", help="the model whose pipeline it begins with (tsm)")
    parser.add_argument("--models", type=Path, default=UsualPath(MODELS), metavar="DIR", help="folder of <model>.py and <model>.toml")
    CONFIG.add_to(parser.add_argument)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Write NAME.py and NAME.toml, with the values of a model that is there and a line on each.

    For example: python -m tools.new_model tsn --like tsm. Nothing is overwritten.
    """
    options = with_places(parsed(_parser(), arguments))
    folder = options.models.resolve()
    for path in template.write(options.name, options.like, folder, MODELS, engines.FAMILIES):
        print(f"written: {path}")
    where = "" if folder == MODELS else f" --models {options.models}"
    print(f"fill them in; pytest{where} --collect-only -q -m {options.name} shows whether they can be read")
    return 0


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
