"""A run of ours becomes a stored number only if it is a fact.

It is none if it is a simulation, of a disturbed device, or a mini accuracy.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS, Command
from tools.engines.idle import Idle
from tools.judging.numbers import Numbers
from tools.judging.results import append, to_json
from tools.judging.rows import RESULTS, Row
from tools.measuring import cell, stored_reference
from tools.measuring.cell import Record, Times
from tools.measuring.predictions import FILE, Predictions, save
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import Settings
from tools.spec.truth import read_truth
from tools.storage.context import Context

TINY = load_spec(TINY_MODELS, "tiny")
MEASURED = Record(case="tiny-bs4-npu0", network="tiny", data="mini", weights="mini", precision="fp16", chip="310P3", simulated=False,
                  clips=23, scoring_s=1.0, peak_bytes=1, estimated_bytes=1, digests={}, versions={},
                  machine={"cpu": "a CPU", "cores": "8"})
STEADY = tuple(0.06 + 0.0006 * (number % 3) for number in range(60))


WORDS = ("tiny-bs64-npu0 was not measured: CompileError: no atc", "the times of tiny-bs8-npu0 spread", "tiny-bs16-npu0sim was measured on",
         "tiny-bs32-npu0, tiny: what was measured cannot be read")


def measured_run(tmp_path: Path, told: Record = MEASURED, series: tuple[float, ...] = STEADY, state: str = "idle",
                 scores: Predictions | None = None) -> Path:
    """A run with one case, as a measurement leaves it."""
    folder = tmp_path / "20260101-120000" / told.case
    folder.mkdir(parents=True)
    save(scores or Predictions(("a",), np.zeros((1, 20), np.float32)), folder / FILE)
    cell.write(told, folder / cell.RECORD)
    cell.write(Times(series, 4, series if told.chip != "cpu" else ()), folder / cell.TIMES)
    if told.chip != "cpu":
        cell.write(Idle("idle" if state == "idle" else "busy", () if state == "idle" else ("process 7 other",), 5), folder / cell.IDLE)
    return folder.parent


def test_a_run_of_ours_is_recorded_with_its_circumstances(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """Clips per second of one chip, by the device's own clock, with the run, the case and the spread."""
    status, said = recording("tiny", "throughput", measured_run(tmp_path), "--write")

    figure = read_truth(writable_models / "tiny.toml").rate("Ascend310P3", 4)
    assert (0, True) == (status, figure is not None), said
    assert figure is not None
    assert figure.value == pytest.approx(4 / np.mean(STEADY), rel=1e-5)
    assert "20260101-120000/tiny-bs4-npu0" in figure.source
    assert "60 iterations, spread 0.8%; fp16, weights mini, data mini, cpu a CPU, cores 8" in figure.note


@pytest.mark.parametrize(("told", "series", "state", "words"), [
    (replace(MEASURED, simulated=True), STEADY, "idle", "measured on a simulation"),
    (replace(MEASURED, chip="Sim310P3"), STEADY, "idle", "measured on a simulation"),
    (replace(MEASURED, case="tiny-bs4-npu0sim"), STEADY, "idle", "measured on a simulation"),
    (MEASURED, STEADY, "busy", "NO VERDICT: the device was busy"),
    (MEASURED, STEADY[:19], "idle", "19 iterations in 1.2 s are too few"),
    (MEASURED, tuple(0.06 + 0.0001 * number for number in range(60)), "idle", "its calls slowed by 9.1% during the series"),
    (MEASURED, (0.05, 0.25) * 30, "idle", "spread by 67.2%, over the limit of 10%"),
])
def test_what_carries_no_judgement_is_not_stored(
        recording: Command, writable_models: Path, tmp_path: Path, told: Record, series: tuple[float, ...], state: str, words: str) -> None:
    """Simulations, a device that was not ours alone, times that spread too far: each is refused by name."""
    before = (writable_models / "tiny.toml").read_bytes()

    status, said = recording("tiny", "throughput", measured_run(tmp_path, told, series, state), "--write")

    assert (1, before) == (status, (writable_models / "tiny.toml").read_bytes())
    assert words in said


