"""What doctor says of this machine and its Python, to the byte and the version."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.engines import host
from tools.engines.findings import NOTE, OK, WRONG, Finding
from tools.machine import device_locks, memory, versions
from tools.spec.settings import Settings

GIB = 2**30
SETTINGS = Settings.parse({})


@pytest.mark.parametrize(("libc", "word", "found"), [
    (("glibc", "2.28"), OK, "2.28"), (("glibc", "2.39"), OK, "2.39"), (("glibc", "3.1"), OK, "3.1"),
    (("glibc", "2.27"), WRONG, "2.27: the packages' wheels need 2.28"), (("", ""), NOTE, "none: the packages' wheels are built for it"),
    (("musl", "1.2"), NOTE, "none: the packages' wheels are built for it"),
    (("glibc", "x"), NOTE, "none: the packages' wheels are built for it"),
])
def test_the_c_library_must_be_new_enough(monkeypatch: pytest.MonkeyPatch, libc: tuple[str, str], word: str, found: str) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    python, glibc = host.python(SETTINGS)

    assert (word, "glibc", found) == (glibc.word, glibc.thing, glibc.found)
    assert ("" if word == OK else "use a container with glibc 2.28 or newer") == glibc.remedy
    assert (OK, "Python") == (python.word, python.thing)


@pytest.mark.parametrize(("prefix", "words"), [("/venv", "(a virtual environment)"), (sys.base_prefix, "(no virtual environment)")])
def test_the_python_is_told_with_its_environment(monkeypatch: pytest.MonkeyPatch, prefix: str, words: str) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)
    assert words in host.python(SETTINGS)[0].found


@pytest.mark.parametrize(("free", "word", "found"), [
    (4 * GIB, OK, "4.0 GiB free"), (4 * GIB - 1, NOTE, "4.0 GiB free: not enough for large batches")])
def test_little_memory_is_a_note(monkeypatch: pytest.MonkeyPatch, free: int, word: str, found: str) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: free)
    [one] = host.free_memory(SETTINGS)

    assert (word, "memory", found) == (one.word, one.thing, one.found)
    assert ("" if word == OK else "choose small ones (-k bs1), or free memory") == one.remedy


@pytest.mark.parametrize(("free", "word", "more"), [(2 * GIB, OK, ""), (2 * GIB - 1, NOTE, ": little for what a model needs")])
def test_little_room_is_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, word: str, more: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    [one] = host.artifacts(Settings.parse({"artifacts": str(tmp_path)}))

    assert (word, "artifacts folder", f"{tmp_path}, 2.0 GiB free{more}") == (one.word, one.thing, one.found)
    assert ("" if word == OK else "make room, or choose another disk with --artifacts DIR") == one.remedy
    [later] = host.artifacts(Settings.parse({"artifacts": str(tmp_path / "a" / "b")}))
    assert f"{tmp_path / 'a' / 'b'} (not there yet; {tmp_path} can be written), 2.0 GiB free{more}" == later.found


def test_a_folder_that_cannot_be_written_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [one] = host.artifacts(Settings.parse({"artifacts": str(tmp_path / "file")}))

    assert (WRONG, f"{tmp_path / 'file'} cannot be written: Not a directory") == (one.word, one.found)
    assert "make it a folder that is writable and not full, or choose another with --artifacts DIR" == one.remedy


@pytest.mark.parametrize("given", [True, False])
def test_locks_of_this_user_only_are_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: bool) -> None:
    monkeypatch.setattr(device_locks, "require", lambda folder: tmp_path)
    [one] = host.locks(Settings.parse({"locks": str(tmp_path)} if given else {}))

    assert Finding(OK, "folder of locks", f"{tmp_path}{'' if given else ', of this user only'}") == one


@pytest.mark.parametrize(("status", "word", "found"), [
    (0, OK, "ONNX Runtime 1.2"), (1, WRONG, "the CPU's engine cannot be loaded: it is broken")])
def test_the_engine_is_tried_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, status: int, word: str, found: str) -> None:
    """With a step that brings its three packages again."""
    asked: list[Any] = []

    def run(command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        asked.append((command[:2], timeout_s))
        return subprocess.CompletedProcess(command, status, "x\nONNX Runtime 1.2\n", "x\nit is broken\n")

    monkeypatch.setattr(host, "run", run)
    monkeypatch.setattr(sys, "prefix", "/venv")
    [one] = host.cpu(SETTINGS)
    assert (word, "CPU", found, "cpu" if word == OK else "") == (one.word, one.thing, one.found, one.device)
    assert [([sys.executable, "-c"], 120.0)] == asked
    if word == WRONG:
        assert set(host.ENGINE) == {part.partition("==")[0] for part in one.remedy.split() if "==" in part}


@pytest.mark.parametrize(("differing", "more"), [(4, ""), (5, " and 1 more")])
def test_four_packages_that_differ_are_named(differing: int, more: str) -> None:
    found = host.others_of({f"c{number}": ("1", "2") for number in range(differing)})
    assert found.found.endswith(f"c3 2 instead of 1{more}")
    assert found.found.startswith("0 as pinned, 0 absent; c0 2 instead of 1, ")


@pytest.mark.parametrize(("name", "installed", "found", "remedy"), [
    ("torch", "absent", "absent", "what only torch makes comes from another machine: tools/storage/README.md"),
    ("numpy", "absent", "absent, 2.4 is pinned", "numpy==2.4"), ("numpy", "2.3", "2.3, 2.4 is pinned", "numpy==2.4"),
    ("numpy", "2.4+x", "2.4+x", ""),
])
def test_a_package_is_told_with_what_brings_it(monkeypatch: pytest.MonkeyPatch, name: str, installed: str, found: str, remedy: str) -> None:
    monkeypatch.setattr(sys, "prefix", "/venv")
    one = host.package(name, installed, "2.4")
    assert (found, name) == (one.found, one.thing)
    assert one.remedy.endswith(remedy) if remedy else one.remedy == ""


def test_a_package_that_is_half_removed_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its metadata are there and have no version."""
    monkeypatch.setattr(host, "pinned", lambda: {"numpy": "2.4", "other": "1"})
    monkeypatch.setattr(versions, "of", lambda *names: [("numpy", None), ("other", "1")])
    found = {one.thing: one for one in host.packages(SETTINGS)}

    assert "half removed, 2.4 is pinned" == found["numpy"].found
    assert "1 as pinned, 0 absent" == found["other packages"].found
    assert "absent, none is pinned" == found["onnx"].found


def test_cores_are_told_with_their_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "machine", lambda: (("cores", "8"), ("cpu", "a CPU"), ("load", "1.25")))
    assert [Finding(OK, "cores", "8, a CPU, load 1.25")] == host.cores(SETTINGS)
