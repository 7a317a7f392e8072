"""What a measurement on an NPU needs, checked before anything is built for it: chip, runtime and toolkit."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

from tools.engines.ascend import atc, cann, findings, idle, nodes, npu_smi
from tools.errors import CompileError, OptionError
from tools.machine import child
from tools.spec.case import Device
from tools.spec.chips import ChipKind
from tools.spec.settings import Settings

IMPORT_S = 60.0


def require_device(device: Device, settings: Settings) -> None:
    """Check that *device* is fit, and is the chip that is compiled for.

    Raises:
        DeviceError: it cannot be used. OptionError: it is another chip than `--soc-version`.
    """
    require_chip(idle.require_fit(npu_smi.read(), device), device, settings.soc_version)


def require_runtime(settings: Settings) -> None:
    """Check that aclruntime can be imported, and that it has a toolkit.

    Raises:
        EngineError, ChildError: aclruntime cannot be imported. CompileError: there is no toolkit.
    """
    if importlib.util.find_spec("aclruntime") is not None:  # else its absence is said first
        cann.find()
    _import_runtime(settings.store)


def require_compiler(settings: Settings) -> None:
    """Check that there is a toolkit with atc, and that atc finds a Python in which its own part can run.

    Raises:
        CompileError: one of these is missing, or not what atc needs.
    """
    environment = cann.environment(cann.find(), settings.atc_python)
    atc.program(environment)
    devices = nodes.devices()
    if devices and all(device.simulated for device in devices):
        return  # a simulated atc has no Python part
    found = findings.python_of(environment)
    if not found.good:
        raise CompileError(f"{found.thing} cannot run its own part: {found.found}", where=f"--atc-python {settings.atc_python}".strip(),
                           remedy=found.remedy)


def require_chip(chip: ChipKind, device: Device, soc_version: str) -> None:
    """Refuse a device on which nothing loads that is compiled for *soc_version*; empty is whatever it is."""
    if soc_version and not chip.may_be(soc_version):
        raise OptionError(f"{device.label} is a {chip.name}, and what is compiled for {soc_version} does not load there",
                          where=f"--soc-version {soc_version}",
                          remedy="leave it out, or choose another --device; python -m tools.compile compiles for chips that are not here")


@cache
def _import_runtime(store: Path) -> None:
    """Import aclruntime once as a cell's process does."""
    from tools.engines.ascend import probe

    log = store / "logs" / f"aclruntime-{os.getpid()}.log"
    child.call(probe.tell, "importing aclruntime", log=log, on_event=lambda event: None, stall_s=IMPORT_S, environment=cann.of_runtime())
    log.unlink(missing_ok=True)
