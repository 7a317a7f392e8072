"""What this machine and this Python have: all that measuring on the CPU needs."""

from __future__ import annotations

import platform
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import cache

from tools.engines.findings import MISSING, NOTE, OK, SETUP, WRONG, Examination, Finding, Look, Show, last_line, run
from tools.errors import EngineError
from tools.machine import device_locks, memory, versions
from tools.machine.files import nearest
from tools.spec.settings import ROOT, Settings

GLIBC = (2, 28)  # the floor of the wheels we install
LOCK, CUDA_LOCK, RAY_LOCK = (ROOT / "tools" / f"requirements{part}.lock" for part in ("", "-cuda", "-ray"))
PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)
NEEDED = ("numpy", "onnx", "onnxruntime", "opencv-python-headless", "av", "filelock", "psutil", "pytest", "pytest-benchmark")
LEFT_OUT = {  # package that may be absent -> what does its work instead
    "torch": "what only torch makes comes from another machine: tools/storage/README.md",
    "mmaction2": "it goes with torch", "mmcv-lite": "it goes with torch", "mmengine": "it goes with torch",
    "onnxsim": "graphs of each batch size come from another machine",
    "decord": "only the guides' own path, which ours is timed beside, decodes with it",
}
LOW_MEMORY, LOW_DISK = 4 * 2**30, 2 * 2**30  # a large model at batch 16; one model's data, graphs and runs
ENGINE = ("numpy", "onnxruntime", "opencv-python-headless")
RUNS_ON_CPU = ("import cv2, onnxruntime; assert 'CPUExecutionProvider' in onnxruntime.get_available_providers(), 'no CPU provider'; "
               "print('ONNX Runtime', onnxruntime.__version__)")
SHOWN = 4  # packages that differ
TIMEOUT_S = 120.0  # a cold disk


def python(settings: Settings) -> list[Finding]:
    """The interpreter, and the C library for which its wheels are built."""
    prefix = "a virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"
    name, version = platform.libc_ver()
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    newer = "use a container with glibc 2.28 or newer"
    glibc = Finding(OK, "glibc", version)
    if name != "glibc" or not numbers:
        glibc = Finding(NOTE, "glibc", "none: the packages' wheels are built for it", newer)
    elif numbers < GLIBC:
        glibc = Finding(WRONG, "glibc", f"{version}: the packages' wheels need 2.28", newer)
    return [Finding(OK, "Python", f"{platform.python_version()} in {sys.executable} ({prefix}), {platform.system()} {platform.machine()}"),
            glibc]


def packages(settings: Settings) -> list[Finding]:
    """Our packages by name, and the packages that they need in one line."""
    pins, named = pinned(), (*NEEDED, *LEFT_OUT)
    installed = {name: version or "half removed" for name, version in versions.of(*pins)}  # some metadata without a version
    others = {name: (pin, installed[name]) for name, pin in pins.items() if name not in named}
    return [*(package(name, installed.get(name, versions.ABSENT), pins.get(name, "none")) for name in named), others_of(others)]


def pinned() -> dict[str, str]:
    """The versions in the lock by package, for every kind of host.

    Where a GPU package stands in the place of another, with the libraries that it needs; where Ray is, with
    what it needs.
    """
    found = dict(PINNED.findall(LOCK.read_text(errors="replace")))
    if built_for_gpus():
        libraries = dict(PINNED.findall(CUDA_LOCK.read_text(errors="replace")))
        found.update((name, pin) for name, pin in libraries.items() if name not in versions.GPU_PACKAGES.values())
    if dict(versions.of("ray"))["ray"] != versions.ABSENT:
        found.update(PINNED.findall(RAY_LOCK.read_text(errors="replace")))
    return found


def built_for_gpus() -> dict[str, str]:
    """The GPU package that stands in the place of a package, by that package."""
    return {name: gpu for name, gpu in versions.GPU_PACKAGES.items()
            if any((version or "").endswith(versions.GPU) for _, version in versions.of(name))}


def package(name: str, installed: str, pin: str) -> Finding:
    """One package against the lock. The label of a build, such as torch's `+cpu`, makes no other version."""
    if installed == versions.ABSENT and name in LEFT_OUT:
        return Finding(NOTE, name, "absent", LEFT_OUT[name])
    if installed == versions.ABSENT:
        return Finding(MISSING, name, f"absent, {pin} is pinned", install({name: pin}))
    if installed.partition("+")[0] != pin:
        return Finding(NOTE, name, f"{installed}, {pin} is pinned", install({name: pin}))
    return Finding(OK, name, installed)


