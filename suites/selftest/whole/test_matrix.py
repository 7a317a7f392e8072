"""The matrix: ids, selection, and refusals before anything is built."""

from __future__ import annotations

import io
import os
import shutil
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from suites.selftest.conftest import clean_environment, python
from tools import engines
from tools.spec import template
from tools.spec.catalog import model_names
from tools.spec.settings import MODELS, ROOT

OF_THE_PROCESS = ("-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:threadexception", "-p", "no:unraisableexception")
HEAVY = ("torch", "mmaction", "mmcv", "mmengine", "onnx", "onnxruntime", "onnxsim", "cv2", "decord", "av", "scipy")


def collect(*arguments: str) -> tuple[int, list[str], str]:
    """Exit status, collected ids and all that was said, of a pytest in this process: it has the imports."""
    said, complained, outer = io.StringIO(), io.StringIO(), dict(os.environ)
    with chdir(ROOT), redirect_stdout(said), redirect_stderr(complained):
        try:
            os.environ.clear()
            os.environ.update(clean_environment())
            status = pytest.main(["--collect-only", "-q", "--capture=no", *OF_THE_PROCESS, *arguments])
        finally:
            os.environ.clear()
            os.environ.update(outer)
    ids = [line.partition("::")[2] for line in said.getvalue().splitlines() if "::" in line]
    return int(status), ids, said.getvalue() + complained.getvalue()


def test_the_bare_command_collects_the_matrix_only() -> None:
    """Three tests for each batch size of each model, and nothing else."""
    status, ids, _ = collect()

    assert status == 0
    assert {f"{test}[tsm-bs{batch}-cpu]" for test in ("test_accuracy", "test_fidelity", "test_throughput")
            for batch in (1, 4, 8, 16, 32, 64)} <= set(ids)
    assert len(ids) == 18 * len(list(MODELS.glob("*.py")))


@pytest.mark.parametrize(("expression", "batches"), [("bs1", {1}), ("bs16", {16}), ("bs1 or bs4", {1, 4}), ("tsm-bs64-cpu", {64}),
                                                     ("not bs1", {4, 8, 16, 32, 64}), ("bs6", set())])
def test_k_selects_whole_batch_sizes(expression: str, batches: set[int]) -> None:
    """-k bs1 selects batch 1 only, not 16."""
    _, ids, _ = collect("-m", "tsm", "-k", expression)

    assert {f"test_accuracy[tsm-bs{batch}-cpu]" for batch in batches} == {id for id in ids if id.startswith("test_accuracy")}


def test_marks_select_model_device_and_batch() -> None:
    """-m takes the model, the device family and the batch size together."""
    _, ids, _ = collect("-m", "tsm and cpu and bs16")

    assert {"test_accuracy[tsm-bs16-cpu]", "test_fidelity[tsm-bs16-cpu]", "test_throughput[tsm-bs16-cpu]"} == set(ids)


def test_a_model_may_be_named_like_a_keyword(tmp_path: Path) -> None:
    """A model called nonlocal is collected and selected by -m."""
    for suffix in (".py", ".toml"):
        text = (MODELS / f"tsm{suffix}").read_text()
        (tmp_path / f"nonlocal{suffix}").write_text(text.replace('name="tsm"', 'name="nonlocal"'))
        shutil.copy(MODELS / f"tsm{suffix}", tmp_path)
    _, ids, said = collect(f"--models={tmp_path}", "-m", "nonlocal", "-k", "bs4")

    assert 3 == len(ids), said
    assert all("nonlocal-bs4-cpu" in id for id in ids)


@pytest.mark.parametrize("like", model_names(MODELS))
def test_a_new_model_is_collected_as_it_is_written(tmp_path: Path, like: str) -> None:
    """Before anything is filled in: all its batch sizes, by its own marker."""
    template.write("own", like, tmp_path, MODELS, engines.FAMILIES)
    status, ids, said = collect(f"--models={tmp_path}", "-m", "own")

    assert (0, 18) == (status, len(ids)), said
    assert all("[own-bs" in id for id in ids)


