"""What an engineer expects of weights: said as shares, judged as floors, on whatever is run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS, Run, python, ran, tiny_measuring
from suites.selftest.specs import recogniser_spec
from suites.selftest.whole.test_run import results
from tools.datasets.clips import ClipSet
from tools.errors import OptionError
from tools.judging.accuracy import expected_accuracy
from tools.judging.numbers import Numbers
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import Verdict
from tools.measuring.cell import Cell, Part, Record
from tools.measuring.predictions import Predictions
from tools.media.decode import Clip
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec, load_truth
from tools.spec.expectations import Expectations
from tools.spec.settings import MODELS, Settings


def test_floors_are_read_as_they_are_written() -> None:
    """Several floors in their order, spaces allowed; nothing is expected where nothing is said."""
    assert (("top1", 0.93), ("AR@100", 1.0)) == Expectations.parse(" top1 = 0.93, AR@100=1").floors
    assert "top1=0.93,AR@100=1.0" == str(Expectations.parse("top1=0.93,AR@100=1"))
    assert (Expectations(), "") == (Expectations.parse(""), str(Expectations()))


@pytest.mark.parametrize(("text", "remedy"), [
    ("top1=93", "top1=0.93"), ("top1=94.5%", "top1=0.945"), ("top5=1%", "top5=0.01"), ("top1=150", "top1=0.93"), ("top1=0", "top1=0.93"),
    ("top9=0.9", "known here: top1, top5, AR@1"), ("top1:0.9", "top1=0.93,top5=0.99"),
])
def test_what_cannot_be_meant_is_refused_with_what_could(text: str, remedy: str) -> None:
    """A percentage is answered with its share, an unknown metric with the known ones; neither is guessed."""
    with pytest.raises(OptionError) as caught:
        Expectations.parse(text)

    assert ("--expect", True) == (caught.value.where, remedy in str(caught.value.remedy))


@pytest.mark.parametrize(("model", "text", "has"), [("tsm", "AR@100=0.7", "top1, top5"),
                                                    ("bsn", "top1=0.9", "AR@1, AR@5, AR@10, AR@100, AUC")])
def test_a_metric_of_another_kind_of_model_is_refused(model: str, text: str, has: str) -> None:
    """A recogniser has no recall, a localiser no top-1; each of its own is taken."""
    settings, spec = Settings.parse({"expect": text}), load_spec(MODELS, model)
    with pytest.raises(OptionError, match=f"{model} has no {text.partition('=')[0]}") as caught:
        settings.expect.require(spec.metrics, spec.name)

    assert has in str(caught.value.remedy)
    own = Settings.parse({"expect": ",".join(f"{metric}=0.5" for metric in has.split(", "))})
    own.expect.require(spec.metrics, spec.name)


@pytest.mark.parametrize(("right", "floor", "expected"), [
    (93, 0.93, Verdict.PASS), (92, 0.93, Verdict.FAIL), (94, 0.93, Verdict.PASS), (100, 1.0, Verdict.PASS), (0, 0.01, Verdict.FAIL),
])
def test_an_expectation_is_a_floor_without_tolerance(right: int, floor: float, expected: Verdict) -> None:
    """Exactly as much as expected passes, one clip of a hundred less fails."""
    scores = np.eye(2, dtype=np.float32)[[0] * right + [1] * (100 - right)]
    [judged] = expected_accuracy(scores, np.zeros(100, np.int64), Expectations((("top1", floor),)))

    assert ("top1 expected", f"{right / 100:.4f}", f">= {floor}", expected) == (
        judged.metric, judged.measured, judged.reference, judged.verdict)
    assert "--expect" in judged.reason
    assert Numbers("share", right / 100, floor, limit="at least") == judged.numbers


def test_an_expectation_replaces_no_other_judgement() -> None:
    """Beside it stand the pairs with torch, or that torch has not run.

    Scores that are no numbers are no accuracy at all.
    """
    spec = recogniser_spec(TINY_MODELS, "tiny")
    ids = tuple(f"c{number}" for number in range(4))
    clips = ClipSet("videos", tuple(Clip(id, Path(id), 0, 8) for id in ids))
    scores = np.eye(20, dtype=np.float32)[[0, 0, 0, 1]]
    scores[3, 0] = 0.5
    good = Predictions(ids, scores)
    basis = RecogniserJudge(spec, load_truth(TINY_MODELS, "tiny"), clips, good, expect=Expectations.parse("top1=0.9,top5=0.9"))

    def judged(basis: RecogniserJudge, found: Predictions) -> list[tuple[str, str]]:
        record = Record("tiny-bs4-cpu", "tiny", "list.txt", "own", "fp32", "cpu", simulated=False, clips=4, scoring_s=0.0, peak_bytes=0,
                        estimated_bytes=0, digests={}, versions={}, machine={})
        cell = Cell(Case("tiny", 4, Device("cpu")), Path(), (Part(Path(), record, found, None),))
        return [(one.metric, one.verdict.value) for one in basis.accuracy(cell)]

    own = [("top1 expected", "FAIL"), ("top5 expected", "PASS")]
    assert [("top1", "PASS"), ("top5", "PASS"), *own] == judged(basis, good)
    assert [("top1", "RECORDED"), ("top5", "RECORDED"), *own] == judged(replace(basis, reference=None), good)
    assert [("finite", "FAIL")] == judged(basis, Predictions(ids, good.scores * np.nan))


def test_a_run_is_red_where_less_was_reached(acceptance: Run, tiny_store: Path) -> None:
    """--expect adds a row a metric to a run's accuracy; the repeating command of the red line has it too."""
    done = acceptance("-k", "bs4 and accuracy", "--expect", "top1=0.999,top5=0.5")

    assert done.returncode == 1, done.stdout
    assert {"top1": "PASS (mini)", "top5": "PASS (mini)", "top1 expected": "FAIL", "top5 expected": "PASS (mini)"} == {
        row["metric"]: row["verdict"] for row in results(done.stdout)}
    assert "--expect top1=0.999,top5=0.5" in done.stdout


@pytest.mark.parametrize("command", [("pytest", "-k", "bs4 and accuracy", "--history=off"), ("tools.measure", "tiny", "--batch=4")])
def test_a_run_refuses_what_its_model_is_not_measured_by(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Nothing is built or measured before the option makes sense for every selected model."""
    done = python("-m", *command, *tiny_measuring(tmp_path), "--expect", "AUC=0.5")

    assert done.returncode in (2, 4), done.stdout + done.stderr
    assert "tiny has no AUC" in done.stdout + done.stderr
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("floor", "status", "word"), [("0.5", 0, "PASS"), ("1.0", 1, "FAIL")])
def test_a_result_file_is_judged_by_what_is_expected(tmp_path: Path, floor: str, status: int, word: str) -> None:
    """Python -m tools.evaluate has a verdict of its own where something is expected of the file."""
    found = {"version": "1", "external_data": {}, "results": {"a": [{"score": 0.9, "segment": [0.0, 10.0]}]}}
    truth = {"database": {"a": {"duration": 100.0, "subset": "validation", "annotations": [
        {"segment": [0.0, 10.0], "label": "x"}, {"segment": [50.0, 60.0], "label": "x"}]}}}
    for name, content in (("found", found), ("truth", truth)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    done = ran("evaluate", "bsn", str(tmp_path / "found.json"), "--ground-truth", str(tmp_path / "truth.json"), f"--artifacts={tmp_path}",
               "--expect", f"AR@100={floor}")

    assert status == done.returncode, done.stderr
    assert f"{word} AR@100 expected: 0.500000" in done.stdout
