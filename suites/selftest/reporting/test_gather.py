"""A run is told from its folder; what is missing or damaged is a sentence, and all the rest is still told."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from suites.selftest.reporting.runs import NAME, cell_of, rate, row, run_of
from tools.errors import MeasureError
from tools.judging import known, results
from tools.judging.numbers import Numbers
from tools.judging.rows import Exit
from tools.judging.verdict import Verdict
from tools.reporting import layout
from tools.reporting.cases import bare
from tools.reporting.facts import Report
from tools.reporting.gather import gathered

CASE = "tiny-bs4-cpu"


def told(report: Report) -> str:
    return "\n".join(report.missing)


def test_a_whole_run_is_told_and_nothing_is_missing(tmp_path: Path) -> None:
    """Its verdict, command, numbers with their places, pairs, times, digests, versions, speeds."""
    report = gathered(run_of(tmp_path, [row(), rate(verdict="RECORDED")], keyword="bs4-", markexpr="tiny"))
    [case] = report.cases

    assert () == report.missing
    assert (NAME, "2026-11-27 01:30:00", "0123456789ab") == (report.run, report.began, report.commit)
    assert "RECORDED" == report.word
    assert report.command.startswith("pytest -m tiny -k bs4 --device cpu")
    assert "python -m tools.measure tiny --batch 4 --device cpu" in case.again
    assert "--config" not in case.again + report.command
    (tmp_path.parent / "clipgate.toml").touch()
    again = gathered(Path(report.folder))
    (tmp_path.parent / "clipgate.toml").unlink()
    assert [1, 1] == [text.count("--config off") for text in (again.command, again.cases[0].again)]
    assert ("results.jsonl", "tiny-bs4-cpu, accuracy, top1: measured_share") == (case.numbers[0].file, case.numbers[0].key)
    [paired] = case.accuracies
    assert (0.9375, 0.9583, -0.05, 0.01, 96, 3, 1) == (paired.ours, paired.reference, paired.low, paired.high, paired.clips, paired.lost,
                                                      paired.won)
    [times] = case.latencies
    assert (60, (300.0, 200.0), "host", "") == (len(times.series_ms), times.warm_up_ms, times.clock, times.doubt)
    assert 4 / 0.1616 == pytest.approx(case.clips_per_s)
    assert {"weights", "graph", "clips"} == {one.what for one in case.digests}
    assert {"onnxruntime": "1.31.1", "cpu": "a core", "cores": "2"} == dict(report.environment)
    [speed] = [one for one in report.speeds if one.measured]
    assert ("measured on cpu", 4) == (speed.of, speed.points[0].batch)
    assert speed.points[0].low is not None
    assert speed.points[0].low < speed.points[0].clips_per_s < (speed.points[0].high or 0)


@pytest.mark.parametrize(("verdicts", "begins"), [
    (["PASS (mini)"], "PASS (mini): 1 cell is good enough; on data or weights that the harness made itself"),
    (["PASS (mini)", "FAIL"], "FAIL: 1 of 2 cells is not good enough; 1 passed (mini)"),
    (["FAIL", "ERROR"], "ERROR: 1 of 2 cells could not be measured or judged; 1 failed"),
    (["NO VERDICT", "SUSPECT", "RECORDED"], "NO VERDICT: 1 of 3 cells cannot be judged; 1 suspect, 1 recorded"),
    (["SUSPECT", "SUSPECT"], "SUSPECT: all 2 cells may have become slower"),
])
def test_the_verdict_is_one_sentence(tmp_path: Path, verdicts: list[str], begins: str) -> None:
    """The worst word first, then how many cells have the others; a pass on mini weights is no acceptance."""
    rows = [row(f"tiny-bs{4**place}-cpu", verdict=verdict) for place, verdict in enumerate(verdicts, 1)]
    report = gathered(run_of(tmp_path, rows))

    assert report.sentence.startswith(begins), report.sentence
    assert "nothing here is an acceptance" in report.sentence
    assert begins.partition(":")[0].removesuffix(" (mini)") == report.word
    if report.word != "PASS":
        assert report.why[0].startswith(f"{report.word} tiny-bs")


@pytest.mark.parametrize("words", [*combinations([*Verdict, "xfail", "skipped", "xpass"], 2)], ids=str)
def test_a_cell_has_the_word_that_was_told_when_it_ended(words: tuple[Verdict | Exit, ...]) -> None:
    """In status.json and in the report alike."""
    rows = [replace(row(), metric=str(word), verdict=word.value) if isinstance(word, Verdict) else
            replace(row(), metric=word, verdict="PASS" if word == "xpass" else "", exit_reason=word) for word in words]

    assert known.word_of(rows).upper() == bare(rows, {}, ()).word


def test_what_was_judged_and_found_good_is_said_beside_what_nothing_judges(tmp_path: Path) -> None:
    """Each question has its own answer; a part that its whole is judged for is none."""
    part = replace(row("tiny-bs4-cpu", verdict="RECORDED"), question="throughput", metric="tem clips/s", within="clips/s")
    good = replace(row("tiny-bs4-cpu", verdict="PASS (mini)"), question="accuracy")
    whole = [replace(part, metric="clips/s", within="", verdict=word) for word in ("RECORDED", "PASS (mini)")]
    recorded, passed = (gathered(run_of(tmp_path / str(number), [good, part, one])) for number, one in enumerate(whole))

    assert recorded.sentence.startswith("RECORDED: 1 cell passed what is judged, and has numbers that nothing judges")
    assert passed.sentence.startswith("PASS (mini): 1 cell is good enough")
    assert [["PASS", "RECORDED"], ["PASS", "PASS"]] == [
        [number.word for _, number in layout.answers(report.cases[0])] for report in (recorded, passed)]



def test_a_simulated_run_and_a_nightly_one_say_so(tmp_path: Path) -> None:
    simulated = gathered(run_of(tmp_path / "a", [row(verdict="PASS (mini, simulated)", simulated=True)]))
    nightly = gathered(run_of(tmp_path / "b", [row(verdict="RECORDED")], nightly="yes"))
    allowed = gathered(run_of(tmp_path / "c", [row(verdict="RECORDED")], nightly="yes", allow="recorded"))

    assert simulated.sentence.startswith("SIMULATED, nothing here was measured on a device: PASS (mini, simulated): 1 cell is good enough")
    assert nightly.nightly
    assert "by night what nothing judges is red" in nightly.sentence
    assert [True, False] == [one.cases[0].numbers[0].red for one in (nightly, allowed)]


def test_an_earlier_try_and_a_part_of_a_rate_give_no_case_its_word(tmp_path: Path) -> None:
    """Nor does a known issue that passes look good."""
    tried = gathered(run_of(tmp_path / "a", [row(verdict="FAIL", superseded=True), row(attempt=2)])).cases[0]
    part = gathered(run_of(tmp_path / "b", [rate(verdict="RECORDED", within="clips/s"), rate()])).cases[0]
    passing = gathered(run_of(tmp_path / "c", [row(exit_reason="xpass")])).cases[0]

    assert ["PASS", "PASS", "FAIL"] == [tried.word, part.word, passing.word]
    assert "a known issue that passes" in passing.shown


def test_a_reference_names_its_place_only_while_the_same_number_is_there(tmp_path: Path) -> None:
    """Of the limits of fidelity in the model's toml; another number is another reference."""
    limits = [row(question="fidelity", metric="cosine", numbers=Numbers("cosine", 0.99999, least, limit="at least"))
              for least in (0.9999, 0.5)]
    numbers = gathered(run_of(tmp_path, limits)).cases[0].numbers

    assert numbers[0].stored.endswith("tiny.toml: [gates.fidelity.fp32] min_cosine")
    assert "" == numbers[1].stored


