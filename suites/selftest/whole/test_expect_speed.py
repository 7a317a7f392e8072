"""Speeds that are asked for, on any command line: judged where speeds are, refused where they are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.whole.scripted import Ended, Play, Script, player
from tools import evaluate, measure, score
from tools.errors import OptionError
from tools.judging.results import from_json, to_json
from tools.judging.verdict import recorded
from tools.measuring import readiness


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Play:
    return player(monkeypatch, tmp_path / "artifacts")


def asked(ended: Ended) -> dict[tuple[int, str], str]:
    """The verdicts of what was asked, by batch size and metric."""
    return {(row["batch"], row["metric"]): row["verdict"] for row in ended.rows if row["metric"].endswith(" expected")}


def test_a_run_judges_the_speeds_that_are_asked_of_it(play: Play) -> None:
    """A row each, at the batch sizes they are for; all options count; the file has number, bound and side."""
    done = play(Script(), "-k", "throughput and (bs4 or bs16)", "--expect", "bs4:clips/s=20,bs4:xT4=0.02,bs1:clips/s=1e9",
                "--expect", "latency_ms=300,bs32:xT4=1", "--expect", "bs16:clips/s=250.5")

    assert {(4, "clips/s expected"): "PASS (mini)", (4, "latency_ms expected"): "PASS (mini)", (4, "xT4 expected"): "PASS (mini)",
            (16, "latency_ms expected"): "PASS (mini)", (16, "clips/s expected"): "FAIL"} == asked(done)
    assert done.status == 1
    [row] = [row for row in done.rows if (row["batch"], row["metric"]) == (16, "latency_ms expected")]
    assert ("at most", 300.0, pytest.approx(161.6)) == (row["limit"], row["reference_ms"], row["measured_ms"])
    assert row == to_json(from_json(row))
    assert "tiny-bs16-cpu: FAIL: clips/s expected 99.010/s median (reference >= 250.5)" in done.said
    assert "--expect bs4:clips/s=20.0,bs4:xT4=0.02,bs1:clips/s=1000000000.0,latency_ms=300.0,bs32:xT4=1.0,bs16:clips/s=250.5" in done.said


def test_what_was_not_benchmarked_reaches_nothing(play: Play) -> None:
    """Without recorded times no speed is reached, and the run is red."""
    done = play(Script(), "-k", "throughput and bs4", "--benchmark-disable", "--expect", "clips/s=1")

    assert (1, {(4, "clips/s expected"): "NO VERDICT"}) == (done.status, asked(done))


def test_a_ratio_to_no_t4_is_refused_before_anything_is_measured(play: Play) -> None:
    """The tiny model has a T4 figure at batch 4 alone."""
    script = Script()
    done = play(script, "-k", "bs4 or bs16", "--expect", "xT4=1")

    assert (4, []) == (done.status, script.measured)
    assert "no T4 figure of tiny is stored at bs16, so xT4=1.0 cannot be judged there" in done.said
    assert "run only batch sizes that have one, bs4, or ask for a rate" in done.said


UNJUDGED = "asked, not judged by this selection: "


@pytest.mark.parametrize(("selected", "expected", "left"), [
    ("accuracy and bs4", "clips/s=5", "clips/s=5.0"), ("throughput and bs4", "top1=0.3", "top1=0.3"),
    ("bs4", "bs16:clips/s=5,top1=0.3,clips/s=20", "bs16:clips/s=5.0"), ("bs4 or bs16", "bs16:clips/s=5,top1=0.3,clips/s=20", ""),
])
def test_what_is_asked_and_not_judged_is_said_and_red_by_night(play: Play, selected: str, expected: str, left: str) -> None:
    """In one line; --nightly wants an answer."""
    day = play(Script(), "-k", selected, "--expect", expected)
    night = play(Script(), "-k", selected, "--expect", expected, "--nightly", "--data=mini", "--allow=mini")

    assert [UNJUDGED + left] * bool(left) == [line for line in day.said.splitlines() if line.startswith(UNJUDGED)]
    assert (UNJUDGED + left in night.said) == bool(left)
    assert (0, 1 if left else night_of_recorded(night)) == (day.status, night.status)


def night_of_recorded(night: Ended) -> int:
    """A number that nothing judges is red by night, with or without a question."""
    return int(any(row["verdict"] == "RECORDED" for row in night.rows))


def test_a_cell_measured_by_hand_says_what_it_does_not_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    """Another batch size is not this cell's."""
    monkeypatch.setattr(readiness, "of_cases", lambda *_: ())  # torch is hidden, and nothing is built
    monkeypatch.setattr(measure, "find", lambda *_: None)
    monkeypatch.setattr(measure, "launch", lambda context, case, found, run, *_, **__: Script().launch(context, case, found, run))
    monkeypatch.setattr(measure, "_answers", lambda *_: {name: [recorded(name, "made up")] for name in ("accuracy", "throughput")})

    ended = measure.main(["tiny", "--batch=4", "--expect=bs16:clips/s=5,top1=0.3,clips/s=20", f"--models={TINY_MODELS}",
                          f"--artifacts={tmp_path}"])

    assert (0, f"{UNJUDGED}bs16:clips/s=5.0") == (ended, capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(("main", "words", "said"), [
    (measure.main, ["tiny", "--batch=16", "--expect=xT4=1"], "no T4 figure of tiny is stored at bs16"),
    (score.main, ["tiny", "results", "--expect=top1=0.5,clips/s=80"], "tools.score judges no speed, and clips/s=80.0 asks for one"),
])
def test_a_command_refuses_what_it_cannot_judge(main: Callable[[list[str]], int], words: list[str], said: str, tmp_path: Path) -> None:
    """In one sentence, before anything is built or read."""
    with pytest.raises(OptionError, match=said):
        main([*words, f"--models={TINY_MODELS}", f"--artifacts={tmp_path}"])

    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_result_file_has_no_speed(tmp_path: Path) -> None:
    """Detections do not say how long they took."""
    with pytest.raises(OptionError, match=r"python -m tools.evaluate judges no speed, and bs1:latency_ms=4.0 asks for one"):
        evaluate.main(["bsn", "results.json", f"--artifacts={tmp_path}", "--expect=AUC=0.5,bs1:latency_ms=4"])