def test_a_case_that_was_not_timed_has_no_rate(recording: Command, tmp_path: Path) -> None:
    """As one that was asked for its accuracy alone."""
    run = measured_run(tmp_path)
    (run / MEASURED.case / cell.TIMES).unlink()
    status, said = recording("tiny", "throughput", run)

    assert (1, True) == (status, "tiny-bs4-npu0 has no times of tiny" in said), said


def test_what_a_run_has_measured_is_stored_and_the_rest_is_listed(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """A simulated case, one that spreads, a half measured one and one that never began: each by name."""
    run = measured_run(tmp_path)
    measured_run(tmp_path, replace(MEASURED, case="tiny-bs8-npu0"), (0.05, 0.25) * 30)
    measured_run(tmp_path, replace(MEASURED, case="tiny-bs16-npu0sim", simulated=True, chip="Sim310P3"))
    (run / "tiny-bs32-npu0").mkdir()
    row = Row("tiny-bs64-npu0", "throughput", "mini", "mini", "throughput", "-", "-", "ERROR", "CompileError: no atc")
    (run / RESULTS).write_text("".join(json.dumps(to_json(one)) + "\n" for one in (row, replace(row, case="other-bs1-npu0"))))

    status, said = recording("tiny", "throughput", run, "--write")

    stored = read_truth(writable_models / "tiny.toml")
    assert (0, True) == (status, stored.rate("Ascend310P3", 4) is not None), said
    assert [None] * 4 == [stored.rate("Ascend310P3", batch) for batch in (8, 16, 32, 64)]
    left = [line for line in said.splitlines() if line.startswith("left out: ")]
    assert [True] * 4 == [line.startswith(f"left out: {words}") for line, words in zip(left, WORDS, strict=True)], left


def test_a_run_without_a_good_case_is_refused_with_every_reason(recording: Command, tmp_path: Path) -> None:
    """Nothing is stored."""
    run = measured_run(tmp_path, replace(MEASURED, case="tiny-bs8-npu0"), (0.05, 0.25) * 30)
    (run / "tiny-bs32-npu0").mkdir()
    status, said = recording("tiny", "throughput", run)

    assert 1 == status
    for words in ("none of the 2 cases of tiny can be stored", "the times of tiny-bs8-npu0 spread", "bs32-npu0, tiny: what was measured"):
        assert words in said


@pytest.mark.parametrize("what", ["throughput", "accuracy"])
def test_a_run_that_is_not_there_is_said_to_be_absent(recording: Command, tmp_path: Path, what: str) -> None:
    """Nobody is asked on which device a log was made that does not exist."""
    status, said = recording("tiny", what, measured_run(tmp_path) / "nope")

    assert (1, True) == (status, "there is no such log or run" in said)
    assert "--device" not in said


def test_a_run_of_another_model_is_a_run(recording: Command, tmp_path: Path) -> None:
    """And not a log."""
    run = measured_run(tmp_path, replace(MEASURED, case="tsm-bs4-npu0"))

    assert "no measured case of tiny is here" in recording("tiny", "throughput", run)[1]


def judged(run_folder: Path, told: Record, verdict: str, question: str = "accuracy", metric: str = "top1", *more: Row) -> None:
    row = Row(told.case, question, told.data, told.weights, metric, "0.9448", "0.9450", verdict, "because",
              numbers=Numbers("share", 0.9448, 0.9450))
    append([row, *more], run_folder)


def test_a_rate_that_pytest_could_not_judge_is_refused(recording: Command, tmp_path: Path) -> None:
    """NO VERDICT in the run's results, where benchmarks were off for one, stays one."""
    folder = measured_run(tmp_path)
    judged(folder, MEASURED, "NO VERDICT", "throughput", "clips/s")

    assert "is NO VERDICT: because" in recording("tiny", "throughput", folder)[1]


def test_what_was_asked_of_a_rate_keeps_none_from_being_stored(recording: Command, tmp_path: Path) -> None:
    """Nobody could tell whether a bound was kept; the rate itself was measured all the same."""
    folder = measured_run(tmp_path)
    judged(folder, MEASURED, "NO VERDICT", "throughput", "clips/s expected")

    assert (0, False) == (recording("tiny", "throughput", folder)[0], "NO VERDICT" in recording("tiny", "throughput", folder)[1])


def test_an_accuracy_is_that_of_the_model_or_refused(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """Only published weights on the complete data set have an accuracy to store; it judges nothing."""
    folder = measured_run(tmp_path)
    judged(folder, MEASURED, "PASS")
    assert "judged mini weights on mini (23 clips), which is no accuracy" in recording("tiny", "accuracy", folder)[1]

    official = replace(MEASURED, data="full", weights="published")
    theirs = replace(official, given="graph given: mine.onnx")
    given = measured_run(tmp_path / "given", theirs)
    judged(given, theirs, "PASS")
    assert "a graph that a person gave, and nobody knows whose weights" in recording("tiny", "accuracy", given)[1]

    folder = measured_run(tmp_path / "full", official)
    judged(folder, official, "PASS")
    status, said = recording("tiny", "accuracy", folder, "--write")
    assert "it judges nothing" in said
    assert (0, 0.9448) == (status, read_truth(writable_models / "tiny.toml").figure("recorded-Ascend310P3-top1-bs4").value)


@pytest.fixture
def reference(tiny_store: Path) -> stored_reference.StoredReference:
    assert isinstance(TINY, ModelSpec)
    settings = Settings.parse({"models": str(TINY_MODELS), "artifacts": str(tiny_store), "data": "mini"})
    context = Context(settings, TINY)
    listed = stored_reference.listed(context, 20)
    assert listed is not None
    found = stored_reference.find(context, listed)
    assert found is not None
    return found


def as_measured(reference: stored_reference.StoredReference, told: Record) -> Record:
    return replace(told, digests={"clips": reference.clips.digest, "weights": reference.checkpoint.sha256})


def test_limits_come_from_a_run_that_is_right(
        recording: Command, writable_models: Path, tmp_path: Path, tiny_store: Path, reference: stored_reference.StoredReference) -> None:
    """Twice what a device measured is its limit, under its precision and chip.

    It stands in a table of its own that says so.
    """
    near = replace(reference.predictions, scores=reference.predictions.scores ** np.float32(1.01))
    folder = measured_run(tmp_path, as_measured(reference, MEASURED), scores=near)
    arguments = ("tiny", "fidelity", folder, "--artifacts", tiny_store)
    before = (writable_models / "tiny.toml").read_text()

    status, said = recording(*arguments, "--write")

    gate = read_truth(writable_models / "tiny.toml").fidelity["fp16-310P3"]
    assert (0, 0.021, 0.9999, 0.01) == (status, gate.max_relative_difference, gate.min_cosine, gate.max_flipped_share), said
    added = [line for line in (writable_models / "tiny.toml").read_text().splitlines() if line not in before.splitlines()]
    assert "[gates.fidelity.fp16-310P3] # 2 times what tiny-bs4-npu0 measured, or float32's: 0.0" == added[0][:84]
    recording(*arguments, "--margin", 3, "--write")
    assert 0.031 == read_truth(writable_models / "tiny.toml").fidelity["fp16-310P3"].max_relative_difference
    assert len(before.splitlines()) + 5 == len((writable_models / "tiny.toml").read_text().splitlines())


@pytest.mark.parametrize(("change", "words"), [
    ("wrong", "is FAIL in top1"), ("fp32", "not measured but required"), ("other", "measured with other clips and weights"),
    ("margin", "would fail what was measured"),
    ("far", "beyond the floor of every device: difference <= 0.05, cosine >= 0.99, flipped <= 5%"),
])
def test_limits_of_what_is_wrong_are_refused(
        recording: Command, tmp_path: Path, tiny_store: Path, reference: stored_reference.StoredReference, change: str, words: str,
        ) -> None:
    """A device that loses clips, float32 itself, other clips, and a margin below one set no limits.

    Nor does a device so far from torch that only a broken deployment would need its limits.
    """
    scores = reference.predictions
    if change == "wrong":
        scores = replace(scores, scores=np.ascontiguousarray(scores.scores[:, ::-1]))
    if change == "far":
        scores = replace(scores, scores=scores.scores ** np.float32(1.04))
    told = MEASURED if change == "other" else as_measured(reference, MEASURED)
    folder = measured_run(tmp_path, replace(told, precision="fp32" if change == "fp32" else "fp16"), scores=scores)

    status, said = recording("tiny", "fidelity", folder, "--artifacts", tiny_store, "--margin", 0.5 if change == "margin" else 2)

    assert 0 != status
    assert words in said
