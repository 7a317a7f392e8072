"""Versions of what shapes an artifact or a measurement, and the commit of our own code."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tools.spec.settings import ROOT

ABSENT = "absent"
UNKNOWN = "unknown"
GIT_TIMEOUT_S = 10.0
GPU = "+gpu"  # the label of what stands in for a package, as of a build
GPU_PACKAGES = {"onnxruntime": "onnxruntime-gpu"}  # package -> what may stand in its place: the same, and more


def of(*packages: str) -> tuple[tuple[str, str], ...]:
    """Pairs of package and version for keys and records; `absent` where a package is not installed.

    The GPU package of ONNX Runtime in the place of the CPU's is a build of it: 1.31.1+gpu.
    """
    return tuple((package, _version(package)) for package in packages)


def public(*packages: str) -> tuple[tuple[str, str], ...]:
    """The same pairs without the label of a build: 2.13.0 for 2.13.0+cpu, 1.31.1 for 1.31.1+gpu."""
    return tuple((package, installed.partition("+")[0]) for package, installed in of(*packages))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        built = _version(GPU_PACKAGES[package]) if package in GPU_PACKAGES else ABSENT
        return ABSENT if built == ABSENT else f"{built}{GPU}"


@cache
def commit() -> str:
    """The commit of this checkout, with `+` where files differ from it; `unknown` without git."""
    top, _, head = _git("rev-parse", "--show-toplevel", "HEAD").partition("\n")
    if not head or Path(top).resolve() != ROOT.resolve():
        return UNKNOWN
    return f"{head[:12]}{'+' if _git('status', '--porcelain', '--untracked-files=no') else ''}"


def _git(*arguments: str) -> str:
    """What git says of this checkout; empty if it fails."""
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        done = subprocess.run([git, "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def machine() -> tuple[tuple[str, str], ...]:
    """What a measurement ran on; `load` is the machine's average over the last minute."""
    return (("python", platform.python_version()), ("system", platform.platform()), ("cpu", _cpu_name()),
            ("cores", str(len(os.sched_getaffinity(0)))), ("load", f"{os.getloadavg()[0]:.2f}"))


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith(("model name", "Model"))]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
