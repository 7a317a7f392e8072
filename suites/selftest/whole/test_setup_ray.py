"""Ray comes where it is asked for only, whatever else is, with all that it needs."""

from __future__ import annotations

from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from suites.selftest.whole.setting_up import INSTALLER, fake_python, installed, lines, setup
from tools.machine import versions
from tools.spec.settings import ROOT


@pytest.mark.parametrize("others", [(), ("--without-torch",), ("--cuda",), ("--tests", "--without-torch")], ids=" ".join)
def test_ray_comes_beside_whatever_else_is_asked_for(tmp_path: Path, others: tuple[str, ...]) -> None:
    """Later calls know it and do nothing."""
    done = setup(tmp_path, fake_python(tmp_path, INSTALLER), "--ray", *others)
    stamp = tmp_path / ".venv" / "requirements.lock"
    later = [setup(tmp_path, "/nowhere", *options) for options in ((), ("--ray",), (*others, "--ray"))]

    assert 0 == done.returncode, done.stderr
    assert [(0, "")] * 3 == [(again.returncode, again.stderr) for again in later]
    assert lines(tmp_path / "tools" / "requirements-ray.lock") <= lines(stamp)
    assert {"ray", "grpcio", "pyyaml", "filelock", "protobuf"} <= installed(tmp_path)
    assert ("torch" in installed(tmp_path)) == ("--without-torch" not in others)
    assert ("onnxruntime-gpu" in installed(tmp_path)) == ("--cuda" in others)


def test_an_environment_without_ray_gets_it_and_keeps_it_when_the_lock_changes(tmp_path: Path) -> None:
    """A plain set-up brings none of it, and a later plain one keeps what was asked for between them."""
    python, said, stamp = fake_python(tmp_path, INSTALLER), tmp_path / ".venv" / "bin" / "said", tmp_path / ".venv" / "requirements.lock"
    setup(tmp_path, python)
    assert not {"ray", "grpcio"} & installed(tmp_path)

    assert 0 == setup(tmp_path, python, "--ray").returncode
    stamp.write_text(stamp.read_text().replace("numpy==", "numpy==0."))
    said.unlink()
    done = setup(tmp_path, python)

    assert 0 == done.returncode, done.stderr
    assert "--no-deps -r " in said.read_text().splitlines()[-1]
    assert {line for name in ("requirements.lock", "requirements-ray.lock") for line in lines(ROOT / "tools" / name)} == lines(stamp)


@pytest.mark.parametrize("others", [(), ("--without-torch",)], ids=["with torch", "without torch"])
def test_all_that_ray_needs_is_pinned(tmp_path: Path, others: tuple[str, ...]) -> None:
    """Pip resolves nothing, so each need of each package of its lock is pinned to a version that will do."""
    if dict(versions.of("ray"))["ray"] == versions.ABSENT or dict(versions.of("grpcio"))["grpcio"] == versions.ABSENT:
        pytest.skip("Ray is not installed: ./tools/setup --ray")
    setup(tmp_path, fake_python(tmp_path, INSTALLER), "--ray", *others)
    pins = dict(line.partition(";")[0].strip().split("==") for line in lines(tmp_path / ".venv" / "requirements.lock"))
    needs = [(package.partition("==")[0], Requirement(text)) for package in lines(ROOT / "tools" / "requirements-ray.lock")
             for text in requires(package.partition("==")[0]) or ()]

    asked = [(package, need) for package, need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert len(asked) > 10
    assert [] == [f"{package} needs {need}" for package, need in asked
                  if pins.get(need.name.lower().replace("_", "-"), "absent") not in need.specifier]


def test_the_locks_pin_no_package_twice() -> None:
    """Two versions of one would leave it to pip which comes."""
    locks = [ROOT / "tools" / f"requirements{part}.lock" for part in ("", "-cuda", "-ray", "-tests")]
    names = [line.partition("==")[0] for lock in locks for line in lines(lock)]
    assert sorted(set(names)) == sorted(names)
