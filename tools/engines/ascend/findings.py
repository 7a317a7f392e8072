"""What this machine has of Ascend, from its device nodes up to the runtime that our Python loads."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from tools.engines import node_findings
from tools.engines.ascend import atc, cann, nodes, npu_smi, om
from tools.engines.ascend.idle import look_before, require_fit
from tools.engines.ascend.npu_smi import Chip, Table
from tools.engines.findings import MISSING, NOTE, OK, WRONG, Examination, Finding, Look, Show, attempt, last_line, run
from tools.errors import ChildError, ClipgateError, CompileError, DeviceError, StoreError
from tools.machine import child
from tools.spec.case import Device
from tools.spec.settings import Settings

BESIDE = ("davinci_manager", "devmm_svm", "hisi_hdc")
CONTAINER = "in a container pass /dev/davinci*, davinci_manager, devmm_svm and hisi_hdc"
LIBRARY = "libascend_hal.so"
LOAD = (f"import ctypes; ctypes.CDLL({LIBRARY!r}); "
        f"print(next((line.split()[-1] for line in open('/proc/self/maps') if {LIBRARY!r} in line), 'found'))")
PYTHONS = ((3, 7), (3, 10))
ATC_PACKAGES = ("numpy", "decorator", "attr")
ANSWER = "answer\t"
ASK_PYTHON = f"""
import sys
found = [sys.executable, "%d.%d" % sys.version_info[:2]]
for name in {ATC_PACKAGES!r}:
    try:
        found.append(str(getattr(__import__(name), "__version__", "of unknown version")))
    except ImportError:
        found.append("")
print({ANSWER!r} + "\t".join(found))
"""  # any Python can run it, 2 as well
OTHER_PYTHON = ("conda create -p DIR python=3.9 'numpy<2' decorator attrs makes one; "
                "then run with --atc-python DIR/bin, here and with pytest")
TIMEOUT_S = 60.0


def device_nodes(settings: Settings) -> list[Finding]:
    """The nodes of the devices, and whether this user may open them."""
    return node_findings.of("device nodes", nodes.OURS, BESIDE, node_findings.Steps(
        f"install the Ascend driver; {CONTAINER}", f"{CONTAINER}; a chip in RC mode has no such nodes", "HwHiAiUser"))


def chips(settings: Settings) -> list[Finding]:
    """npu-smi, our devices as it shows them, and the chips that are no device of ours."""
    program = shutil.which("npu-smi")
    try:
        table = npu_smi.read()
    except DeviceError as error:
        return [Finding.of(WRONG if program else MISSING, "npu-smi", error)]
    ours = nodes.devices()
    strays = [chip for chip in table.chips if chip.device not in [device.index for device in ours]]
    return [Finding(OK, "npu-smi", f"{program}, driver {table.driver}"), *(chip(table, device) for device in ours),
            *(Finding(NOTE, f"NPU {stray.npu} chip {stray.chip}", f"{stray.name}, health {stray.health}: no device of ours", CONTAINER)
              for stray in strays)]


def chip(table: Table, device: Device) -> Finding:
    """Whether npu-smi shows that *device* can be used, and that it could be timed now."""
    assert device.index is not None
    shown = table.of_device(device.index)
    if shown is None:
        return Finding(WRONG, str(device), f"npu-smi shows no device {device.index}",
                       f"compare what npu-smi info -m shows with {nodes.folder()}; {CONTAINER}", str(device))
    name, told = f"{device} ({shown.name})", _told(table, shown, device)
    try:
        kind = require_fit(table, device)
    except DeviceError as error:
        return Finding(WRONG, name, f"{error.what}; {told}", error.remedy or "", str(device))
    if kind.soc_version is None:
        return Finding(NOTE, name, f"{told}; atc knows this chip in several versions",
                       "say which with --soc-version (python -c 'import acl; print(acl.get_soc_name())' prints it)", str(device))
    busy = look_before(table, device.index).busy
    if busy:
        return Finding(NOTE, name, f"{told}; not idle: {', '.join(busy)}", "its speed cannot be judged until it is idle and well",
                       str(device))
    return Finding(OK, name, told, device=str(device))


def _told(table: Table, chip: Chip, device: Device) -> str:
    used, total = ("unknown" if number is None else str(number) for number in (chip.memory_used_mb, chip.memory_total_mb))
    processes = table.processes_of(chip)
    running = "processes unknown"
    if processes is not None:
        running = ", ".join(f"process {process.pid} {process.name}".rstrip() for process in processes) or "no process"
    simulated = "simulated, " if device.simulated else ""
    return f"{simulated}health {chip.health}, device {chip.device}, {used} of {total} MB, {running}"


def driver(settings: Settings) -> list[Finding]:
    """Whether a process of ours can load the driver's library."""
    thing, devices = "driver libraries", nodes.devices()
    if devices and all(device.simulated for device in devices):
        return [Finding(OK, thing, "none needed: the devices are simulated")]
    done = run([sys.executable, "-c", LOAD], TIMEOUT_S, os.environ | _runtime_environment())
    if done.returncode == 0:
        return [Finding(OK, thing, last_line(done.stdout))]
    said = last_line(done.stderr).removeprefix("OSError: ")
    word = MISSING if f"{LIBRARY}: cannot open" in said else WRONG
    return [Finding(word, thing, said, "install the Ascend driver; in a container mount /usr/local/Ascend/driver")]