def damage(run: Path, name: str, text: str | None) -> None:
    place = run / name
    if text is not None:
        place.write_text(text)
    elif place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()


@pytest.mark.parametrize(("name", "text", "says"), [
    ("run.json", None, "what the run was asked is not known"), ("run.json", "{", "what the run was asked is not known"),
    (f"{CASE}/cell.json", "[1]", "its times, digests and versions are missing"),
    (f"{CASE}/times.json", '{"series": []', "its times, digests and versions are missing"),
    (CASE, None, "its folder has no record of a measurement"),
    (f"{CASE}/flips.json", '{"clips": [{"id": 3}]}', "the clips that flipped are not shown"),
])
def test_a_part_that_is_gone_or_damaged_costs_itself_alone(tmp_path: Path, name: str, text: str | None, says: str) -> None:
    """What it was is said with what helps, and the verdict and the numbers stay."""
    run = run_of(tmp_path, [row(), rate(verdict="RECORDED")])
    damage(run, name, text)
    report = gathered(run)

    assert says in told(report)
    assert "RECORDED" == report.word
    assert ["0.9375", "0.9375"] == [one.measured for one in report.cases[0].numbers]


def test_a_line_that_cannot_be_read_is_never_passed_over_in_silence(tmp_path: Path) -> None:
    """The others are told, but the verdict is not theirs alone: nobody knows what the line said."""
    run = run_of(tmp_path, [row(), row("tiny-bs8-cpu")])
    lines = (run / "results.jsonl").read_text().splitlines(keepends=True)
    (run / "results.jsonl").write_text(lines[0] + '{"schema_version": 3}\n' + lines[1] + lines[0][:80])
    report = gathered(run)

    assert "1 line of results.jsonl cannot be read, so this is not all of the verdict" in told(report)
    assert ("ERROR", 2) == (report.word, len(report.cases))
    assert report.sentence.startswith("ERROR: ")
    assert "1 line of its results cannot be read" in report.sentence


