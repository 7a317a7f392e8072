# PYTHON_ARGCOMPLETE_OK
"""Tells what is in a graph's file, ONNX or .om, and which of our models it fits."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.deployment import inspection
from tools.machine import events
from tools.spec.case import BATCHES
from tools.spec.catalog import load_spec, model_names
from tools.spec.command_line import parsed, with_places
from tools.spec.options import CONFIG, MODELS, UsualPath


def main(arguments: Sequence[str]) -> int:
    """Tell what a graph's file holds, and which of our models it fits at which batch sizes."""
    parser = argparse.ArgumentParser(prog="python -m tools.inspect", description=main.__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="an .onnx or .om file")
    parser.add_argument("--models", type=Path, default=UsualPath(MODELS), metavar="DIR", help="folder of <model>.py and <model>.toml")
    parser.add_argument("--batch", type=int, choices=BATCHES, help="compare with this batch size alone")
    CONFIG.add_to(parser.add_argument)
    options = with_places(parsed(parser, arguments))
    specs = [load_spec(options.models, name) for name in model_names(options.models)]
    batches = (options.batch,) if options.batch else BATCHES
    more = ["--models", str(options.models)] if options.models != MODELS else []
    print("\n".join(inspection.lines(options.file, specs, batches, more)))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
