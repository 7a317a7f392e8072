"""Bad input at the place where a user gives it: one clear error, and nothing that was measured is lost."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from suites.selftest.conftest import TINY_MODELS, Run, built, python, ran, tiny_arguments, tiny_places
from suites.selftest.whole.scripted import here
from suites.selftest.whole.test_run import results, verdicts
from tools.measuring import cell as cells
from tools.measuring.launch import find, launch
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.settings import Settings
from tools.storage.context import Context

if TYPE_CHECKING:
    import torch

CASE = Case("tiny", 4, Device("cpu"))
RIGHT = "top1=0.4"  # torch has two of the five clips right, which could be chance; the labels are known to be right


def own_list(store: Path, tmp_path: Path, edit: str = "", line: str = "") -> Path:
    """A list of five tiny MP4 clips, copied beside it; *edit* damages the third: cut, empty or missing."""
    source = next((store / "store" / "data").glob("mini-*"))
    rows = (source / "test_videos.txt").read_text().splitlines()[:5]
    for row in rows:
        shutil.copy(source / row.split()[0], tmp_path / Path(row.split()[0]).name)
    third = tmp_path / Path(rows[2].split()[0]).name
    if edit == "cut":
        third.write_bytes(third.read_bytes()[:300])
    elif edit == "empty":
        third.write_bytes(b"")
    elif edit == "missing":
        third.unlink()
    listed = tmp_path / "own.txt"
    listed.write_text("\n".join([*(f"{Path(row.split()[0]).name} {row.split()[1]}" for row in rows), line]))
    return listed


def test_a_list_of_own_videos_is_judged(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """A videos list outside the project is run and judged in pairs, on the weights it is told."""
    own = ["--data", str(own_list(tiny_store, tmp_path)), "--weights", "mini"]
    built("reference", "tiny", *tiny_places(), *own)
    done = acceptance("-k", "bs4 and not throughput", *own, "--expect", RIGHT)

    assert done.returncode == 0, done.stdout
    assert {"own.txt"} == {row["data"] for row in results(done.stdout)}
    assert "PASS (mini)" == verdicts(done.stdout)["top1"]


@pytest.mark.parametrize(("edit", "line", "words"), [
    ("", "clip.mp4 1 2 3", ("own.txt:6", "expected 'path label', found 4 fields")),
    ("", "clip.mp4 20", ("own.txt:6", "label 20 is outside the model's classes 0 to 19")),
    ("missing", "", ("is missing", "v_warm_down_002.mp4", "own.txt:3")),
    ("empty", "", ("is empty", "v_warm_down_002.mp4", "own.txt:3")),
])
def test_a_bad_list_or_absent_clip_ends_the_run_before_it_starts(
        tiny_store: Path, tmp_path: Path, edit: str, line: str, words: tuple[str, ...]) -> None:
    """One message names line or clip and the remedy, since no selected cell can be measured without it."""
    done = here(*tiny_arguments(tiny_store), "-k", "bs4 and accuracy", f"--data={own_list(tiny_store, tmp_path, edit, line)}",
                "--weights=mini")

    assert done.status == 4, done.said
    for word in (*words, "remedy"):
        assert word in done.said
    assert "verdicts" not in done.said


def test_a_clip_that_cannot_be_decoded_is_an_error_that_names_it(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """The cell is an ERROR naming the clip, its line and the remedy, never a lower accuracy."""
    done = acceptance("-k", "bs4 and accuracy", "--data", str(own_list(tiny_store, tmp_path, "cut")), "--weights", "mini")

    assert done.returncode == 1, done.stdout
    assert {"ERROR"} == {row["verdict"] for row in results(done.stdout)}
    for word in ("cannot be decoded", "v_warm_down_002.mp4", "own.txt:3", "remedy"):
        assert word in done.stdout


def weights_of(store: Path) -> dict[str, torch.Tensor]:
    """The tiny weights."""
    import torch

    path = next((store / "store" / "weights").glob("tiny-*")) / "tiny.pth"
    found: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return found


def test_a_wrong_checkpoint_is_an_error_that_names_the_keys(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """A checkpoint that the stage which reads it refuses is refused by a run in the same words."""
    import torch

    path = tmp_path / "own.pth"
    state = weights_of(tiny_store)
    del state["backbone.conv1.conv.weight"]
    torch.save({"state_dict": state}, path)
    done = acceptance("-k", "bs4 and accuracy", "--data", str(own_list(tiny_store, tmp_path)), "--weights", str(path))

    assert done.returncode == 1, done.stdout
    for word in ("is missing 1 of", "backbone.conv1.conv.weight", str(path)):
        assert word in done.stdout


def test_an_own_checkpoint_brings_its_class_count(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """The classes come from the file: a head of 13 outputs is exported and judged as 13."""
    import torch

    path, state = tmp_path / "own.pth", weights_of(tiny_store)
    for name in ("weight", "bias"):
        state[f"cls_head.fc_cls.{name}"] = state[f"cls_head.fc_cls.{name}"][:13].clone()
    torch.save({"state_dict": state}, path)
    own = ["--data", str(own_list(tiny_store, tmp_path)), "--weights", str(path)]
    built("reference", "tiny", *tiny_places(), *own)
    built("specialise", "tiny", "4", *tiny_places(), *own)
    done = acceptance("-k", "bs4 and accuracy", *own, "--expect", RIGHT)

    assert done.returncode == 0, done.stdout
    assert "PASS" == verdicts(done.stdout)["top1"]


def test_a_truncated_graph_is_found_and_rebuilt(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """An ONNX file that lost its end is noticed by its digest, announced, and built again."""
    artifacts = tmp_path / "artifacts"
    shutil.copytree(tiny_store / "store", artifacts / "store")
    sizes = {graph: graph.stat().st_size for graph in artifacts.glob("store/onnx/*/bs4.onnx")}
    for graph, size in sizes.items():
        os.truncate(graph, size // 2)
    done = acceptance("-k", "bs4 and accuracy", artifacts=artifacts)

    assert done.returncode == 0, done.stdout
    assert "bs4.onnx does not have its digest" in done.stdout
    assert any(size == graph.stat().st_size for graph, size in sizes.items())


@pytest.mark.parametrize("obstacle", ["file", "read-only"])
def test_an_unwritable_artifacts_folder_is_named(acceptance: Run, tmp_path: Path, obstacle: str) -> None:
    """Where nothing can be written the run ends before it starts, naming the folder and the option."""
    folder = tmp_path / "artifacts"
    if obstacle == "file":
        folder.write_text("in the way")
    else:
        folder.mkdir(mode=0o555)
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write into read-only folders")
    done = acceptance("-k", "bs4 and accuracy", artifacts=folder)

    assert done.returncode == 4, done.stdout + done.stderr
    for word in (str(folder), "--artifacts"):
        assert word in done.stderr


def test_a_failed_timing_leaves_the_scores_judged(tiny_store: Path, tmp_path: Path) -> None:
    """A child that dies while timing gives a cell with its scores and the reason why it has no times."""
    settings = Settings.parse({"artifacts": str(tiny_store), "models": str(TINY_MODELS)})
    context = Context(settings, load_spec(TINY_MODELS, "tiny"), lambda event: None)
    record = tmp_path / str(CASE) / cells.RECORD

    def kill() -> None:
        while not record.exists():
            time.sleep(0.01)
        for child in psutil.Process().children():
            with suppress(psutil.Error):  # one of an earlier test may be ending
                if f"measuring {CASE}" in child.cmdline():
                    child.send_signal(signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    cell = launch(context, CASE, find(context, CASE), tmp_path)

    [part] = cell.parts
    assert 23 == len(part.predictions.scores)
    assert part.times is None
    assert "SIGKILL" in str(part.timing_error)


def test_a_cell_that_needs_more_memory_than_there_is_does_not_start(tiny_store: Path, tmp_path: Path) -> None:
    """The estimate is compared before anything is loaded; the error names both sizes."""
    code = ("import tools.machine.memory as m; m.available_bytes = lambda: 10**6; from tools import measure; "
            "from tools.machine import child, events; child.call = lambda work, title, **rest: work(); "  # where the little memory is seen
            "raise SystemExit(events.run_command(measure.main))")
    done = python("-c", code, "tiny", "--batch", "4", f"--models={TINY_MODELS}", f"--artifacts={tiny_store}", f"--run={tmp_path}")

    assert done.returncode == 1, done.stderr
    assert "GiB of memory, 0.0 GiB are free" in done.stderr


def test_the_process_that_measures_locks_where_it_is_told(tiny_store: Path, tmp_path: Path) -> None:
    """A link planted in the folder of `--locks` is one sentence, and what it points to is not made."""
    locks = tmp_path / "locks"
    locks.mkdir(mode=0o700)
    (locks / "cpu.lock").symlink_to(tmp_path / "new")
    done = ran("measure", "tiny", "--batch", "4", f"--models={TINY_MODELS}", f"--artifacts={tiny_store}", f"--run={tmp_path / 'run'}",
               f"--locks={locks}")

    assert (1, "") == (done.returncode, done.stdout)
    assert "what lies at the lock's place is no lock file" in done.stderr
    assert str(locks / "cpu.lock") in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("stage", "arguments"), [("measure", ("--batch", "4")), ("export", ()), ("reference", ()), ("specialise", ("4",))])
def test_a_stage_by_hand_names_a_folder_it_cannot_write(tmp_path: Path, stage: str, arguments: tuple[str, ...]) -> None:
    """A file in the place of the artifacts folder is one message and no traceback, for each command line."""
    (tmp_path / "file").touch()
    done = ran(stage, "tiny", *arguments, f"--models={TINY_MODELS}", f"--artifacts={tmp_path / 'file'}")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot write the artifact store" in done.stderr
    assert "--artifacts DIR" in done.stderr