def test_a_run_without_results_or_without_a_folder(tmp_path: Path) -> None:
    run = run_of(tmp_path, [row()])
    (run / "results.jsonl").unlink()
    report = gathered(run)

    assert ("ERROR", ()) == (report.word, report.cases)
    assert "this run has no results" in report.sentence
    assert f"{CASE} began to be measured and has no result in results.jsonl; pytest --resume={NAME} goes on" in told(report)
    with pytest.raises(MeasureError, match="no such run"):
        gathered(tmp_path / "not there")


def test_models_and_history_of_another_machine(tmp_path: Path) -> None:
    """A run that was copied here: its models' folder is not here, nor is its history."""
    run = run_of(tmp_path, [row(), rate()], models="/not/here", history="/not/here/either")
    report = gathered(run)

    assert "tiny: the stored numbers are not shown beside the measured ones" in told(report)
    assert "the nights before are missing: no history is here (/not/here/either)" in told(report)
    assert "PASS" == report.word


def test_a_toml_that_is_broken_now_costs_what_is_stored(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "tiny.toml").write_text("dataset = ")
    report = gathered(run_of(tmp_path, [row(), rate()], models=str(models)))

    assert "tiny: the stored numbers are not shown" in told(report)
    assert [True] == [one.measured for one in report.speeds] or () == report.speeds


def test_doubtful_times_are_told_and_not_compared(tmp_path: Path) -> None:
    """A rate of them is in no line of throughput and no table."""
    run = run_of(tmp_path, [rate(verdict="NO VERDICT")])
    times = json.loads((run / CASE / "times.json").read_text())
    (run / CASE / "times.json").write_text(json.dumps({**times, "doubt": "every call gave the same"}))
    report = gathered(run)

    assert (None, ()) == (report.cases[0].clips_per_s, tuple(one for one in report.speeds if one.measured))
    assert "every call gave the same" == report.cases[0].latencies[0].doubt
    assert ("not compared", "every call gave the same") in report.cases[0].facts


def test_an_older_run_has_no_intervals_and_texts_made_of_its_numbers(tmp_path: Path) -> None:
    run = run_of(tmp_path, [row(numbers=Numbers("share", 0.9375, 0.9583), reason="beside torch")])
    line = json.loads((run / "results.jsonl").read_text())
    older = {key: value for key, value in line.items() if not key.endswith("_text")}
    (run / "results.jsonl").write_text(json.dumps(older) + "\n")
    report = gathered(run)

    assert ("0.9375", "0.9583") == (report.cases[0].numbers[0].measured, report.cases[0].numbers[0].reference)
    assert () == report.cases[0].accuracies
    assert "accuracies have no intervals" in told(report)


@pytest.mark.parametrize("name", ["../../etc/passwd-bs1-cpu", "a\u202egnp-bs1-cpu", "x\x00\x1b[31m-bs1-cpu", "<script>-bs1-cpu", "x" * 300])
def test_a_hostile_name_reads_nothing_elsewhere_and_shows_what_it_is(tmp_path: Path, name: str) -> None:
    """A file may hold any name: what does not print is seen as its escape."""
    report = gathered(run_of(tmp_path, [row(), row(name, exit_reason="skipped", verdict="", model=name.removesuffix("-bs1-cpu"))]))

    assert all(one.isprintable() for case in report.cases for one in case.name)
    assert 2 == len(report.cases)
    assert report.cases[0].word == "PASS"


@pytest.mark.parametrize("name", ["x" * 300 + "-bs1-cpu", "../outside-bs1-cpu"], ids=range(2))
def test_a_hostile_case_that_says_it_was_measured_has_no_folder(tmp_path: Path, name: str) -> None:
    """Nothing is read outside of the run, and a name that no folder can have breaks nothing."""
    run = run_of(tmp_path, [row()])
    cell_of(tmp_path / "runs" / "outside-bs1-cpu", "outside-bs1-cpu")
    results.rewrite([row(), row(name, model=name.removesuffix("-bs1-cpu"))], run)
    report = gathered(run)

    assert None is report.cases[1].clips_per_s
    assert "its name is no case's, so nothing is read of what it left" in told(report)