def install(pins: Mapping[str, str]) -> str:
    """The step that brings these versions: pip, as set-up leaves a finished .venv alone; else set-up."""
    if sys.prefix == sys.base_prefix:
        return SETUP
    instead = built_for_gpus()
    return shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", "--no-deps",
                       *(f"{instead.get(name, name)}=={pin}" for name, pin in pins.items())])


def others_of(others: Mapping[str, tuple[str, str]]) -> Finding:
    """The other packages of the lock: by name, the version that is pinned and the one that is installed."""
    wanted = {name: pin for name, (pin, installed) in others.items() if installed not in (versions.ABSENT, pin)}
    differing = [f"{name} {others[name][1]} instead of {pin}" for name, pin in wanted.items()]
    absent = sum(installed == versions.ABSENT for _, installed in others.values())
    told = f"{len(others) - absent - len(differing)} as pinned, {absent} absent"
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        return Finding(NOTE, "other packages", f"{told}; {', '.join(differing[:SHOWN])}{more}", install(wanted))
    return Finding(OK, "other packages", told)


def cpu(settings: Settings) -> list[Finding]:
    """Whether ONNX Runtime and OpenCV can be loaded."""
    try:
        return [Finding(OK, "CPU", loaded(), device="cpu")]
    except EngineError as error:
        return [Finding.of(WRONG, "CPU", error)]


def loaded() -> str:
    """What the CPU's engine says of itself. Another process loads it: a broken library may end it.

    Raises:
        EngineError: with its last words.
    """
    done = run([sys.executable, "-c", RUNS_ON_CPU], TIMEOUT_S)
    if done.returncode != 0:
        raise EngineError(f"the CPU's engine cannot be loaded: {last_line(done.stderr)}",
                          remedy=install({name: pin for name, pin in pinned().items() if name in ENGINE}))
    return last_line(done.stdout)


@cache
def require_engine() -> str:
    """What `loaded` says, asked once in a process, since every cell on the CPU asks; errors as there."""
    return loaded()


def cores(settings: Settings) -> list[Finding]:
    """The cores this process may use, and how busy they are."""
    about = dict(versions.machine())
    return [Finding(OK, "cores", f"{about['cores']}, {about['cpu']}, load {about['load']}")]


def free_memory(settings: Settings) -> list[Finding]:
    """The memory that this process may use."""
    free = memory.available_bytes()
    told = f"{free / 2**30:.1f} GiB free"
    if free < LOW_MEMORY:
        return [Finding(NOTE, "memory", f"{told}: not enough for large batches", "choose small ones (-k bs1), or free memory")]
    return [Finding(OK, "memory", told)]


def artifacts(settings: Settings) -> list[Finding]:
    """Whether the artifacts folder can be written, where it is or will be, and how much room is there."""
    folder, thing = settings.artifacts, "artifacts folder"
    try:
        place = nearest(folder)
        with tempfile.TemporaryFile(dir=place):
            pass
        free = shutil.disk_usage(place).free
    except OSError as error:
        return [Finding(WRONG, thing, f"{folder} cannot be written: {error.strerror}",
                        "make it a folder that is writable and not full, or choose another with --artifacts DIR")]
    later = "" if folder == place else f" (not there yet; {place} can be written)"
    told = f"{folder}{later}, {free / 2**30:.1f} GiB free"
    if free < LOW_DISK:
        return [Finding(NOTE, thing, f"{told}: little for what a model needs", "make room, or choose another disk with --artifacts DIR")]
    return [Finding(OK, thing, told)]


def locks(settings: Settings) -> list[Finding]:
    """Whether the folder of the devices' locks can be used, and by whom."""
    folder = device_locks.require(settings.locks)
    return [Finding(OK, "folder of locks", f"{folder}{'' if settings.locks else ', of this user only'}")]


PYTHON: dict[str, Look] = {"Python": python, "packages": packages, "CPU": cpu}
MACHINE: dict[str, Look] = {"cores": cores, "memory": free_memory, "artifacts folder": artifacts, "folder of locks": locks}


def examine(settings: Settings, show: Show) -> Examination:
    """This Python and this machine."""
    return Examination("CPU", (*show("this Python", PYTHON), *show("this machine", MACHINE)))
