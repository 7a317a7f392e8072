"""tools/setup, run in a copy of the project with stand-ins for Python, pip and the machine."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from tools.spec.settings import ROOT


def setup(tmp_path: Path, python: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tools/setup in a copy of the project with another python."""
    (tmp_path / "tools").mkdir(exist_ok=True)
    for name in ("setup", "pytest_paths.py", *(f"requirements{part}.lock" for part in ("", "-cuda", "-ray", "-tests"))):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools" / name)
    machine = tmp_path / "machine"  # the only kind that has the GPU package, whichever runs this test
    machine.mkdir(exist_ok=True)
    if not (machine / "uname").exists():
        script(machine / "uname", UNAME.format(system="Linux", machine="x86_64"))
    return subprocess.run([str(tmp_path / "tools" / "setup"), *options], text=True, capture_output=True, check=False,
                          env=os.environ | {"PYTHON": python, "PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"})


UNAME = 'case "$1" in -s) echo {system} ;; -m) echo {machine} ;; esac'


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def fake_python(tmp_path: Path, body: str) -> str:
    return script(tmp_path / "python", body)


INSTALLER = """case "$*" in
*"-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
*sysconfig*) mkdir -p "${0%/*}/site"; echo "${0%/*}/site" ;;
*"pip uninstall"*) echo "$*" >>"${0%/*}/said"; rm -rf "${0%/bin/python}"/lib/python3*/site-packages/onnxruntime*.dist-info ;;
*"pip install"*) for word; do last=$word; done; echo "$*" >>"${0%/*}/said"; [ -f "$last" ] && cat "$last" >>"${0%/*}/installed" ;;
esac
exit 0"""


def installed(tmp_path: Path) -> set[str]:
    """The packages of the lock that the stand-in for pip was given."""
    lines = (tmp_path / ".venv" / "bin" / "installed").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line and not line.startswith("#")}


def lines(path: Path) -> set[str]:
    """The pins of a lock, or of what .venv remembers."""
    return {line for line in path.read_text().splitlines() if "==" in line and not line.startswith("#")}


def site_packages(tmp_path: Path, *packages: str) -> None:
    """Give the environment packages that pip would know as installed."""
    for package in packages:
        (tmp_path / ".venv" / "lib" / "python3.12" / "site-packages" / f"{package}.dist-info").mkdir(parents=True)