def test_all_that_is_wrong_with_a_model_is_one_message(tmp_path: Path) -> None:
    """Of its toml, or of its .py: collecting ends with a line for each fault, and no traceback."""
    python, toml = template.write("own", "tsm", tmp_path, MODELS, engines.FAMILIES)
    right = toml.read_text()
    toml.write_text(right.replace("max_loss_share = 0.01", 'max_loss_share = "1 %"').replace("min_cosine", "cosine"))
    found = collect(f"--models={tmp_path}", "-m", "own")
    toml.write_text(right)
    python.write_text(python.read_text().replace("reference_top1_at_least", "floor_top1"))
    renamed = collect(f"--models={tmp_path}", "-m", "own")

    assert [4, 4] == [found[0], renamed[0]]
    assert "3 things are wrong in own.toml" in found[2]
    assert '[gates.pairs] max_loss_share = "1 %" has the wrong type (a number from 0 to below 1)' in found[2]
    assert "MiniSpec calls floor_top1 reference_top1_at_least now" in renamed[2]
    assert "Traceback" not in found[2] + renamed[2]


@pytest.mark.parametrize(("arguments", "words"), [
    (("-m", "tms"), ("unknown tms", "tsm")),
    (("-m", "tsm", "-k", "bs2"), ("nothing is selected", "bs16", "tsm", "cpu")),
    (("--device", "gpu:0"), ("unknown device 'gpu:0'", "npu:K")),
    (("--device", "npu:0"), ("npu:0", "no Ascend device", "choose cpu")),
    (("--device", "cpu,cpu"), ("named twice",)),
    (("--data", "nowhere.txt"), ("nowhere.txt", "mini, full", "--data")),
    (("--data", "mini", "--weights", "published"), ("do not belong together", "mini clips go with mini weights")),
    (("--data", "full", "--weights", "mini"), ("do not belong together",)),
    (("--data", "pytest.ini"), ("whose weights", "--weights FILE.pth")),
    (("--weights", "nowhere.pth"), ("nowhere.pth", "--weights", "published")),
    (("--clips", "some"), ("'some'", "--clips 24")),
    (("--budget-s", "-2"), ("'-2'", "--budget-s 10")),
    (("--nightly",), ("asks for data by name", "--data full", "--data mini --allow mini")),
    (("--nightly", "--allow", "mini"), ("asks for data by name", "--data full")),
    (("--nightly", "--data", "mini"), ("no acceptance", "--weights published", "--allow mini")),
    (("--nightly", "--data", "pytest.ini", "--weights", "mini"), ("no acceptance", "--allow mini")),
    (("--data-root", "/nowhere"), ("/nowhere", "--data-root")),
    (("--models", "tools/engines"), ("cpu.toml", "beside its .py")),
])
def test_what_cannot_be_meant_is_refused_with_the_choices(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    """A wrong option ends collection with usage status and one message that names what there is."""
    status, _, said = collect(*arguments)

    assert status == 4, said
    assert "Traceback" not in said
    for word in words:
        assert word in said


def test_collecting_imports_nothing_heavy() -> None:
    """Neither torch, mmaction2, ONNX Runtime, numpy nor the store, whose keys read our code, nor clusters."""
    avoided = (*HEAVY, "numpy", "multiprocessing", "tools.storage.code", "tools.cluster")
    done = python("-c", f"import sys, pytest; pytest.main(['--collect-only', '-q']); print([m for m in {avoided} if m in sys.modules])")

    assert "[]" == done.stdout.splitlines()[-1]


@pytest.mark.torch
def test_the_header_says_what_will_be_measured() -> None:
    """Device, data, weights, versions, the number of cells and how to narrow them."""
    done = python("-m", "pytest", "--collect-only", "-m", "tsm", "-k", "bs1 or bs4", "--clips", "24")

    for words in ("device cpu", "onnxruntime", "torch 2.", "tsm: data mini[24], weights mini", "2 cells selected", "narrow with -m"):
        assert words in done.stdout


@pytest.mark.parametrize(("row", "words"), [('device = "tpu", batch = 0, kind = "never", stage = "ExportError"', "matches no case"),
                                            ('device = "cpu", batch = 4, kind = "sometimes", stage = "ExportError"', "wrong type")])
def test_a_dead_known_issue_fails_collection(tmp_path: Path, row: str, words: str) -> None:
    """A known issue that no case can have, or of no known kind, is an error."""
    shutil.copy(MODELS / "tsm.py", tmp_path)
    text = (MODELS / "tsm.toml").read_text()
    (tmp_path / "tsm.toml").write_text(f'{text}\n[[known_issues]]\nreason = "x"\n{row.replace(", ", chr(10))}\n')
    status, _, said = collect(f"--models={tmp_path}")

    assert status == 4, said
    assert words in said
