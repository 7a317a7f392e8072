"""Judges what another tool left: result folders of ais_bench, msame and benchmark against the stored truth, without running anything."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tools import data, events, metrics, stored_reference, tool_outputs, tool_speeds, verdict
from tools.catalog import load_truth
from tools.clips import ClipList
from tools.commandline import Options, parse
from tools.errors import OptionError, ScoreError
from tools.kinds import expected
from tools.pairing import Scored, pair
from tools.predictions import Predictions
from tools.report import Row, table, word
from tools.settings import Settings
from tools.spec import LocaliserSpec, ModelSpec
from tools.tool_labels import Info, read_info
from tools.tool_outputs import OutputFolder
from tools.truth import Truth
from tools.verdict import TOP, Judgement, Verdict

RED = (Verdict.FAIL, Verdict.NO_VERDICT)


@dataclass(frozen=True, slots=True)
class Given:
    """What the results are said to belong to. *listed* is None where only an .info or the files' names tell the labels."""

    settings: Settings
    spec: ModelSpec
    truth: Truth
    classes: int
    infos: tuple[Info, ...]
    listed: ClipList | None
    reference: Predictions | None

    @property
    def data(self) -> str:
        if self.listed is not None:
            return data.word(self.settings, self.spec)
        return ", ".join(info.path.name for info in self.infos if info.labels) or "file names"

    @property
    def weights(self) -> str:
        said = self.settings.weights
        if said in ("mini", "published"):
            return said
        if said != "auto":
            return "own"
        return "mini" if self.listed is not None and data.source(self.settings, self.spec) == "mini" else "unsaid"

    def is_official(self, count: int) -> bool:
        """Whether these are said to be the published weights, on what can only be the whole data set."""
        whole = self.listed is None or (data.source(self.settings, self.spec) == "full" and not self.settings.clips)
        return self.settings.weights == "published" and count == self.spec.clips and whole


def judge(given: Given, scored: Scored, format: str) -> list[Judgement]:
    """Top-1 and top-5 against the stored figures, and in pairs with torch, as far as there is either; ties are told with each."""
    wrong = verdict.not_finite(scored.scores, scored.ids)
    if wrong:
        return [wrong]
    judged: list[Judgement] = []
    if given.is_official(len(scored.labels)):
        judged = verdict.stored_accuracy(scored.scores, scored.labels, given.truth, given.truth.accuracy)
    if given.reference is not None:
        assert given.truth.pairs is not None, "a recogniser's toml has [gates.pairs]"
        judged += verdict.paired_accuracy(scored.scores, given.reference.scores, scored.labels, given.truth.pairs)
    missing = [metric for metric in TOP if metric not in {one.metric for one in judged}]
    judged += [_recorded(metric, given, scored) for metric in missing]
    told = [replace(one, reason="; ".join([one.reason, *_ties(one.metric, scored, format)])) for one in judged]
    return [*told, *verdict.expected_accuracy(scored.scores, scored.labels, expected(given.settings, given.spec))]


def _recorded(metric: str, given: Given, scored: Scored) -> Judgement:
    found = metrics.hits(scored.scores, scored.labels, TOP[metric])
    why = (f"{given.truth.path.name} names no reference for it" if given.is_official(len(found)) else
           f"the stored figures judge --weights published on all {given.spec.clips} clips (here {given.weights}, {len(found)})")
    return Judgement(metric, f"{found.mean():.4f}", "-", Verdict.RECORDED,
                     f"{found.sum()} of {len(found)}; {why}, and no torch reference of these clips and weights is in the store "
                     f"(--data and --weights name both; python -m tools.reference {given.spec.name} makes it)")


def _ties(metric: str, scored: Scored, format: str) -> list[str]:
    """How many clips a tie across rank k leaves undecided: each counts as wrong."""
    count = int(metrics.ties(scored.scores, scored.labels, TOP[metric]).sum())
    if not count:
        return []
    best = (int(metrics.hits(scored.scores, scored.labels, TOP[metric]).sum()) + count) / len(scored.labels)
    again = "; write BIN or NPY instead" if format == "txt" else ""
    return [f"{count} clips tie with others across rank {TOP[metric]} and count as wrong, {best:.4f} if all were right{again}"]


