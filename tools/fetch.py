# PYTHON_ARGCOMPLETE_OK
"""Brings published checkpoints to where runs look for them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.deployment.fetch import fetch, with_copies
from tools.deployment.published import Published, published
from tools.errors import ClipgateError, WeightsError
from tools.machine import events
from tools.spec.catalog import load_spec, model_names
from tools.spec.command_line import parsed, with_places
from tools.spec.options import ARTIFACTS, CONFIG, MODELS, UsualPath


def _wanted(options: argparse.Namespace) -> list[Published]:
    """The checkpoints of the models that were named, or of all that have published ones."""
    found = []
    for name in dict.fromkeys(options.model or model_names(options.models)):
        try:
            found += published(options.models, options.artifacts.resolve(), load_spec(options.models, name))
        except WeightsError:
            if options.model:
                raise
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.fetch", description="Fetch what models were published with.")
    commands = parser.add_subparsers(dest="command", required=True)
    weights = commands.add_parser("weights", help="published checkpoints, into artifacts/weights")
    weights.add_argument("model", nargs="*", metavar="MODEL", help="whose; all models without any")
    weights.add_argument("--from", dest="given", type=Path, metavar="FILE|DIR", help="take a copy, verified all the same: "
                         "of a folder the files that have their published names")
    weights.add_argument("--artifacts", type=Path, default=UsualPath(ARTIFACTS), metavar="DIR")
    weights.add_argument("--models", type=Path, default=UsualPath(MODELS), metavar="DIR", help="folder of <model>.py and <model>.toml")
    CONFIG.add_to(weights.add_argument)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Fetch published checkpoints, all that can be had; 1 if one could not."""
    options = with_places(parsed(_parser(), arguments))
    missing = 0
    for checkpoint, copy in with_copies(_wanted(options), options.given):
        try:
            print(f"{checkpoint.network}: {checkpoint.place}: {fetch(checkpoint, copy)}", flush=True)
        except ClipgateError as error:
            missing += 1
            print(f"{checkpoint.network}: {error}", file=sys.stderr)
    return int(missing > 0)


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
