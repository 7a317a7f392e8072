"""Whole runs on the tiny model: verdicts, words, records, and what may never be green."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import NO_REPORT, TINY_MODELS, Run, python, ran, tiny_arguments, tiny_measuring, tiny_places
from suites.selftest.whole.test_matrix import HEAVY
from tools.measuring import cell
from tools.spec.case import BATCHES
from tools.spec.catalog import load_spec


def results(said: str) -> list[dict[str, Any]]:
    """The rows of the results.jsonl that a run names."""
    found = re.search(r"^results: (.+)$", said, re.MULTILINE)
    assert found, said
    return [json.loads(line) for line in Path(found[1]).read_text().splitlines()]


def verdicts(said: str) -> dict[str, str]:
    return {row["metric"]: row["verdict"] for row in results(said)}


def test_a_run_ends_in_a_table_of_verdicts(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """Accuracy and fidelity pass as mini, throughput is recorded, suspects say so.

    pytest-benchmark has exactly the child's times.
    """
    kept = tmp_path / "benchmark.json"
    done = acceptance("-k", "bs4", f"--benchmark-json={kept}")

    assert done.returncode == 0, done.stdout + done.stderr
    assert {"top1": "PASS (mini)", "top5": "PASS (mini)", "difference": "PASS (mini)", "cosine": "PASS (mini)",
            "flipped": "PASS (mini)", "inputs": "PASS (mini)", "clips/s": "RECORDED"} == verdicts(done.stdout)
    assert re.search(r"2 passed, .*1 recorded", done.stdout)
    [benchmark] = json.loads(kept.read_text())["benchmarks"]
    run = Path(re.search(r"^results: (.+)/results.jsonl$", done.stdout, re.MULTILINE)[1])  # type: ignore[index]
    part = cell.read(run / "tiny-bs4-cpu")
    assert part.times is not None
    assert list(part.times.series) == benchmark["stats"]["data"]
    info = benchmark["extra_info"]
    assert ("tiny-bs4-cpu", "mini", "mini") == (info["case"], info["data"], info["weights"])
    assert info["clips_per_s"] == pytest.approx(4 / benchmark["stats"]["median"])
    assert info["compared"]["T4"]["ratio"] == pytest.approx(info["clips_per_s"] / 1000)
    assert "\ntiny.toml t3 (T4, 1000): suspect: nobody measured it\n" in done.stdout


@pytest.mark.parametrize("switch", ["--benchmark-disable", "--benchmark-skip"])
def test_throughput_that_was_not_benchmarked_is_never_green(acceptance: Run, tiny_store: Path, switch: str) -> None:
    """With benchmarks off the throughput cell is NO VERDICT and red, says by what, and keeps its number."""
    done = acceptance("-k", "bs4", "--clips=8", "-v", switch)

    assert done.returncode == 1, done.stdout
    [row] = [row for row in results(done.stdout) if row["metric"] == "clips/s"]
    assert "NO VERDICT" == row["verdict"]
    assert switch in row["reason"]
    assert row["measured_clips_per_s"] > 0
    assert "PASS (mini)" == verdicts(done.stdout)["top1"]


def test_under_pytest_xdist_speeds_are_recorded_as_without_it(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """The cell is measured once, its times stand in one JSON, and a run without workers is compared with it.

    All fields are the same; `--benchmark-only` selects as ever.
    """
    storage = f"--benchmark-storage=file://{tmp_path}"
    with_workers = acceptance("-n2", "-k", "bs4", "--clips=8", "-v", storage, "--benchmark-save=two")
    alone = acceptance("-k", "bs4", "--clips=8", storage, "--benchmark-save=one", "--benchmark-compare", "--benchmark-only")

    assert (0, 0) == (with_workers.returncode, alone.returncode), with_workers.stdout + alone.stdout
    assert "RECORDED" == verdicts(with_workers.stdout)["clips/s"]
    assert "  measuring tiny-bs4-cpu ...\n" in with_workers.stdout
    [log] = re.findall(r"^results: (.+)/results.jsonl$", with_workers.stdout, re.MULTILINE)
    assert 1 == (Path(log) / "tiny-bs4-cpu" / "child.log").read_text().count("$ ")
    [[two], [one]] = [json.loads(path.read_text())["benchmarks"] for path in sorted(tmp_path.rglob("0*.json"))]
    assert fields(one) == fields(two)
    same = ("group", "name", "fullname", "params", "param")
    assert [one[name] for name in same] == [two[name] for name in same]
    assert two["stats"]["rounds"] == len(cell.read(Path(log) / "tiny-bs4-cpu").times.series)  # type: ignore[union-attr]
    assert re.search(r"^test_throughput\[tiny-bs4-cpu\] \(0001_two\) ", alone.stdout, re.MULTILINE), alone.stdout
    assert "automatically disabled" not in with_workers.stdout + with_workers.stderr


def fields(value: object) -> object:
    """The keys of a JSON object, and of those in it."""
    return {key: fields(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def test_nightly_turns_recorded_red(acceptance: Run, tiny_store: Path) -> None:
    """Under --nightly a number with nothing stored to judge it against is red."""
    done = acceptance("-k", "bs4 and throughput", "--clips=8", "--nightly", "--data=mini", "--allow=mini")

    assert done.returncode == 1, done.stdout
    assert {"clips/s": "RECORDED"} == verdicts(done.stdout)


@pytest.mark.parametrize(("question", "timed"), [("accuracy", False), ("(accuracy or fidelity)", False), ("throughput", True)])
def test_only_who_asks_for_a_rate_waits_for_times(acceptance: Run, tiny_store: Path, question: str, timed: bool) -> None:
    """A cell is timed only if its throughput is selected; what is scored is judged as ever."""
    done = acceptance("-k", f"bs4 and {question}", "--clips=8")
    [folder] = re.findall(r"^results: (.+)/results.jsonl$", done.stdout, re.MULTILINE)

    assert done.returncode == 0, done.stdout
    left = {path.name for path in (Path(folder) / "tiny-bs4-cpu").iterdir()}
    judged = ["flips.json"] if "accuracy" in question else []
    assert {"predictions.npz", "cell.json", "job.json", "child.log", *(["times.json"] if timed else []), *judged} == left


def test_a_subset_is_balanced_and_named(acceptance: Run, tiny_store: Path) -> None:
    """--clips judges that many clips, and every row says so."""
    done = acceptance("-k", "bs4 and accuracy", "--clips", "12")

    assert done.returncode == 0, done.stdout
    assert {"mini[12]"} == {row["data"] for row in results(done.stdout)}
    assert "of 12 clips" in results(done.stdout)[0]["reason"]


def test_mini_is_no_nightly_acceptance_unless_allowed(acceptance: Run, tiny_store: Path) -> None:
    """Under --nightly mini data ends well only if it is named and allowed; the last line repeats that."""
    done = acceptance("-k", "bs4 and accuracy", "--clips=8", "--nightly", "--data=mini", "--allow=mini")

    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-2].startswith("exit status 0: nothing is red; --allow mini: "), done.stdout


def test_a_known_issue_is_a_strict_xfail_of_its_stage(tiny_store: Path, tmp_path: Path) -> None:
    """A cell that fails at the stage its row names is an xfail; one that passes then fails the run."""
    models = tmp_path / "models"
    models.mkdir()
    for suffix in (".py", ".toml"):
        text = (Path(tiny_arguments()[0].partition("=")[2]) / f"tiny{suffix}").read_text()
        row = '\n[[known_issues]]\ndevice = "cpu"\nbatch = 4\nkind = "notyet"\nstage = "ExportError"\nreason = "none"\n'
        (models / f"tiny{suffix}").write_text(text + (row if suffix == ".toml" else ""))
    arguments = ["-m", "pytest", NO_REPORT, *tiny_arguments()[1:], f"--models={models}", "-k", "bs4 and accuracy", "--clips=8"]
    done = python(*arguments)
    assert done.returncode == 1, done.stdout
    assert "XPASS(strict)" in done.stdout

    given = tmp_path / "mine.onnx"
    given.write_text("no graph")
    done = python(*arguments, f"--graph={given}")  # the issue is of the graph that clipgate makes
    assert (1, True) == (done.returncode, "GraphError: the file is a text" in done.stdout), done.stdout


def test_the_same_cell_is_measured_without_pytest(tiny_store: Path, tmp_path: Path) -> None:
    """The command line tools.measure leaves the same files and prints the verdicts."""
    done = python("-m", "tools.measure", "tiny", "--batch", "4", "--device", "cpu", "--run", str(tmp_path), *tiny_measuring())

    assert done.returncode == 0, done.stderr
    left = {path.name for path in (tmp_path / "tiny-bs4-cpu").iterdir()}
    assert {"predictions.npz", "cell.json", "job.json", "times.json", "child.log", "flips.json"} == left
    for word in ("top1", "difference", "clips/s", "RECORDED", "PASS (mini)"):
        assert word in done.stdout


def test_nothing_heavy_lives_in_the_parent(tiny_store: Path) -> None:
    """A run leaves torch, mmaction2, ONNX, decoders and a cluster's room unimported in pytest's process."""
    arguments, avoided = [*tiny_arguments(), "-q", "-k", "bs4 and accuracy", "--clips=8"], {*HEAVY, "tools.cluster"}
    done = python("-c", f"import sys, pytest; pytest.main({arguments}); print([m for m in {avoided} if m in sys.modules])")

    assert "PASS (mini)" in done.stdout
    assert "[]" == done.stdout.splitlines()[-1]


def test_more_batch_sizes_cost_little_disk(tiny_store: Path) -> None:
    """The graphs of all batch sizes share one weights file: five more weigh less than a tenth of it."""
    for batch in BATCHES:
        assert 0 == ran("specialise", "tiny", str(batch), *tiny_places()).returncode
    spec = load_spec(TINY_MODELS, "tiny")
    [folder] = {path.parent for path in tiny_store.glob("store/onnx/tiny-*/bs64.onnx")}
    weights = (folder / "weights.bin").stat().st_size
    graphs = sum((folder / f"bs{batch}.onnx").stat().st_size for batch in BATCHES)

    assert spec.name in folder.name
    assert graphs < 0.1 * weights
