"""What there is of this machine and this Python: all that measuring on the CPU needs."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.engines.findings import MISSING, NOTE, OK, SETUP, WRONG, Examination, Finding, Look, Show, last_line
from tools.machine import memory, versions
from tools.spec.settings import ROOT, Settings

GLIBC = (2, 28)  # the floor of the wheels we install
LOCK = ROOT / "tools" / "requirements.lock"
PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)
NEEDED = ("numpy", "onnx", "onnxruntime", "opencv-python-headless", "av", "filelock", "psutil", "pytest", "pytest-benchmark")
LEFT_OUT = {  # what another machine, or another package, can do instead
    "torch": "what only torch makes comes from another machine: tools/storage/README.md",
    "mmaction2": "it goes with torch", "mmcv-lite": "it goes with torch", "mmengine": "it goes with torch",
    "onnxsim": "graphs of each batch size come from another machine",
    "decord": "PyAV decodes instead, as where decord has no wheel",
}
LOW_MEMORY, LOW_DISK = 4 * 2**30, 2 * 2**30  # a large model at batch 16; what one model's data, graphs and runs take
ENGINE = ("numpy", "onnxruntime", "opencv-python-headless")
RUNS_ON_CPU = ("import cv2, onnxruntime; assert 'CPUExecutionProvider' in onnxruntime.get_available_providers(), 'no CPU provider'; "
               "print('ONNX Runtime', onnxruntime.__version__)")
SHOWN = 4  # of the packages that differ
TIMEOUT_S = 120.0  # a cold disk


def python(settings: Settings) -> list[Finding]:
    """The interpreter, which has been able to read us, and the C library its wheels are built for."""
    prefix = "a virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"
    name, version = platform.libc_ver()
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    glibc = Finding(OK, "glibc", version)
    if name != "glibc" or not numbers:
        glibc = Finding(NOTE, "glibc", "none: the packages' wheels are built for it", "use a container with glibc 2.28 or newer")
    elif numbers < GLIBC:
        glibc = Finding(WRONG, "glibc", f"{version}: the packages' wheels need 2.28", "use a container with glibc 2.28 or newer")
    return [Finding(OK, "Python", f"{platform.python_version()} in {sys.executable} ({prefix}), {platform.system()} {platform.machine()}"),
            glibc]


def packages(settings: Settings) -> list[Finding]:
    """Ours by name, the packages they need in one line."""
    pins, named = pinned(), (*NEEDED, *LEFT_OUT)
    installed = {name: found or "half removed" for name, found in versions.of(*pins)}  # a folder of metadata without a version
    others = {name: (pin, installed[name]) for name, pin in pins.items() if name not in named}
    return [*(package(name, installed.get(name, versions.ABSENT), pins.get(name, "none")) for name in named), others_of(others)]


def pinned() -> dict[str, str]:
    """The lock's versions by package, whatever hosts its markers name."""
    return dict(PINNED.findall(LOCK.read_text(errors="replace")))


def package(name: str, installed: str, pin: str) -> Finding:
    """One package against the lock; a build's own label, torch's `+cpu`, is no other version."""
    if installed == versions.ABSENT and name in LEFT_OUT:
        return Finding(NOTE, name, "absent", LEFT_OUT[name])
    if installed == versions.ABSENT:
        return Finding(MISSING, name, f"absent, {pin} is pinned", install({name: pin}))
    if installed.partition("+")[0] != pin:
        return Finding(NOTE, name, f"{installed}, {pin} is pinned", install({name: pin}))
    return Finding(OK, name, installed)


def install(pins: Mapping[str, str]) -> str:
    """The step that puts these versions into this Python, or makes a Python for them; set-up itself leaves a finished .venv alone."""
    if sys.prefix == sys.base_prefix:
        return SETUP
    return shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", "--no-deps",
                       *(f"{name}=={pin}" for name, pin in pins.items())])


def others_of(others: Mapping[str, tuple[str, str]]) -> Finding:
    """The rest of the lock, by name: what is pinned, and what is installed."""
    wanted = {name: pin for name, (pin, found) in others.items() if found not in (versions.ABSENT, pin)}
    differing = [f"{name} {others[name][1]} instead of {pin}" for name, pin in wanted.items()]
    absent = sum(found == versions.ABSENT for _, found in others.values())
    told = f"{len(others) - absent - len(differing)} as pinned, {absent} absent"
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        return Finding(NOTE, "other packages", f"{told}; {', '.join(differing[:SHOWN])}{more}", install(wanted))
    return Finding(OK, "other packages", told)


def cpu(settings: Settings) -> list[Finding]:
    """Whether what runs a graph and what reads clips can be loaded, in a process of its own: a broken library may end it."""
    done = subprocess.run([sys.executable, "-c", RUNS_ON_CPU], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        step = install({name: pin for name, pin in pinned().items() if name in ENGINE})
        return [Finding(WRONG, "CPU", f"its engine cannot be loaded: {last_line(done.stderr)}", step)]
    return [Finding(OK, "CPU", last_line(done.stdout), device="cpu")]


def cores(settings: Settings) -> list[Finding]:
    """The cores this process may use, and how busy they are."""
    about = dict(versions.machine())
    return [Finding(OK, "cores", f"{about['cores']}, {about['cpu']}, load {about['load']}")]


def free_memory(settings: Settings) -> list[Finding]:
    """Memory, as far as this process may use it."""
    free = memory.available_bytes()
    told = f"{free / 2**30:.1f} GiB free"
    if free < LOW_MEMORY:
        return [Finding(NOTE, "memory", f"{told}: not enough for large batches", "choose small ones (-k bs1), or free memory")]
    return [Finding(OK, "memory", told)]


def artifacts(settings: Settings) -> list[Finding]:
    """Whether the folder of all that is built can be written, tried where it is or will be, and the room there."""
    folder, thing = settings.artifacts, "artifacts folder"
    try:
        place = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        with tempfile.TemporaryFile(dir=place):
            pass
        free = shutil.disk_usage(place).free
    except OSError as error:
        return [Finding(WRONG, thing, f"{folder} cannot be written: {error.strerror}",
                        "make it a folder that is writable and not full, or choose another with --artifacts DIR")]
    told = f"{folder}{_not_yet(folder, place)}, {free / 2**30:.1f} GiB free"
    if free < LOW_DISK:
        return [Finding(NOTE, thing, f"{told}: little for what a model needs", "make room, or choose another disk with --artifacts DIR")]
    return [Finding(OK, thing, told)]


def _not_yet(folder: Path, place: Path) -> str:
    return "" if folder == place else f" (not there yet; {place} can be written)"


PYTHON: dict[str, Look] = {"Python": python, "packages": packages, "CPU": cpu}
MACHINE: dict[str, Look] = {"cores": cores, "memory": free_memory, "artifacts folder": artifacts}


def examine(settings: Settings, show: Show) -> Examination:
    """This Python and this machine: the CPU is a device where it can be loaded and the artifacts folder be written."""
    found = (*show("this Python", PYTHON), *show("this machine", MACHINE))
    return Examination("CPU", found)
