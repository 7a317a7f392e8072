# PYTHON_ARGCOMPLETE_OK
"""Gives the average recall of an ActivityNet result file, ours or anybody's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.datasets import videos
from tools.judging.accuracy import expected
from tools.judging.verdict import status
from tools.localisation.activitynet import read_ground_truth
from tools.localisation.detections import none_found, read_results
from tools.localisation.recall import average_recall
from tools.machine import events
from tools.spec.model import localiser
from tools.storage.stages import parse


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="RESULTS.json")
    parser.add_argument("--ground-truth", type=Path, metavar="FILE",
                        help="ActivityNet's own JSON; the videos of --data without it")


def main(arguments: Sequence[str]) -> int:
    """Average recall of the detections in a result file: python -m tools.evaluate bsn RESULTS.json."""
    options, context = parse("evaluate", main.__doc__, arguments, _arguments)
    spec = localiser(context.spec, remedy="give one that has detections: bsn")
    expect = context.settings.expect
    expect.require(spec.metrics, spec.name)
    expect.refuse_speeds("python -m tools.evaluate")
    truths = (read_ground_truth(options.ground_truth) if options.ground_truth
              else {video.name: video.truth for video in videos.listed(context.of(spec))})
    found = read_results(options.results, truths)
    recall = average_recall(list(truths.values()), [found.get(name, none_found()) for name in truths])
    print(f"{sum(map(len, found.values()))} detections in {len(found)} of {len(truths)} videos")
    for name, share in recall.named().items():
        print(f"{name:7}{share:.4f}")
    judged = expected(recall.named(), expect)
    for one in judged:
        print(f"{one.verdict.value} {one.metric}: {one.reason}")
    return status(one.verdict for one in judged)


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