def zeros(scored: Scored, format: str) -> list[str]:
    """What must be said of scores that were printed with too few digits."""
    count = int((scored.scores == 0).sum())
    if format != "txt" or not count:
        return []
    return [f"{count} of {scored.scores.size} scores are exactly 0, as TXT prints what is small: they tie with each other"]


def score(given: Given, folder: Path) -> tuple[list[Row], list[str], Verdict]:
    """The rows of one result folder, what else must be known of it, and its verdict."""
    results = tool_outputs.find(folder)
    clips = None if given.listed is None else given.listed.clips
    scored = pair(results, given.classes, given.spec.network.rows, given.infos, clips)
    judged = judge(given, scored, results.format)
    rate, notes = _speed(given, results)
    rows = [Row(f"{given.spec.name} {folder}", "accuracy", given.data, given.weights, one.metric, one.measured, one.reference,
                word(one.verdict, given.weights), one.reason) for one in [*judged, *rate]]
    told = f"{len(results.files)} {results.format} files of {results.tool} in {results.path}, {len(scored.labels)} clips"
    return rows, [told, *scored.notes, *zeros(scored, results.format), *notes], verdict.worst(judged)


def _speed(given: Given, results: OutputFolder) -> tuple[list[Judgement], list[str]]:
    """The rate in ais_bench's summary, which judges nothing here: it does not say on what kind of device it was taken."""
    path = tool_speeds.summary_of(results.path) if results.tool == "ais_bench" else None
    if path is None:
        return [], []
    try:
        found = tool_speeds.read(path)
    except ScoreError as error:
        return [], [f"its summary tells no rate: {error.what}"]
    return [Judgement("clips/s", f"{found.samples_per_s:.3f}/s", "-", Verdict.RECORDED,
                      f"batch {found.batch}, {found.latency}; python -m tools.record {given.spec.name} throughput {path} --device NAME "
                      "stores it")], []


def _given(options: Options, settings: Settings, spec: ModelSpec) -> Given:
    expected(settings, spec)
    classes = options.classes or spec.classes
    known = settings.data != "auto" or data.source(settings, spec) == "full"
    listed = stored_reference.listed(settings, spec, classes) if known else None
    if known and listed is None:
        raise OptionError("the mini clips are not made yet, so that no results can be of them", where="--data mini",
                          remedy=f"python -m tools.data dump {spec.name} --data mini makes them and their .bin files")
    reference = stored_reference.find(settings, spec, listed) if listed else None
    if reference is not None and reference.predictions.scores.shape[1] != classes:
        raise OptionError(f"torch gave {reference.predictions.scores.shape[1]} scores a clip, not {classes}", where="--classes",
                          remedy="give the --weights that the results are of")
    return Given(settings, spec, load_truth(settings.models, spec.name), classes, tuple(read_info(path) for path in options.info),
                 listed, reference.predictions if reference else None)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="what ais_bench, msame or benchmark left")
    parser.add_argument("--info", type=Path, action="append", default=[], metavar="FILE",
                        help="the .info of the preprocessing script: 'index label' lines, or benchmark's 'index path width height'; "
                             "may be given twice, for one of each")
    parser.add_argument("--classes", type=int, metavar="N", help="scores in a row, where the checkpoint's head is not the model's own")


def main() -> int:
    """Judge result folders: python -m tools.score tsm out_bs16 --info ucf101.info --weights published; 1 if a verdict is red."""
    options, settings, spec = parse("score", main.__doc__, _arguments)
    if isinstance(spec, LocaliserSpec):
        raise OptionError(f"{spec.name} is judged by its detections", remedy=f"python -m tools.evaluate {spec.name} RESULTS.json")
    given = _given(options, settings, spec)
    found = [score(given, folder) for folder in options.folders]
    rows = [row for one, _, _ in found for row in one]
    print("\n".join([*table(rows), "", *_told(found), *(f"{row.verdict} {row.metric}: {row.reason}" for row in rows)]))
    return int(any(verdict in RED for _, _, verdict in found))


def _told(found: Sequence[tuple[list[Row], list[str], Verdict]]) -> list[str]:
    return [f"note: {note}" for _, notes, _ in found for note in notes]


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
