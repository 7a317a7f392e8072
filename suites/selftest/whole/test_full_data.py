"""`--data full` on a small UCF-101 laid out as the real one is, with a checkpoint made by hand.

It is whole, and with clips missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS, Run, built, tiny_arguments, tiny_places
from suites.selftest.whole.scripted import here
from suites.selftest.whole.test_run import results
from tools.datasets.mini.moving_shapes import CLASSES
from tools.media.decode import FRAME_NAME

pytestmark = pytest.mark.xdist_group("full data")  # whose first test makes the reference of them all
CLIPS = 23
Full = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, which here reads UCF-101 as TSM does."""
    folder = tmp_path_factory.mktemp("models")
    text = (TINY_MODELS / "tiny.py").read_text().replace('"tinyset"', '"ucf101"').replace("val_rawframes", "ucf101_val_split_1_rawframes")
    (folder / "tiny.py").write_text(text)
    shutil.copy(TINY_MODELS / "tiny.toml", folder)
    return folder


@pytest.fixture(scope="module")
def complete(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the mini clips as UCF-101: rawframes, splits and class index, no list."""
    folder = tmp_path_factory.mktemp("data") / "ucf101"
    [mini] = {entry for entry in (tiny_store / "store" / "data").glob("mini-*")
              if len((entry / "test_rawframes.txt").read_text().splitlines()) == CLIPS}
    shutil.copytree(mini / "rawframes", folder / "rawframes")
    (folder / "annotations").mkdir()
    (folder / "annotations" / "classInd.txt").write_text("".join(f"{n} {'_'.join(parts)}\n" for n, parts in enumerate(CLASSES, 1)))
    names = [line.split()[0].removeprefix("rawframes/") for line in (mini / "test_rawframes.txt").read_text().splitlines()]
    (folder / "annotations" / "testlist01.txt").write_text("".join(f"{name}.avi\n" for name in names))
    return folder.parent


@pytest.fixture
def root(complete: Path, tmp_path: Path) -> Path:
    """A copy of that data root to take from; unchanged frames are links, with the size and time they had."""
    return Path(shutil.copytree(complete, tmp_path / "data", symlinks=True))


@pytest.fixture
def full(acceptance: Run, models: Path, tiny_store: Path, root: Path) -> Full:
    """The rows of a run on the whole data set, of all three questions or of those that are asked."""
    weights = next((tiny_store / "store" / "weights").glob("tiny-mini-*")) / "tiny.pth"

    def run(*arguments: str, only: str = "bs4") -> list[dict[str, Any]]:
        done = acceptance(f"--models={models}", "-m", "tiny", "-k", only, "--data", "full", "--data-root", str(root), "--weights",
                          str(weights), *arguments)
        return results(done.stdout)

    return run


@pytest.fixture
def torch_has_run(models: Path, tiny_store: Path, root: Path) -> Callable[[], None]:
    """Let torch score what there is of the data set, in this process."""
    weights = next((tiny_store / "store" / "weights").glob("tiny-mini-*")) / "tiny.pth"
    return lambda: built("reference", "tiny", *tiny_places(), f"--models={models}", "--data=full", f"--data-root={root}",
                         f"--weights={weights}")


def of(rows: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    return next(row for row in rows if row["metric"] == metric)


def test_a_complete_data_set_is_judged(full: Full, torch_has_run: Callable[[], None]) -> None:
    """Every clip is judged in pairs with torch, on data called full."""
    torch_has_run()
    rows = full()

    assert {"top1": "PASS", "top5": "PASS", "difference": "PASS", "cosine": "PASS", "flipped": "PASS", "inputs": "PASS",
            "clips/s": "RECORDED"} == {row["metric"]: row["verdict"] for row in rows}
    assert {"full"} == {row["data"] for row in rows}
    assert f"of {CLIPS} clips" in of(rows, "top1")["reason"]


def test_an_incomplete_data_set_is_no_verdict(full: Full, root: Path, torch_has_run: Callable[[], None]) -> None:
    """Accuracy without every clip is NO VERDICT and says what is lacking.

    The device is compared and timed on what is there.
    """
    folder = root / "ucf101" / "rawframes"
    names = (root / "ucf101" / "annotations" / "testlist01.txt").read_text().replace(".avi", "").split()
    shutil.rmtree(folder / names[4])
    shutil.rmtree(folder / names[9])
    cut = folder / names[2] / FRAME_NAME.format(1)
    cut.write_bytes(cut.read_bytes()[:-300])
    torch_has_run()
    rows = full()

    assert {"top1": "NO VERDICT", "top5": "NO VERDICT", "difference": "PASS", "cosine": "PASS", "flipped": "PASS",
            "inputs": "PASS", "clips/s": "RECORDED"} == {row["metric"]: row["verdict"] for row in rows}
    assert of(rows, "top1")["reason"].startswith(
        f"20 of {CLIPS} clips: 2 missing, 1 damaged, first {folder / names[4]} ({root}/ucf101/annotations/testlist01.txt:5); "
        f"python -m tools.data check ucf101 --data-root {root} lists")
    assert of(rows, "top1")["measured_share"] > 0


def test_a_subset_of_what_is_there_is_judged(full: Full, root: Path) -> None:
    """--clips judges that many of the clips that are there, in pairs with torch, whatever else is missing."""
    shutil.rmtree(next((root / "ucf101" / "rawframes" / "warm_right").iterdir()))
    rows = full("--clips", "8", only="bs4 and accuracy")

    assert {"top1": "PASS", "top5": "PASS"} == {row["metric"]: row["verdict"] for row in rows}
    assert {"full[8]"} == {row["data"] for row in rows}
    assert "of 8 clips" in rows[0]["reason"]


@pytest.mark.parametrize(("spoilt", "words"), [
    ("clips", ("none of the 23 clips of ucf101 can be used", "testlist01.txt:1", "remedy")),
    ("label", ("ucf101_val_split_1_rawframes.txt:2", "expected 1, which is warm_left", "found 0, which is warm_right")),
])
def test_a_data_set_that_cannot_be_used_is_an_error(full: Full, root: Path, spoilt: str, words: tuple[str, ...]) -> None:
    """Without any clip, or with other classes' labels, the cell is an ERROR: one message."""
    folder = root / "ucf101"
    if spoilt == "clips":
        shutil.rmtree(folder / "rawframes")
    else:
        names = [line.removesuffix(".avi") for line in (folder / "annotations" / "testlist01.txt").read_text().split()]
        (folder / "ucf101_val_split_1_rawframes.txt").write_text("".join(f"{name} 20 0\n" for name in names))
    rows = full(only="bs4 and accuracy")

    assert {"ERROR"} == {row["verdict"] for row in rows}
    for word in words:
        assert word in rows[0]["reason"]
    assert "Traceback" not in rows[0]["reason"]


def test_a_data_set_without_a_list_ends_the_run_before_it_starts(tiny_store: Path, models: Path, root: Path) -> None:
    """One message says what would be taken for a list."""
    shutil.rmtree(root / "ucf101" / "annotations")
    weights = next((tiny_store / "store" / "weights").glob("tiny-mini-*")) / "tiny.pth"
    done = here(*tiny_arguments(tiny_store), f"--models={models}", "-k", "bs4 and accuracy", "--data=full", f"--data-root={root}",
                f"--weights={weights}")

    assert 4 == done.status, done.said
    for word in ("the list of ucf101 is not there", "testlist01.txt", "remedy"):
        assert word in done.said
