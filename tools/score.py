# PYTHON_ARGCOMPLETE_OK
"""Judges the results that another tool left, without running anything."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.datasets import choice
from tools.errors import OptionError
from tools.exchange.labels import read_info
from tools.exchange.score import Given, score
from tools.judging.rows import table
from tools.judging.verdict import status
from tools.machine import events
from tools.measuring import stored_reference
from tools.spec.catalog import load_truth
from tools.spec.model import ModelSpec, recogniser
from tools.storage.context import Context
from tools.storage.stages import Options, parse


def _given(options: Options, context: Context[ModelSpec]) -> Given:
    spec, settings = context.spec, context.settings
    settings.expect.require(spec.metrics, spec.name)
    settings.expect.refuse_speeds("python -m tools.score")
    classes = options.classes or spec.classes
    known = settings.data != "auto" or choice.full_is_there(context)
    listed = stored_reference.listed(context, classes) if known else None
    if known and listed is None:
        raise OptionError("the mini clips are not made yet, so that no results can be of them", where="--data mini",
                          remedy=f"python -m tools.data dump {spec.name} --data mini makes them and their .bin files")
    reference = stored_reference.find(context, listed) if listed else None
    if reference is not None and reference.predictions.scores.shape[1] != classes:
        raise OptionError(f"torch gave {reference.predictions.scores.shape[1]} scores a clip, not {classes}", where="--classes",
                          remedy="give the --weights that the results are of")
    return Given(context, load_truth(settings.models, spec.name), classes, tuple(read_info(path) for path in options.info),
                 listed, reference.predictions if reference else None)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="what ais_bench, msame or benchmark left")
    parser.add_argument("--info", type=Path, action="append", default=[], metavar="FILE",
                        help="the .info of the preprocessing script: 'index label' lines, or benchmark's 'index path width height'; "
                             "may be given twice, for one of each")
    parser.add_argument("--classes", type=int, metavar="N", help="scores in a row, where the checkpoint's head is not the model's own")


def main(arguments: Sequence[str]) -> int:
    """Judge result folders; 1 if a verdict is red.

    For example: python -m tools.score tsm out_bs16 --info ucf101.info --weights published.
    """
    options, context = parse("score", main.__doc__, arguments, _arguments)
    spec = recogniser(context.spec, "is judged by its detections", remedy=f"python -m tools.evaluate {options.model} RESULTS.json")
    given = _given(options, context.of(spec))
    found = [score(given, folder) for folder in options.folders]
    rows = [row for one, _, _ in found for row in one]
    notes = [f"note: {note}" for _, told, _ in found for note in told]
    print("\n".join([*table(rows), "", *notes, *(f"{row.verdict} {row.metric}: {row.reason}" for row in rows)]))
    return status(verdict for _, _, verdict in found)


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
