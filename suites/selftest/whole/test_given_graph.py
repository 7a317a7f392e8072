"""A person's own graph gets the verdicts of ours where it is right, and a broken one turns red."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from suites.selftest import given_graphs as graphs
from suites.selftest.conftest import Run, ran, tiny_measuring, tiny_places
from suites.selftest.simulated.npu import SimulatedNpu
from suites.selftest.simulated.trials import program
from suites.selftest.whole.test_run import results
from tools.machine import child
from tools.measuring.predictions import FILE, load
from tools.media.preprocess import Floats

FRAMES = (4, 3, 64, 64)
NTCHW = graphs.with_input("clip", [graphs.BATCH_AXIS, *FRAMES])
NCTHW = graphs.with_input("x", ["batch size", 3, 4, 64, 64], ("Transpose", {"perm": [0, 2, 1, 3, 4]}))
FIXED_NCTHW = graphs.with_input("x", [4, 3, 4, 64, 64], ("Transpose", {"perm": [0, 2, 1, 3, 4]}))
FIXED_NTHWC = graphs.with_input("frames", [4, 4, 64, 64, 3], ("Transpose", {"perm": [0, 1, 4, 2, 3]}))
FEW = "--clips=8"
SCORES = 2e-6  # one rounding more or less
Measured = tuple[dict[str, str], Floats, CompletedProcess[str]]
Measure = Callable[..., Measured]
Rows = dict[str, dict[str, Any]]
OnNpu = tuple[SimulatedNpu, Callable[..., Rows]]


def in_this_process(work: child.Work, title: str, *, log: Path, **rest: object) -> None:
    """Do what a child process would."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    work()


@pytest.fixture(scope="module")
def exported(tiny_store: Path) -> Path:
    """Our own graph with a free batch axis, weights beside it."""
    done = ran("export", "tiny", *tiny_places(tiny_store))
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def measure(tiny_store: Path) -> Measure:
    """Measure the tiny model in this process: verdicts by metric, scores, and what was said."""

    def run(*arguments: str) -> Measured:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(child, "call", in_this_process)
            done = ran("measure", "tiny", "--batch=4", *tiny_measuring(tiny_store), FEW, *arguments)
        verdicts = {match[2]: match[1] for match in re.finditer(r"^([A-Z][A-Z ]+(?: \([a-z]+\))?) ([\w/]+): ", done.stdout, re.MULTILINE)}
        kept = re.search(r"^kept in (.+)$", done.stdout, re.MULTILINE)
        return verdicts, load(Path(kept[1]) / FILE).scores if kept else np.empty((0, 20), np.float32), done

    return run


@pytest.fixture(scope="module")
def ours(measure: Measure) -> Measured:
    return measure()


@pytest.mark.parametrize(("graph", "changes", "layout", "scale", "apart"), [
    ("bs4", (FIXED_NCTHW,), "NCTHW", "softmax", 0), ("bs4", (FIXED_NTHWC,), "NTHWC", "softmax", 0),
    ("dynamic", (NTCHW,), "NTCHW", "softmax", SCORES), ("dynamic", (graphs.merged("images", FRAMES),), "NCHW", "softmax", SCORES),
    ("dynamic", (NCTHW, graphs.ends_before_softmax), "NCTHW", "logits", SCORES),
    ("dynamic", (NTCHW, graphs.ends_in("Log")), "NTCHW", "log-softmax", SCORES)], ids=lambda value: value if isinstance(value, str) else "")
def test_a_right_graph_gets_our_verdicts(measure: Measure, ours: Measured, exported: Path, tmp_path: Path, graph: str,
                                         changes: tuple[graphs.Change, ...], layout: str, scale: str, apart: float) -> None:
    """Neither a free batch axis nor another name, layout or end changes a verdict.

    Where the arithmetic is the same the scores are, to the bit. Each row says that the graph was given, and
    how it was read.
    """
    path = graphs.save(exported.with_name(f"{graph}.onnx"), tmp_path / "theirs.onnx", *changes)
    verdicts, scores, done = measure(f"--graph={path}")

    assert (0, ours[0]) == (done.returncode, verdicts), done.stdout + done.stderr
    assert {"PASS (mini)", "RECORDED (short)"} == set(verdicts.values())
    np.testing.assert_allclose(ours[1], scores, rtol=0, atol=apart)
    told = re.findall(r"graph given: theirs\.onnx \(sha256 [0-9a-f]{12}\), input \w+ (\w+) float32, output ([\w-]+) \(told by its values\)",
                      done.stdout)
    assert [(layout, scale)] * len(verdicts) == told


def test_our_own_graph_given_has_our_bits(measure: Measure, ours: Measured, exported: Path) -> None:
    """It is the same file; nothing that is done for a given graph changes a score."""
    verdicts, scores, _ = measure(f"--graph={exported.with_name('bs4.onnx')}")

    assert ours[0] == verdicts
    np.testing.assert_array_equal(ours[1], scores)


