"""Judges result folders of ais_bench, msame and benchmark by the stored truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tools.datasets import choice
from tools.datasets.lists import ClipList
from tools.errors import ScoreError
from tools.exchange import outputs, speeds
from tools.exchange.labels import Info
from tools.exchange.outputs import OutputFolder
from tools.exchange.pairing import Scored, pair
from tools.judging import verdict
from tools.judging.accuracy import TOP, Against, accuracy
from tools.judging.beside import beside
from tools.judging.numbers import Numbers
from tools.judging.plausible import known_of
from tools.judging.rows import Row, word
from tools.judging.speed import shown
from tools.judging.verdict import Judgement, Verdict, recorded
from tools.measuring import metrics
from tools.measuring.predictions import Predictions
from tools.spec.given import GRAPH, is_file_alone
from tools.spec.model import ModelSpec
from tools.spec.truth import Truth
from tools.storage.context import Context


@dataclass(frozen=True, slots=True)
class Given:
    """What the results belong to; *listed*: None where only an .info or the files' names tell the labels."""

    context: Context[ModelSpec]
    truth: Truth
    classes: int
    infos: tuple[Info, ...]
    listed: ClipList | None
    reference: Predictions | None

    @property
    def spec(self) -> ModelSpec:
        return self.context.spec

    @property
    def data(self) -> str:
        if self.listed is not None:
            return choice.word(self.context)
        return ", ".join(info.path.name for info in self.infos if info.labels) or "file names"

    @property
    def weights(self) -> str:
        said = self.context.settings.weights
        if is_file_alone(self.spec):
            return GRAPH
        if said in ("mini", "published"):
            return said
        if said != "auto":
            return "own"
        return "mini" if self.listed is not None and choice.chosen(self.context) == "mini" else "unsaid"

    def against(self, count: int) -> Against:
        """What judges *count* clips: stored figures only the published weights on the whole data set."""
        whole = self.listed is None or (choice.chosen(self.context) == "full" and not self.context.settings.clips)
        official = self.context.settings.weights == "published" and count == self.spec.clips and whole
        why = (f"{self.truth.path.name} names no reference for it" if official else
               f"the stored figures judge --weights published on all {self.spec.clips} clips (here {self.weights}, {count})")
        unjudged = (f"{why}, and no reference of these clips and weights is in the store "
                    f"(--data and --weights name both; python -m tools.reference {self.spec.name} makes it)")
        return Against(self.truth, official, self.reference.scores if self.reference else None, unjudged, self.context.settings.expect,
                       known=known_of(self.spec, self.truth, self.weights), few=choice.is_some(self.data), beside=beside(self.spec))


def judge(given: Given, scored: Scored, format: str) -> list[Judgement]:
    """Top-1 and top-5 judged like our own cell's, each with its ties: few printed digits make many."""
    wrong = verdict.not_finite(scored.scores, scored.ids)
    if wrong:
        return [wrong]
    judged = accuracy(scored.scores, scored.labels, replace(given.against(len(scored.labels)), ids=scored.ids))
    return [replace(one, meaning="; ".join([one.meaning, *_ties(TOP[one.metric], scored, format)])) if one.metric in TOP else one
            for one in judged]


def _ties(k: int, scored: Scored, format: str) -> list[str]:
    """How many clips a tie across rank *k* leaves undecided: each counts as wrong."""
    count = int(metrics.ties(scored.scores, scored.labels, k).sum())
    if not count:
        return []
    best = (int(metrics.hits(scored.scores, scored.labels, k).sum()) + count) / len(scored.labels)
    again = "; write BIN or NPY instead" if format == "txt" else ""
    return [f"{count} clips tie with others across rank {k} and count as wrong, {best:.4f} if all were right{again}"]


def zeros(scored: Scored, format: str) -> list[str]:
    """A note on scores that were printed with too few digits."""
    count = int((scored.scores == 0).sum())
    if format != "txt" or not count:
        return []
    return [f"{count} of {scored.scores.size} scores are exactly 0, as TXT prints what is small: they tie with each other"]


def score(given: Given, folder: Path) -> tuple[list[Row], list[str], Verdict]:
    """The rows of one result folder, what else must be known of it, and its verdict."""
    results = outputs.find(folder)
    scored = pair(results, given.classes, given.spec.network.rows, given.infos, given.listed.clips if given.listed else None)
    judged = judge(given, scored, results.format)
    rate, notes = _speed(given, results, len(scored.labels) / len(results.files))
    rows = [Row(f"{given.spec.name} {folder}", "accuracy", given.data, given.weights, one.metric, one.measured, one.reference,
                word(one.verdict, given.weights), one.reason) for one in [*judged, *rate]]
    told = f"{len(results.files)} {results.format} files of {results.tool} in {results.path}, {len(scored.labels)} clips"
    return rows, [told, *scored.notes, *zeros(scored, results.format), *notes], verdict.worst(judged)


def _speed(given: Given, results: OutputFolder, clips: float) -> tuple[list[Judgement], list[str]]:
    """The rate in ais_bench's summary, if a file's *clips* fit into its batch.

    Nothing judges it, since the summary does not name the device.
    """
    path = speeds.summary_of(results.path) if results.tool == "ais_bench" else None
    if path is None:
        return [], []
    try:
        found = speeds.read(path)
    except ScoreError as error:
        return [], [f"its summary tells no rate: {error.what}"]
    if clips > (found.batch or 0) or found.samples_per_s is None:
        return [], [f"its summary tells no rate: {found.place} says batch {found.batch}, and a file has the scores of {clips:g} clips"]
    stores = f"python -m tools.record {given.spec.name} throughput {path} --device NAME stores it"
    numbers = Numbers("clips_per_s", found.samples_per_s, statistic="mean")
    return [recorded("clips/s", f"batch {found.batch}, {found.latency}; {stores}", shown(found.samples_per_s, "mean"), numbers)], []
