"""Whole runs on a real local Ray cluster: nodes with folders of their own, one of which dies meanwhile."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from suites.selftest.cluster import rig
from suites.selftest.cluster.rig import Place, Rig
from suites.selftest.cluster.test_pretended_run import run_of, verdicts
from suites.selftest.conftest import NO_REPORT, Run, clean_environment, tiny_arguments
from suites.selftest.whole.test_full_data import complete as complete
from suites.selftest.whole.test_full_data import models as models
from tools.measuring.predictions import FILE
from tools.spec.settings import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.torch]
CASE = "tiny-bs4-cpu"
OF_RAY = re.compile(r"raylet|ray::|\(pid=|gcs_server|\x1b\[")  # what Ray's own lines hold


@dataclass
class There:
    """Nodes `one` and `two` with all clips, `lacking` without one of them, and `old` with other code."""

    rig: Rig
    one: Place
    two: Place
    lacking: Place


def other_code(folder: Path) -> Path:
    """A checkout that differs from ours in one line."""
    for name in ("tools", "suites/models"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "tools" / "measuring" / "metrics.py"
    path.write_text(path.read_text() + "\nOTHER = 1\n")
    return folder


@pytest.fixture(scope="module")
def there(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    data = [Path(shutil.copytree(complete, tmp_path_factory.mktemp(name) / "data")) for name in ("one", "two", "lacking")]
    next(data[2].glob("ucf101/rawframes/*/*/*_00003.jpg")).unlink()
    with rig.cluster() as made:
        one, two, lacking = (made.add(name, data_root=root) for name, root in zip(("one", "two", "lacking"), data, strict=True))
        made.add("old", code=other_code(tmp_path_factory.mktemp("old")), data_root=data[0])
        made.ready()
        yield There(made, one, two, lacking)


@pytest.fixture(scope="module")
def arguments(models: Path, complete: Path, tiny_store: Path) -> list[str]:
    """What is judged: the whole data set, by a checkpoint of one's own."""
    weights = next((tiny_store / "store" / "weights").glob("tiny-mini-*")) / "tiny.pth"
    return [f"--models={models}", "-m", "tiny", "-k", "bs4 and not throughput", "--data=full", f"--data-root={complete}",
            f"--weights={weights}"]


def test_a_node_that_dies_in_the_middle_changes_no_verdict(there: There, acceptance: Run, tiny_store: Path, arguments: list[str]) -> None:
    """No two nodes share a folder; one lacks a clip, one has other code, one is killed while it scores."""
    alone = acceptance(*arguments)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", NO_REPORT, *tiny_arguments(tiny_store), *arguments,
               f"--ray={there.rig.address}", "--ray-shard=4"]
    run = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = time.monotonic() + 120
    while not any((there.two.artifacts / "cluster").glob(f"*/{CASE}/span-*")):  # it scores
        assert time.monotonic() < end, "node two got no task"
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.02)
    there.rig.kill(there.two)
    said = run.communicate()[0]

    assert 0 == run.returncode, said
    assert verdicts(run_of(alone)) == verdicts(folder := Path(re.findall(r"results: (\S+)/results.jsonl", said)[-1]))
    assert (run_of(alone) / CASE / FILE).read_bytes() == (folder / CASE / FILE).read_bytes()
    assert re.search(r"was lost on \S+/cpu .* attempt 2 of 3", said)
    assert re.search(r"\S+ is not used for tiny: .*", said)
    assert re.search(r"not used: \S+: .*other code", said)
    assert not OF_RAY.search(said), said
    assert json.loads((folder / CASE / "cell.json").read_text())["place"].endswith("/cpu")
