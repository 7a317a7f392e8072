"""What other code made is measured on a host without torch: every row says so, and none is an acceptance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import record
from tools.datasets.clips import ClipSet
from tools.judging.judge import throughput
from tools.judging.recogniser import RecogniserJudge
from tools.judging.rows import Row
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import RECORD, Cell, Part, Times, read, write
from tools.measuring.predictions import FILE, Predictions, save
from tools.media.decode import Clip
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec, load_truth
from tools.spec.model import ModelSpec

CASE = Case("tiny", 4, Device("cpu"))
GRAPH, REFERENCE = "onnx/tiny made by other code (5d5d5d)", "reference/tiny made by other code (6e6e6e)"
COUNT = 20


@dataclass(frozen=True)
class Judged:
    """The rows of all questions of a cell whose scores are torch's own."""

    graph: tuple[str, ...]
    reference: tuple[str, ...]

    def rows(self) -> list[tuple[Row, Judgement]]:
        spec, truth = load_spec(TINY_MODELS, "tiny"), load_truth(TINY_MODELS, "tiny")
        assert isinstance(spec, ModelSpec)
        clips = ClipSet("rawframes", tuple(Clip(f"v_{number}", Path(f"v_{number}"), number, 9) for number in range(COUNT)))
        scores = Predictions(clips.ids, np.eye(COUNT, dtype=np.float32) * 0.5 + np.float32(0.025))
        part = Part(Path(), replace(record(CASE, "tiny", COUNT), others=self.graph), scores, Times((0.01,) * 400, 4))
        cell = Cell(CASE, Path(), (part,))
        judge = RecogniserJudge(spec, truth, clips, scores, others=(*self.graph, *self.reference))
        return [(Row.of(cell, "", one), one) for one in [*judge.accuracy(cell), *judge.fidelity(cell), *throughput(cell, truth)]]


def test_without_it_the_rows_are_judged() -> None:
    """The same scores, all of our own code: accepted or recorded."""
    assert {Verdict.PASS, Verdict.RECORDED} == {one.verdict for _, one in Judged((), ()).rows()}
    assert not any("other code" in row.reason for row, _ in Judged((), ()).rows())


def test_a_graph_of_other_code_marks_every_row() -> None:
    """Throughput's too; once each."""
    for row, judged in Judged((GRAPH,), ()).rows():
        assert (Verdict.NO_VERDICT, 1) == (judged.verdict, row.reason.count(GRAPH)), row


def test_a_reference_of_other_code_marks_what_is_judged_by_it() -> None:
    """Accuracy and fidelity, but not the speed, for which torch need not run."""
    rows = Judged((), (REFERENCE,)).rows()
    assert {("clips/s", 0)} == {(row.metric, row.reason.count(REFERENCE)) for row, judged in rows if judged.verdict is Verdict.RECORDED}
    assert {(Verdict.NO_VERDICT, 1)} == {(judged.verdict, row.reason.count(REFERENCE)) for row, judged in rows if row.metric != "clips/s"}


def test_a_failure_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad number of other code's graph is no better for it."""
    monkeypatch.setattr(RecogniserJudge, "usable_fidelity", lambda *given: [Judgement("difference", "1", "0", Verdict.FAIL, "bad")])
    assert Verdict.FAIL in {one.verdict for _, one in Judged((GRAPH,), ()).rows()}


def test_a_record_keeps_the_mark(tmp_path: Path) -> None:
    """So that whoever reads the cell later, to record its numbers say, is told as well."""
    write(replace(record(CASE, "tiny", 1), others=(GRAPH,)), tmp_path / RECORD)
    save(Predictions(("a",), np.ones((1, 2), np.float32)), tmp_path / FILE)
    assert [GRAPH] == Cell(CASE, tmp_path, (read(tmp_path),)).notes
