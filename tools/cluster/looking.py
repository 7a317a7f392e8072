"""What a node is: its code, its folders, the devices on it that are fit to be used."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path

from tools import engines
from tools.cluster import home
from tools.cluster.values import Code, Failed, Node
from tools.datasets import choice
from tools.errors import ClipgateError
from tools.machine import versions
from tools.machine.files import nearest, sha256
from tools.measuring.measure import PACKAGES
from tools.measuring.sameness import PREPROCESSING, Kind, kind
from tools.spec.case import Device
from tools.spec.catalog import load_spec, model_names
from tools.spec.digest import digest
from tools.spec.options import ROOT
from tools.spec.settings import Settings
from tools.storage.context import Context

TOOLS = ROOT / "tools"
LARGE = 16 * 2**20  # bytes; a file of that size beside the models is a network, whose digest is compared by itself


def code(settings: Settings) -> Code:
    """The code of this process, as it was on disk when somebody asked first."""
    return _code(_first(TOOLS), _first(ROOT / settings.models))


def now(settings: Settings) -> Code:
    """The code as it is on disk now: children of this process run that."""
    return _code(_read(TOOLS), _read(ROOT / settings.models))


def differs(wanted: Code, here: Code) -> str:
    """In what the code *here* is not the *wanted* one, in words; empty if it is the same."""
    words = [f"{one.name} {mine or 'unknown'} here, {theirs or 'unknown'} there"
             for one in fields(Code) if one.name in ("python", "ray")
             if (mine := getattr(here, one.name)) != (theirs := getattr(wanted, one.name))]
    if here.digest != wanted.digest:
        edited = here.commit == wanted.commit
        words.append(f"files of tools/ or of the models differ although both are at commit {here.commit}" if edited else
                     f"commit {here.commit} here, {wanted.commit} there")
    return "; ".join(words)


def look(driver: Settings, token: str) -> Node | Failed:
    """This node, for a driver of these settings; nothing heavy is loaded.

    token: the name of a file that the driver has left in its artifacts folder. Failed: the node's own file of
    options is wrong.
    """
    place = home.place()
    home.environment()
    try:
        settings = home.settings(driver)
        has = home.resources()
        fit, told = _devices(has)
        return Node(place.id, place.name, code(settings), str(ROOT), str(settings.artifacts), (settings.artifacts / token).is_file(),
                    settings.data_root, _full_data(settings), has.get("CPU", 0.0), has.get("memory", 0.0), fit,
                    versions.of(*PACKAGES, *PREPROCESSING), told, shutil.disk_usage(nearest(settings.artifacts)).free,
                    _kinds(fit))
    except ClipgateError as error:
        return Failed(place.id, place.name, "", error.parts, unfit=True)


def _code(tools: str, models: str) -> Code:
    return Code(versions.commit(), digest([tools, models]), platform.python_version(), dict(versions.of("ray"))["ray"])


@cache
def _first(folder: Path) -> str:
    """As a folder was when this process first asked: what it has loaded of it stays so."""
    return _read(folder)


def _read(folder: Path) -> str:
    return digest([[path.relative_to(folder).as_posix(), _content(path)] for path in _files(folder)])


def _files(folder: Path) -> Iterator[Path]:
    """The files that shape what is run, sorted: not what Python and editors leave beside them."""
    for path in sorted(folder.rglob("*")):
        beside = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)
        if not beside and path.is_file():
            yield path


def _content(path: Path) -> str:
    size = path.stat().st_size
    return f"{size} bytes" if size > LARGE else sha256(path)


def _devices(has: Mapping[str, float]) -> tuple[tuple[tuple[Device, str], ...], tuple[str, ...]]:
    """The devices that Ray can give to a task here and that are fit, with their chips; why not the others.

    Ray counts a kind of device, and numbers those from 0 on, or as it was lent them when it was started.
    """
    fit, told = [], []
    for device in engines.devices():
        counted = engines.family(device).RAY
        if counted and str(device.index or 0) not in _handed_out(counted, has):
            lent = home.lent().get(counted)
            which = f", lent as {', '.join(lent)}" if lent else ""
            told.append(f"{device.label}: Ray counts {has.get(counted, 0.0):g} {counted} here{which}")
            continue
        if not (counted or engines.family(device).ON_HOST):
            continue
        try:
            fit.append((device, engines.family(device).describe(device).name))
        except ClipgateError as error:
            told.append(f"{device.label}: {error.what}")
    return tuple(fit), tuple(told)


def _kinds(fit: Sequence[tuple[Device, str]]) -> tuple[tuple[str, Kind], ...]:
    """What each kind of device is, by its family; not of one whose software does not say it."""
    found = {}
    for device, chip in fit:
        if (device.family, chip) not in found:
            with suppress(ClipgateError):
                found[device.family, chip] = kind(device)
    return tuple((family, one) for (family, _), one in found.items())


def _handed_out(counted: str, has: Mapping[str, float]) -> Sequence[str]:
    """The devices of a kind that Ray gives to tasks here, by their numbers."""
    number = int(has.get(counted, 0.0))
    return [*home.lent().get(counted, map(str, range(number)))][:number]


def _full_data(settings: Settings) -> tuple[str, ...]:
    """The data sets whose lists, or what those can be made of, lie below the node's data root."""
    specs = [load_spec(settings.models, name) for name in model_names(settings.models)]
    return tuple(sorted({spec.dataset for spec in specs if choice.full_is_there(Context(settings, spec))}))
