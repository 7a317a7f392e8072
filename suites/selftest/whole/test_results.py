"""results.jsonl is data: every kind of row has the same keys, and its numbers are numbers."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.whole.scripted import Ended, Script, player
from tools.errors import EngineError, ExportError
from tools.judging import results
from tools.judging.flips import Flips
from tools.judging.numbers import Pairs, Timing
from tools.judging.verdict import Verdict
from tools.spec.settings import ROOT

TEXTS = {"case", "model", "device", "data", "weights", "question", "metric", "exit_reason", "reason", "date", "commit", "measured_text",
         "reference_text"}
TEXTS_OR_NULL = {"chip", "precision", "verdict", "error", "statistic", "limit", "graph", "learning", "within"}
WHOLE, YES_OR_NO = {"schema_version", "batch", "attempt"}, {"simulated", "short", "superseded"}
ALWAYS = TEXTS | TEXTS_OR_NULL | WHOLE | YES_OR_NO | {"digests"}
OF_TIMES = set(Timing.__dataclass_fields__) - {"statistic"}
OF_PAIRS = {f"paired_{name}" for name in Pairs.__dataclass_fields__}
NUMBERS = OF_TIMES | OF_PAIRS | {f"{side}_{unit}" for side in ("measured", "reference") for unit in results.UNITS}
ISSUE = '\n[[known_issues]]\ndevice = "cpu"\nbatch = 16\nkind = "notyet"\nstage = "ExportError"\nreason = "no such operator"\n'


class Skipping:
    """A plugin that skips the tests of a batch size."""

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if "bs32-" in item.name:
            pytest.skip("not tonight")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """A run that has a row of every kind, and the folder of its JUnit and pytest-benchmark files."""
    folder = tmp_path_factory.mktemp("run")
    models = folder / "models"
    models.mkdir()
    for path in TINY_MODELS.glob("tiny.*"):
        shutil.copy(path, models)
    (models / "tiny.toml").write_text((models / "tiny.toml").read_text() + ISSUE)
    script = Script({(1, "accuracy"): [Verdict.NO_VERDICT], (1, "fidelity"): [Verdict.RECORDED], (4, "fidelity"): [Verdict.FAIL]},
                    {8: EngineError("it is gone", where="npu"), 16: ExportError("no such operator")}, flipped=Flips((), "the digest"))
    with pytest.MonkeyPatch.context() as patched:
        play = player(patched, folder / "artifacts")
        return play(script, f"--junitxml={folder / 'junit.xml'}", f"--benchmark-json={folder / 'benchmark.json'}", "-k", "not bs64",
                    models=models, plugins=[Skipping()]), folder


def only(rows: list[dict[str, Any]], batch: int, question: str) -> dict[str, Any]:
    [row] = [row for row in rows if (row["batch"], row["question"]) == (batch, question)]
    return row


def test_a_run_has_a_row_of_every_kind(ended: tuple[Ended, Path]) -> None:
    """Each selected test has its row, which says how it ended, even where nothing was judged."""
    rows = ended[0].rows
    found = {(row["batch"], row["question"]): (row["verdict"], row["exit_reason"], row["error"]) for row in rows}

    assert len(found) == len(rows) == 15
    assert {(1, "accuracy"): ("NO VERDICT", "judged", None), (1, "fidelity"): ("RECORDED", "judged", None),
            (4, "accuracy"): ("PASS (mini)", "judged", None), (4, "fidelity"): ("FAIL", "judged", None),
            (4, "throughput"): ("RECORDED", "judged", None), (8, "accuracy"): ("ERROR", "error", "EngineError"),
            (16, "fidelity"): (None, "xfail", "ExportError"), (32, "accuracy"): (None, "skipped", "Skipped"),
            }.items() <= found.items()
    assert "not tonight" in only(rows, 32, "throughput")["reason"]
    assert "no such operator" in only(rows, 16, "accuracy")["reason"]


def test_flipped_clips_are_kept_beside_the_scores(ended: tuple[Ended, Path]) -> None:
    """In the folder of each case whose accuracy was judged, whatever the verdict."""
    kept = {path.parent.name: json.loads(path.read_text())["digest"] for path in ended[0].run.glob("*/flips.json")}

    assert dict.fromkeys(("tiny-bs1-cpu", "tiny-bs4-cpu"), "the digest") == kept


def test_every_row_has_every_key_and_no_number_is_a_sentence(ended: tuple[Ended, Path]) -> None:
    """Texts are texts, numbers are numbers with their unit in the key, and nothing else is there."""
    for row in ended[0].rows:
        assert set(row) - NUMBERS == ALWAYS
        assert all(isinstance(row[key], str) and row[key] for key in TEXTS), row
        assert all(row[key] is None or isinstance(row[key], str) for key in TEXTS_OR_NULL)
        assert all(type(row[key]) is int and row[key] > 0 for key in WHOLE)
        assert all(type(row[key]) is bool for key in YES_OR_NO)
        assert all(row[key] is None or type(row[key]) in (int, float) for key in set(row) & NUMBERS), row
        assert not re.fullmatch(r"[\d.]+|.*\d/s.*", row["verdict"] or "")
        assert datetime.fromisoformat(row["date"]).tzinfo is not None
        assert re.fullmatch(r"[0-9a-f]{12}\+?|unknown", row["commit"])
        assert (row["exit_reason"] == "judged") == bool(row["digests"]) == (row["precision"] == "fp32")


def test_a_judged_row_says_its_number_and_what_it_is_held_against(ended: tuple[Ended, Path]) -> None:
    """A share, a count and a rate each stand under a key of their own; only a rate has times."""
    rows = ended[0].rows
    share, count, rate = only(rows, 4, "accuracy"), only(rows, 4, "fidelity"), only(rows, 4, "throughput")

    assert (0.5, 0.75) == (share["measured_share"], share["reference_share"])
    assert (2, 0) == (count["measured_clips"], count["reference_clips"])
    assert rate["measured_clips_per_s"] == rate["clips_per_s"] == pytest.approx(4000 / rate["median_ms"])
    assert ("median", 60, None) == (rate["statistic"], rate["iterations"], rate["reference_clips_per_s"])
    assert OF_TIMES <= set(rate)
    assert not OF_TIMES & (set(share) | set(count))
    assert {"tiny": {"weights": "w", "graph": "g", "clips": "c"}} == rate["digests"]
    assert [None, None] == [share["limit"], rate["limit"]]  # torch's own share is no bound


def test_what_is_written_is_read_back(ended: tuple[Ended, Path]) -> None:
    """A row read from its line writes the same line again; a line of another version is refused."""
    for row in ended[0].rows:
        assert results.to_json(results.from_json(row)) == row
        with pytest.raises(ValueError, match="schema version 1"):
            results.from_json({**row, "schema_version": 1})
        before = {key: value for key, value in row.items() if key != "limit"}  # as lines were before they had sides
        assert results.to_json(results.from_json(before)) == {**row, "limit": None}


def test_a_rate_says_of_which_times_it_is(ended: tuple[Ended, Path]) -> None:
    """Both tables and pytest-benchmark's extra_info name the median, and no table has a rate without one."""
    done, folder = ended
    benchmarks = json.loads((folder / "benchmark.json").read_text())["benchmarks"]

    assert re.search(r"tiny-bs4-cpu +mini +clips/s +[\d.]+/s median +- +RECORDED", done.said)
    assert "measured clips/s (median) over the stored figure" in done.said
    assert {"median"} == {one["extra_info"]["statistic"] for one in benchmarks}
    assert all(one["extra_info"]["clips_per_s"] == pytest.approx(one["extra_info"]["valid_rows"] / one["stats"]["median"])
               for one in benchmarks)
    assert not re.search(r"Min .*OPS", done.said)
    assert re.search(r"Min .*Mean .*Median ", done.said)


def test_junit_properties_are_plain_text(ended: tuple[Ended, Path]) -> None:
    """A property is a word or a short sentence, never the text of a Python object."""
    cases = ET.parse(ended[1] / "junit.xml").iter("testcase")
    found = {case.get("name"): {one.get("name"): one.get("value") for one in case.iter("property")} for case in cases}

    assert {"case": "tiny-bs4-cpu", "data": "mini", "weights": "mini", "flipped": "2 (reference 0): FAIL"
            } == found["test_fidelity[tiny-bs4-cpu]"]
    assert "- (reference -): xfail" == found["test_accuracy[tiny-bs16-cpu]"]["accuracy"]
    assert not [text for properties in found.values() for text in properties.values() if re.search(r"[\[{]['\"(]", text or "")]


def test_every_key_is_on_the_page() -> None:
    """The page of suites/ explains each key of a row."""
    page = (ROOT / "suites" / "README.md").read_text()

    assert [] == sorted(key for key in ALWAYS | OF_TIMES | OF_PAIRS if f"`{key}`" not in page)
    assert [] == sorted(unit for unit in results.UNITS if f"`{unit}`" not in page)
