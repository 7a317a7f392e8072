"""A row as files hold it, as another process sends it and as tables show it; what a rate is kept with."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.deployments import record
from tools.errors import MeasureError
from tools.judging import comparisons, results
from tools.judging import kinds as judges
from tools.judging.comparisons import Comparison
from tools.judging.numbers import Numbers, Pairs, Timing
from tools.judging.rows import RESULTS, Row, align, word
from tools.judging.verdict import Judgement, Verdict
from tools.measuring import kinds, reference
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import Predictions
from tools.measuring.timing import summarise
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

TIMING = Timing("median", 9.5, 30, 3.5, 1.0, 2.0, 3.0, 4.0, 5.0, 0.25)
ROW = Row("tsm-bs4-npu0", "throughput", "full", "own", "throughput", "9.5", ">= 9", "PASS", "so it is", "310P3", simulated=True, short=True,
          model="tsm", batch=4, device="npu0", precision="fp16", digests={"tsm": {"graph": "g"}},
          numbers=Numbers("clips_per_s", 9.5, 9.0, "median", TIMING), date="2026-01-01", commit="0123", attempt=2, superseded=True)


def test_a_row_is_read_back_as_it_was_written() -> None:
    """Each number stands under a key with its unit, beside the text that tables show of it."""
    told = results.to_json(ROW)
    assert {"schema_version": 2, "measured_clips_per_s": 9.5, "reference_clips_per_s": 9.0, "statistic": "median", "median_ms": 1.0,
            "spread_share": 0.25, "batch": 4, "simulated": True, "short": True, "attempt": 2, "superseded": True, "error": None,
            "digests": {"tsm": {"graph": "g"}}, "device": "npu0", "exit_reason": "judged"}.items() <= told.items()
    assert ROW == results.from_json(json.loads(json.dumps(told)))
    assert ("9.5", ">= 9") == (told["measured_text"], told["reference_text"])
    bare = Row("tsm-bs4-cpu", "fidelity", "mini", "mini", "", "", "", "", "", exit_reason="skipped")
    assert bare == results.from_json(results.to_json(bare))
    assert (None, None, None) == tuple(results.to_json(bare)[name] for name in ("statistic", "batch", "verdict"))
    assert "measured_share" not in results.to_json(bare)


@pytest.mark.parametrize(("numbers", "again"), [
    (Numbers("share", 0.5), Numbers("share", 0.5)), (Numbers("clips", 3, 4), Numbers("clips", 3, 4)), (None, None),
    (Numbers("share", math.nan, 0.5), None), (Numbers("share", 0.5, math.inf), Numbers("share", 0.5)), (Numbers("share", 0.0, 0.0),) * 2,
    (Numbers("share", 0.5, 0.75, pairs=Pairs(24, -0.5, 0.1, 7, 1)),) * 2, (Numbers("share", 0.5, 0.75, pairs=Pairs(24)),) * 2,
], ids=range(8))
def test_numbers_are_kept_as_json_can_hold_them(numbers: Numbers | None, again: Numbers | None) -> None:
    """It has no NaN and no infinity; a rate may have no times of its own."""
    assert again == results.from_json(results.to_json(replace(ROW, numbers=numbers))).numbers


def test_a_line_from_before_there_were_texts_is_read_without_them() -> None:
    """It has its numbers all the same."""
    older = {name: value for name, value in results.to_json(ROW).items() if not name.endswith("_text")}

    assert replace(ROW, measured="", reference="") == results.from_json(older)


def test_a_row_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="it is of schema version 1, not 2"):
        results.from_json({**results.to_json(ROW), "schema_version": 1})
    with pytest.raises(LookupError):
        results.from_json({name: value for name, value in results.to_json(ROW).items() if name != "short"})


def test_rows_are_added_to_a_run_or_written_anew(tmp_path: Path) -> None:
    """Each on a line of its own."""
    run = tmp_path / "a" / "run"
    results.append([ROW], run)
    results.append([ROW, replace(ROW, case="another")], run)
    lines = (run / RESULTS).read_text().splitlines()
    assert ["tsm-bs4-npu0", "tsm-bs4-npu0", "another"] == [json.loads(line)["case"] for line in lines]
    results.rewrite([ROW], run)
    assert [lines[0]] == (run / RESULTS).read_text().splitlines()


def test_a_line_that_was_cut_by_the_end_of_its_process_is_left_out(tmp_path: Path) -> None:
    """Those before it count; one that is cut anywhere else is named."""
    rows = [judged("a"), judged("b")]
    results.append(rows, tmp_path)
    whole = (tmp_path / RESULTS).read_text()
    (tmp_path / RESULTS).write_text(whole + whole[:100])
    assert ["a", "b"] == [row.case for row in results.read(tmp_path)]

    (tmp_path / RESULTS).write_text(whole[:100] + "\n" + whole)
    with pytest.raises(MeasureError, match="the results") as caught:
        results.read(tmp_path)
    assert str(caught.value.where).startswith(f"{tmp_path / RESULTS}:1")
    assert [] == results.read(tmp_path / "not there")


def judged(case: str, question: str = "accuracy", **more: Any) -> Row:
    return Row(case, question, "mini", "mini", "top1", "1", "1", "PASS", "why", **more)


def test_what_an_ended_process_judged_is_judged_again_and_its_errors_stay() -> None:
    """A judged row gives way, at its own try; an error becomes an earlier try; other questions stay."""
    other = [judged("a", "fidelity"), judged("b")]
    tries = [judged("a", attempt=1, superseded=True), judged("a", attempt=2)]
    failed = judged("a", exit_reason="error")

    def again(*rows: Row, case: str = "a", anew: bool = False) -> tuple[list[Row], int]:
        return results.asked_again(rows, case, "accuracy", anew=anew)

    assert (other, 0) == again(*other, judged("a"), judged("a"))
    assert ([tries[0], *other], 1) == again(*tries, *other)
    assert ([replace(failed, superseded=True), *other], 1) == again(failed, *other)
    assert (other, 0) == again(*other, case="c")


def test_rows_of_a_measurement_that_was_made_anew_stay_as_earlier_tries() -> None:
    """Whoever measures until the verdict is liked leaves the others to be seen."""
    rows = [judged("a", attempt=1, superseded=True), judged("a", attempt=2)]
    kept, tries = results.asked_again(rows, "a", "accuracy", anew=True)

    assert ([True, True], 2) == ([row.superseded for row in kept], tries)


def test_answers_to_other_questions_do_not_outlive_the_measurement_they_are_of() -> None:
    """A case that is measured anew has no answer but those of the new measurement."""
    rows = [judged("a"), judged("a", "fidelity"), judged("b", "fidelity")]
    kept, _ = results.asked_again(rows, "a", "accuracy", anew=True, replaced=True)

    assert {("a", "accuracy"): True, ("a", "fidelity"): True, ("b", "fidelity"): False} == {
        (row.case, row.question): row.superseded for row in kept}


def test_a_row_arrives_from_another_process() -> None:
    for row in (ROW, replace(ROW, numbers=None), replace(ROW, numbers=Numbers("share", 0.5)),
                replace(ROW, numbers=Numbers("share", 0.5, 0.5, pairs=Pairs(24, -0.1, 0.1, 1, 1)))):
        assert row == Row.revived(json.loads(json.dumps(asdict(row))))


@pytest.mark.parametrize(("more", "shown"), [
    ({"superseded": False, "short": False}, "PASS"), ({"superseded": False}, "PASS"),
    ({"superseded": False, "verdict": "RECORDED"}, "RECORDED (short)"),
    ({}, "PASS, try 2, superseded"), ({"superseded": False, "verdict": "", "exit_reason": "xfail"}, "xfail"),
    ({"short": False, "verdict": "RECORDED", "attempt": 1}, "RECORDED, try 1, superseded"),
], ids=range(6))
def test_a_verdict_is_shown_with_what_it_is_worth(more: dict[str, Any], shown: str) -> None:
    assert shown == replace(ROW, **more).shown


@pytest.mark.parametrize(("verdict", "weights", "simulated", "words"), [
    (Verdict.PASS, "mini", False, "PASS (mini)"), (Verdict.PASS, "own", True, "PASS (simulated)"), (Verdict.PASS, "own", False, "PASS"),
    (Verdict.PASS, "mini", True, "PASS (mini, simulated)"), (Verdict.FAIL, "mini", True, "FAIL"),
])
def test_only_a_pass_says_that_it_is_none_of_a_real_device(verdict: Verdict, weights: str, simulated: bool, words: str) -> None:
    assert words == word(verdict, weights, simulated=simulated)


def test_columns_are_as_wide_as_their_widest_text() -> None:
    assert ["a    bb", "ccc  d", "e"] == align([("a", "bb"), ("ccc", "d"), ("e", "")])


CASE = Case("bsn", 4, Device("npu", 0))


def part(name: str, series: tuple[float, ...], device: tuple[float, ...] = (), **more: Any) -> Part:
    told = replace(record(CASE, name, 40), **{"scoring_s": 8.0, "precision": "fp16", "chip": "310P3", "digests": {"graph": name},
                                              "surgery": "a", **more})
    return Part(Path(name), told, Predictions((), np.zeros((0, 1), np.float32)), Times(series, 4, device))


def cell(*parts: Part) -> Cell:
    return Cell(CASE, Path(), parts)


def test_a_row_is_of_a_cell_and_its_judgement() -> None:
    """What a reader must know of the cell follows the reason; digests are those of each network."""
    both = cell(part("tem", (1.0,), others=("x by other code",)), part("pem", (1.0,), simulated=True))
    row = Row.of(both, "accuracy", Judgement("AR@100", "0.5", ">= 0.4", Verdict.PASS, "it is", short=True, numbers=Numbers("share", 0.5)))

    assert Row("bsn-bs4-npu0", "accuracy", "mini", "mini", "AR@100", "0.5", ">= 0.4", "PASS (mini, simulated)", "it is; x by other code",
               "310P3", simulated=True, short=True, model="bsn", batch=4, device="npu0", precision="fp16",
               digests={"tem": {"graph": "tem"}, "pem": {"graph": "pem"}}, numbers=Numbers("share", 0.5)) == row


def test_a_rate_is_of_a_case_and_of_each_of_its_networks() -> None:
    both = cell(part("tem", (1.0,) * 3), part("pem", (3.0,) * 3))
    assert [("", 1.0), ("tem", 4.0), ("pem", 4 / 3)] == [(rate.network, rate.clips_per_s) for rate in comparisons.rates(both)]
    [one] = comparisons.rates(cell(part("tem", (1.0,))))
    assert ("bsn", "", "npu0", "310P3", 4, 4.0, "median") == (one.model, one.network, one.device, one.chip, one.batch, one.clips_per_s,
                                                             one.statistic)


def test_what_a_rate_is_kept_with_tells_all_that_it_is_of() -> None:
    """Of one network beside the case; of several under their names, with the rate of both. And the clock."""
    compared = [Comparison("T4", 9.0, 0.5, "bsn.toml r1", "")]
    measured = part("tem", (1.0, 2.0, 3.0), (0.5, 1.0, 1.5))
    assert measured.times is not None
    measured = replace(measured, times=replace(measured.times, waited_s=12.5, beside=("process 7",)))
    one = comparisons.extra_info(cell(measured), compared)
    summary = asdict(Times((1.0, 2.0, 3.0), 4, (0.5, 1.0, 1.5)).summary())

    assert {"case": "bsn-bs4-npu0", "data": "mini", "weights": "mini", "precision": "fp16", "chip": "310P3", "simulated": False,
            "valid_rows": 4, "end_to_end_clips_per_s": 5.0, "end_to_end_statistic": "mean", "digests": {"graph": "tem"}, "surgery": "a",
            "waited_s": 12.5, "worked_beside": ["process 7"], "versions": {}, "machine": {},
            "host_clock": asdict(summarise((1.0, 2.0, 3.0), 4)), **summary,
            "compared": {"T4": asdict(compared[0])}} == one
    both = comparisons.extra_info(cell(part("tem", (1.0,) * 3), part("pem", (3.0,) * 3)), [])
    networks = cast("dict[str, dict[str, object]]", both["networks"])
    assert (1.0, "median", {}) == (both["clips_per_s"], both["statistic"], both["compared"])
    assert {"tem": {}, "pem": {}} == {name: found["host_clock"] for name, found in networks.items()}


@pytest.mark.parametrize("name", ["tsm", "bsn"])
def test_a_models_judge_has_what_its_kind_gives(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Stored numbers, torch's answers, the command that makes them, what is expected, what others made."""
    spec = load_spec(MODELS, name)
    kind = SimpleNamespace(torch_reference=lambda *given: ("answers", given), torch_inputs=lambda *given: ("inputs", given))
    monkeypatch.setattr(kinds, "of", lambda spec: kind)
    monkeypatch.setattr(reference, "command", lambda context: "the command")
    context = Context(Settings.parse({"expect": "top1=0.5"}), spec)
    judge = judges.judge_of(context, ("w",), "clips")  # type: ignore[arg-type]

    assert ("RecogniserJudge" if name == "tsm" else "LocaliserJudge") == type(judge).__name__
    assert (spec, "clips", ("answers", (context, ("w",), "clips")), "the command", context.settings.expect) == (
        judge.spec, judge.dataset, judge.reference, judge.remake, judge.expect)
    assert judge.inputs is not None
    assert ("inputs", (context, "clips")) == judge.inputs()
    assert f"{name}.toml" == judge.truth.path.name
    context.others.append("found later")
    assert ["found later"] == judge.others