@pytest.mark.parametrize(("change", "red"), [
    (graphs.other_normalisation, {"difference", "cosine"}), (graphs.ends_in("Softmax"), {"difference", "cosine"}),
    (graphs.classes_in_order([*range(1, 20), 0]), {"top1", "difference", "cosine", "flipped"}),
    (graphs.scaled_weight(1.01), {"difference"})], ids=["normalisation", "softmax twice", "class order", "1 % of a weight"])
def test_a_broken_port_turns_red(measure: Measure, exported: Path, tmp_path: Path, change: graphs.Change, red: set[str]) -> None:
    """Another normalisation baked in, a second softmax, another order of classes, weights 1 % larger."""
    verdicts, _, done = measure(f"--graph={graphs.save(exported, tmp_path / 'theirs.onnx', NTCHW, change)}")

    assert 1 == done.returncode
    assert red <= {metric for metric, verdict in verdicts.items() if verdict == "FAIL"}, done.stdout


def test_logits_taken_for_softmax_are_an_error(measure: Measure, exported: Path, tmp_path: Path) -> None:
    """The values contradict the person's word; both are named."""
    path = graphs.save(exported, tmp_path / "theirs.onnx", NTCHW, graphs.ends_before_softmax)
    _, _, done = measure(f"--graph={path}", "--graph-output=softmax")

    assert 1 == done.returncode
    assert "--graph-output says softmax, and the first batch is logits: its scores go from" in done.stderr


def test_a_run_of_pytest_judges_one_file_a_batch_size(acceptance: Run, exported: Path, tmp_path: Path) -> None:
    """A pattern names them; one that is not there is an error of its own case, and the others are judged."""
    graphs.save(exported, tmp_path / "theirs_bs4.onnx", NTCHW)
    done = acceptance("-k", "(bs4 or bs8) and accuracy", FEW, f"--graph={tmp_path}/theirs_bs{{batch}}.onnx")

    rows = {(row["batch"], row["metric"]): row for row in results(done.stdout)}
    assert "PASS (mini)" == rows[4, "top1"]["verdict"], done.stdout
    assert "graph given: theirs_bs4.onnx" in rows[4, "top1"]["reason"]
    assert "there is no graph of batch 8: no such file" in rows[8, "accuracy"]["reason"]
    assert f"clipgate: graph given: {tmp_path}/theirs_bs{{batch}}.onnx" in done.stdout


@pytest.fixture(scope="module")
def on_npu(acceptance: Run, tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> OnNpu:
    """Judge the tiny model on one simulated NPU with more arguments: the rows by metric."""
    npu = SimulatedNpu(tmp_path_factory.mktemp("host"), rounding=True)

    def run(*arguments: str) -> Rows:
        done = acceptance("-k", "bs4 and not throughput", "--device=npu:0", FEW, *arguments, environment=npu.environment())
        return {row["metric"]: row for row in results(done.stdout)}

    return npu, run


@pytest.fixture(scope="module")
def ours_on_npu(on_npu: OnNpu) -> Rows:
    return on_npu[1]()


@pytest.mark.parametrize("compiled", ["by the guide's line", "by clipgate"])
def test_a_model_for_an_npu_gets_our_verdicts(on_npu: OnNpu, ours_on_npu: Rows, exported: Path, tmp_path: Path, compiled: str) -> None:
    """The .om of the guide's line is loaded as it is; an ONNX graph is compiled with the person's flags."""
    npu, run = on_npu
    if compiled == "by clipgate":
        flags = "--op_select_implmode=high_precision"
        given = [f"--graph={graphs.save(exported, tmp_path / 'theirs.onnx', NCTHW, graphs.with_classes(20))}", f"--atc-flags={flags}"]
    else:
        model = graphs.save(exported.with_name("bs4.onnx"), tmp_path / "tsm_bs4.onnx")
        line = (f"atc --model={model} --framework=5 --output={tmp_path}/tsm_bs4 --input_format=NCDHW "
                '--input_shape="video:4,4,3,64,64" --log=debug --soc_version=AscendSim310P3')
        assert 0 == program(npu, *shlex.split(line)).returncode
        given = [f"--graph={tmp_path}/tsm_bs4.om"]
    first, second = ours_on_npu, run(*given)

    words = [{metric: row["verdict"] for metric, row in rows.items()} for rows in (first, second)]
    assert {"top1", "top5", "inputs", "difference", "cosine", "flipped"} == set(first)
    assert words[0] == words[1]
    assert all("graph given: " in row["reason"] for row in second.values())
    if compiled == "by clipgate":
        assert f"compiled with {flags}" in second["top1"]["reason"]
    else:
        assert json.dumps(first["difference"]["measured_share"]) == json.dumps(second["difference"]["measured_share"])