def _runtime_environment() -> dict[str, str]:
    """The variables of a cell's process; without a toolkit the driver's folders alone."""
    libraries = [str(path) for path in cann.DRIVER_LIBRARIES if path.is_dir()] + [os.environ.get("LD_LIBRARY_PATH", "")]
    return cann.of_runtime() or {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries))}


def toolkit(settings: Settings) -> list[Finding]:
    """The toolkit, its compiler, and the Python that the compiler finds."""
    thing = "CANN toolkit"
    try:
        found = cann.find()
    except CompileError as error:
        return [Finding.of(MISSING if isinstance(error, cann.NoToolkitError) else WRONG, thing, error)]
    environment = cann.environment(found, settings.atc_python)
    first = Finding(OK, thing, f"{found.version} in {found.home}, by {found.script}")
    if found.version == "unknown":
        first = replace(first, word=NOTE, remedy="what it compiles cannot be told from another version's: install it again")
    return [first, *attempt("atc", lambda: [Finding(OK, "atc", atc.program(environment))], MISSING),
            *attempt("atc's python3", lambda: [python_of(environment)])]


def python_of(environment: Mapping[str, str]) -> Finding:
    """The Python that atc finds first in *environment*, and whether its own part can run there."""
    program = shutil.which("python3", path=environment.get("PATH", ""))
    if program is None:
        return Finding(MISSING, "atc's python3", "no python3 on the PATH that set_env.sh makes", OTHER_PYTHON)
    done = run([program, "-c", ASK_PYTHON], TIMEOUT_S, environment)
    answer = [line.split("\t")[1:] for line in done.stdout.splitlines() if line.startswith(ANSWER)]
    if not answer:
        return Finding(WRONG, "atc's python3", f"{program} does not run: {last_line(done.stderr)}", OTHER_PYTHON)
    return atc_python(*answer[0])


def atc_python(where: str, version: str, numpy: str, decorator: str, attrs: str) -> Finding:
    """Whether atc's own Python part can run there; the version of a package that is absent is empty."""
    thing, told = "atc's python3", f"{version} in {where}"
    if not PYTHONS[0] <= tuple(map(int, version.split("."))) <= PYTHONS[1]:
        return Finding(WRONG, thing, f"{told}: atc needs 3.7 to 3.10", OTHER_PYTHON)
    wrong = [f"no {name}" for name, package in (("NumPy", numpy), ("decorator", decorator), ("attrs", attrs)) if not package]
    wrong += [f"NumPy {numpy} is not below 2"] if numpy and not numpy.startswith(("0.", "1.")) else []
    if wrong:
        return Finding(WRONG, thing, f"{told}: {', '.join(wrong)}", f"{shlex.quote(where)} -m pip install 'numpy<2' decorator attrs")
    return Finding(OK, thing, f"{told}, NumPy {numpy}, decorator, attrs")


def runtime(settings: Settings) -> list[Finding]:
    """aclruntime, imported as a cell's process imports it."""
    from tools.engines.ascend import probe  # imports NumPy: where that is absent, aclruntime is not to be blamed

    thing = "aclruntime"
    said: list[str] = []
    word = WRONG if importlib.util.find_spec("aclruntime") else MISSING
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "child.log"
        try:
            child.call(probe.tell, "importing aclruntime", log=log, on_event=lambda event: said.append(event["text"]),
                       stall_s=TIMEOUT_S, environment=_runtime_environment())
        except ChildError as error:
            by_hand = f"import it by hand: source set_env.sh, then {sys.executable} -c 'import aclruntime'"
            printed = log.read_text(errors="replace").partition("\n")[2]  # below the command
            return [Finding(word, thing, f"{error.what}: {last_line(printed)}", by_hand)]
        except ClipgateError as error:
            return [Finding.of(word, thing, error)]
    return [Finding(OK, thing, " ".join(said))]


def rules(settings: Settings, *, present: bool) -> list[Finding]:
    """What the runtime asks of artifacts folder and environment; only notes where Ascend is not *present*."""
    word, paths, number = WRONG if present else NOTE, "path of models", os.environ.get(nodes.RENUMBERED)
    found = [Finding(OK, paths, str(settings.artifacts))]
    try:
        om.require_root(settings.artifacts)
    except StoreError as error:
        found = [Finding.of(word, paths, error)]
    if not number:
        return [*found, Finding(OK, "environment", f"{nodes.RENUMBERED} is not set")]
    told = f"{nodes.RENUMBERED}={number} renumbers the devices, and so does --device"
    return [*found, Finding(word, "environment", told, f"unset {nodes.RENUMBERED}, and name the device by its own number")]


PARTS: dict[str, Look] = {"device nodes": device_nodes, "npu-smi": chips, "driver libraries": driver, "CANN toolkit": toolkit,
                          "aclruntime": runtime}


def examine(settings: Settings, show: Show) -> Examination:
    """All parts of Ascend from the bottom up, then what the runtime asks."""
    found = Examination("Ascend", tuple(show("Ascend", PARTS)), beside=("atc", "atc's python3"))
    return replace(found, rules=tuple(show("what aclruntime asks", {"rules": partial(rules, present=found.present)})))
