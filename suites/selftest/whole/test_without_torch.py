"""A host without torch: everything torch makes comes out of an archive, and the case ends in verdicts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.conftest import NO_REPORT, TINY_MODELS, clean_environment, tiny_arguments, tiny_measuring, tiny_places
from suites.selftest.whole.test_run import verdicts
from tools.spec.settings import ROOT
from tools.storage.entries import manifests

Hidden = Callable[..., subprocess.CompletedProcess[str]]
SITECUSTOMIZE = '''
"""Hides torch and its company from every Python started with this folder on PYTHONPATH, as if never installed."""

import importlib.metadata
import pathlib
import sys

MODULES = {"torch", "mmaction", "mmcv", "mmengine", "onnxsim"}
PACKAGES = {"torch", "mmaction2", "mmcv-lite", "mmengine", "onnxsim"}
installed = importlib.metadata.version


class Hider:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MODULES:
            with pathlib.Path(__file__).with_name("asked").open("a") as log:
                log.write(f"{name} by {sys.orig_argv}\\n")
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def version(package):
    if package in PACKAGES:
        raise importlib.metadata.PackageNotFoundError(package)
    return installed(package)


sys.meta_path.insert(0, Hider())
importlib.metadata.version = version
'''


@pytest.fixture(scope="module")
def hiding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH that hides torch and its company."""
    folder = tmp_path_factory.mktemp("hiding")
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    return folder


@pytest.fixture(scope="module")
def without_torch(hiding: Path) -> Hidden:
    """Run `python <arguments>` with torch, what needs it, and onnxsim hidden; it may not ask for them."""
    environment = clean_environment() | {"PYTHONPATH": str(hiding)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, text=True, capture_output=True, timeout=300,
                              check=False)
        assert not (hiding / "asked").exists(), (hiding / "asked").read_text()
        return done

    return run


@pytest.fixture(scope="module")
def carried(tiny_store: Path, without_torch: Hidden, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torchless host's artifacts folder, filled from an archive of the tiny model's entries for batch 4."""
    folder = tmp_path_factory.mktemp("carried")
    archive = folder / "tiny.tar"
    packed = subprocess.run([sys.executable, "-m", "tools.store", "export", str(archive), "-m", "tiny", "--batch", "4",
                             f"--models={TINY_MODELS}", f"--artifacts={tiny_store}"], cwd=ROOT, text=True, capture_output=True, check=False)
    assert (0, "") == (packed.returncode, packed.stderr)
    taken = without_torch("-m", "tools.store", "import", str(archive), f"--artifacts={folder / 'host'}")
    assert (0, "") == (taken.returncode, taken.stderr)
    assert {"new"} == {line.partition(":")[0] for line in taken.stdout.splitlines()}
    return folder / "host"


def test_an_imported_case_is_judged_without_torch(carried: Path, without_torch: Hidden) -> None:
    """Mini clips, weights, graph and reference are the imported ones; torch is never asked for.

    Nothing but the clips' check is made.
    """
    before = set(manifests(carried / "store"))
    done = without_torch("-m", "pytest", "-p", "no:cacheprovider", NO_REPORT, *tiny_arguments(carried), "-k", "bs4")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "torch absent, mmaction2 absent, onnxsim absent" in done.stdout
    assert {"top1": "PASS (mini)", "top5": "PASS (mini)", "difference": "PASS (mini)", "cosine": "PASS (mini)",
            "flipped": "PASS (mini)", "inputs": "PASS (mini)", "clips/s": "RECORDED"} == verdicts(done.stdout)
    assert before == set(manifests(carried / "store"))
    assert 1 == len(list(carried.glob("checked/list-test_*.sqlite")))


def test_throughput_needs_no_reference(carried: Path, without_torch: Hidden, tmp_path: Path) -> None:
    """Where torch has left no scores the speed is judged all the same; fidelity names what is missing."""
    host = tmp_path / "host"
    shutil.copytree(carried, host, ignore=shutil.ignore_patterns("reference", "runs"))
    done = without_torch("-m", "pytest", "-p", "no:cacheprovider", NO_REPORT, *tiny_arguments(host), "-k", "bs4 and not accuracy")

    assert {"clips/s": "RECORDED", "fidelity": "ERROR"} == verdicts(done.stdout), done.stdout + done.stderr
    assert "running the torch reference on 23 clips needs torch" in done.stdout


def test_a_batch_size_that_did_not_travel_is_one_error(carried: Path, without_torch: Hidden) -> None:
    """Without onnxsim another batch size names it, the batch and where to make it, without a traceback."""
    done = without_torch("-m", "tools.measure", "tiny", "--batch", "16", *tiny_measuring(carried))

    assert 1 == done.returncode
    first, where, remedy = done.stderr.splitlines()[-3:]
    assert first.startswith("simplifying tiny for batch 16 needs onnxsim, which is not installed here")
    assert where.startswith(f"  where   {carried / 'store'}")
    assert "python -m tools.store export tiny.tar -m tiny; and here: python -m tools.store import tiny.tar" in remedy
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("stage", ["tools.specialise tiny 4", "tools.export tiny",
                                   "tools.reference tiny", "tools.measure tiny --batch 4"])
def test_nothing_is_begun_where_nothing_was_imported(without_torch: Hidden, tmp_path: Path, stage: str) -> None:
    """An empty store is one sentence from every stage.

    It comes before clips are encoded that would not be those of imported weights.
    """
    done = without_torch("-m", *stage.split(), *tiny_places(tmp_path / "host"))

    assert (1, "") == (done.returncode, done.stdout)
    first, where, remedy = done.stderr.splitlines()[-3:]
    assert first.startswith("fitting the mini weights needs torch, mmaction2, mmengine, which are not installed here")
    assert ("  where ", "  remedy") == (where[:8], remedy[:8])
    assert not {"making", "Traceback"} & set(done.stderr.split())
    assert [] == manifests(tmp_path / "host" / "store")


def test_children_see_what_their_parent_sees(without_torch: Hidden, hiding: Path, tmp_path: Path) -> None:
    """A child process has the project's folder first and the rest of its parent's PYTHONPATH behind it."""
    (tmp_path / "shadow.py").write_text("import os, pathlib\ndef look():\n    pathlib.Path('seen').write_text(os.environ['PYTHONPATH'])\n")
    code = ("import os, pathlib, sys; from tools.machine import child; "
            f"os.environ['PYTHONPATH'] += os.pathsep + {str(tmp_path)!r}; sys.path.append({str(tmp_path)!r}); import shadow; "
            f"child.call(shadow.look, 'looking', log=pathlib.Path({str(tmp_path / 'log')!r}), on_event=print)")
    done = without_torch("-c", code)

    assert done.returncode == 0, done.stderr
    assert os.pathsep.join([str(ROOT), str(hiding), str(tmp_path)]) == (tmp_path / "seen").read_text()
