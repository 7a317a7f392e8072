"""Versions of what shapes an artifact or a measurement, read without importing it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

from tools.spec.settings import ROOT

ABSENT = "absent"
GIT_TIMEOUT_S = 10


def of(*packages: str) -> tuple[tuple[str, str], ...]:
    """Pairs of package and version for keys and records; `absent` where a package is not installed."""
    return tuple((package, _version(package)) for package in packages)


def public(*packages: str) -> tuple[tuple[str, str], ...]:
    """The same pairs without the label of a build: 2.13.0 for 2.13.0+cpu and 2.13.0+cu130."""
    return tuple((package, installed.partition("+")[0]) for package, installed in of(*packages))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT


def commit() -> str:
    """The commit of the harness that measures, with `-dirty` after it if files were changed since.

    `absent` where it is no checkout of git.
    """
    try:
        found = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], cwd=ROOT, text=True,  # noqa: S607
                               capture_output=True, timeout=GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ABSENT
    return found.stdout.strip()


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
