"""What this machine has of NVIDIA, from its device nodes up to the provider that our Python loads."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from tools.engines import node_findings
from tools.engines.cuda import libraries, needed, nodes, nvml, ready, runtime
from tools.engines.cuda.idle import look_before, require_fit
from tools.engines.cuda.nvml import Gpu, Host
from tools.engines.findings import MISSING, NOTE, OK, WRONG, Examination, Finding, Look, Show, Word, last_line, run
from tools.errors import ChildError, ClipgateError, DeviceError
from tools.machine import child, device_locks, versions
from tools.spec.case import USUAL, Device, Mode
from tools.spec.settings import ROOT, Settings

BESIDE = ("nvidiactl", "nvidia-uvm")
CONTAINER = "in a container hand the GPU in: docker run --gpus all"
DRIVER = f"{needed.DRIVER}; {CONTAINER}"
ANSWER = "answer\t"
LOAD = f"""
import contextlib, ctypes, io, sys
import onnxruntime
sys.path.insert(0, {str(ROOT)!r})
from tools.engines.cuda import runtime
built = getattr(onnxruntime, "cuda_version", "") or "0"
major = int(built.partition(".")[0])
with contextlib.redirect_stdout(io.StringIO()):
    getattr(onnxruntime, "preload_dlls", lambda: None)()
absent = []
for name in ("libcudart.so.%d" % major, "libcublasLt.so.%d" % major, "libcublas.so.%d" % major, "libcurand.so.10", "libnvrtc.so.%d" % major,
             runtime.CUDNN):
    try:
        ctypes.CDLL(name)
    except OSError as error:
        absent.append(str(error))
print({ANSWER!r} + "\\t".join([built, "" if absent else runtime.cudnn_version(), *absent]))
"""
PROVIDER = "CUDA provider"
TIMEOUT_S = 120.0  # two gigabytes of libraries on a cold disk


def device_nodes(settings: Settings) -> list[Finding]:
    """The nodes of the GPUs, and whether this user may open them."""
    return node_findings.of("nodes of GPUs", nodes.OURS, BESIDE, node_findings.Steps(
        DRIVER, f"sudo nvidia-modprobe -u -c 0 makes them; {CONTAINER}", "video"))


def driver(settings: Settings) -> list[Finding]:
    """The driver and the CUDA that it runs, our GPUs as NVML shows them, and those that are none of ours."""
    devices = nodes.devices()
    try:
        found = nvml.read()
    except DeviceError as error:
        return [Finding.of(WRONG if devices else MISSING, "NVIDIA driver", error)]
    return [driver_of(found, needed.built_for()), *(gpu(found, device) for device in devices),
            *(Finding(NOTE, "another GPU", f"{stray.name}, {stray.unfit or 'no node is its own'}: no device of ours", CONTAINER)
              for stray in found.gpus if stray.index is None)]


def driver_of(found: Host, major: int) -> Finding:
    """Whether the driver runs that *major* version of CUDA."""
    thing, simulated = "NVIDIA driver", "simulated, " if found.simulated else ""
    if not found.cuda:
        return Finding(NOTE, thing, f"{simulated}{found.driver}, which does not say which CUDA it runs", f"CUDA {major} is needed")
    if int(found.cuda.partition(".")[0]) < major:
        return Finding(WRONG, thing, f"{simulated}{found.driver} runs CUDA {found.cuda} at most: ONNX Runtime is built for CUDA {major}",
                       DRIVER)
    return Finding(OK, thing, f"{simulated}{found.driver}, runs CUDA up to {found.cuda}")


def gpu(found: Host, device: Device) -> Finding:
    """Whether NVML shows that *device* can be used, and that it could be timed now."""
    assert device.index is not None
    try:
        kind = require_fit(found, device)
    except DeviceError as error:
        return replace(Finding.of(WRONG, str(device), error), device=str(device))  # other GPUs can be used all the same
    shown = found.of_device(device.index)
    assert shown is not None
    name, told = f"{device} ({kind.name})", told_of(shown)
    if shown.compute is not None and shown.compute < needed.OLDEST:
        why = f"CUDA {needed.built_for()} computes from {_number(needed.OLDEST)} on"
        return Finding(WRONG, name, f"{told}: {why}", "choose another GPU", str(device))
    sample = look_before(found, device.index)
    if sample.busy or shown.reading.throttled or sample.unknown:
        seen = [*sample.busy, *(f"slowed down by {reason}" for reason in shown.reading.throttled), *sample.unknown]
        return Finding(NOTE, name, f"{told}; {', '.join(seen)}", "its speed cannot be judged as long as that is so", str(device))
    return Finding(OK, name, told, device=str(device))


def told_of(shown: Gpu) -> str:
    """The GPU in a line; what is not known of it is left out."""
    reading = shown.reading
    used, total = ("unknown" if number is None else str(number) for number in (shown.memory_used_mb, shown.memory_total_mb))
    parts = [f"compute capability {_number(shown.compute)}" if shown.compute else "", f"{used} of {total} MB",
             "" if reading.clock_mhz is None else f"{reading.clock_mhz:.0f} MHz",
             "" if reading.temperature_c is None else f"{reading.temperature_c:.0f} C",
             "" if shown.processes or shown.processes is None else "no process", "MIG" if shown.mig else ""]
    return ", ".join(filter(None, parts))


def _number(compute: tuple[int, int]) -> str:
    return f"{compute[0]}.{compute[1]}"


def package(settings: Settings) -> list[Finding]:
    """ONNX Runtime's GPU package, in the place of the CPU's and not beside it."""
    thing, version, devices = "ONNX Runtime for GPUs", runtime.installed(), nodes.devices()
    [(_, other)] = versions.of("onnxruntime")
    if not version:
        return [Finding(MISSING, thing, f"{runtime.PACKAGE} is not installed; onnxruntime {other} computes on the CPU only",
                        f"{libraries.SETUP} puts it in the place of onnxruntime")]
    if not other.endswith(versions.GPU) and not (devices and all(device.simulated for device in devices)):
        pip = f"{sys.executable} -m pip"
        return [Finding(WRONG, thing, f"{runtime.PACKAGE} {version} and onnxruntime {other} are both installed, and write the same files",
                        f"{pip} uninstall -y onnxruntime {runtime.PACKAGE}\n"
                        f"{pip} install --no-deps {runtime.PACKAGE}=={version}")]
    return [Finding(OK, thing, f"{runtime.PACKAGE} {version}")]


def loaded(settings: Settings) -> list[Finding]:
    """CUDA's libraries and cuDNN, as a process of ours loads them."""
    thing, devices = "CUDA and cuDNN", nodes.devices()
    if not runtime.installed():
        return []  # they come with the package, which is what is missing
    if devices and all(device.simulated for device in devices):
        return [Finding(OK, thing, "none needed: the GPUs are simulated")]
    done = run([sys.executable, "-c", LOAD], TIMEOUT_S)
    answer = [line.split("\t")[1:] for line in done.stdout.splitlines() if line.startswith(ANSWER)]
    if not answer:
        return [Finding(WRONG, thing, f"ONNX Runtime cannot be imported: {last_line(done.stderr)}", libraries.SETUP)]
    return [told_libraries(*answer[0])]


def told_libraries(cuda: str, cudnn: str, *absent: str) -> Finding:
    """What was loaded, or what was not.

    cuda: what ONNX Runtime is built for. cudnn: its version; empty where something is absent.
    absent: the loader's own words.
    """
    thing = "CUDA and cuDNN"
    if not absent:
        return Finding(OK, thing, f"CUDA {cuda}, cuDNN {cudnn}")
    lacking = libraries.missing("\n".join(absent), int(cuda.partition(".")[0]))
    if lacking is None:
        return Finding(WRONG, thing, absent[0], libraries.SETUP)
    more = f"; {len(absent) - 1} more are missing" if len(absent) > 1 else ""
    return Finding(WRONG, thing, f"{lacking.what}{more}", lacking.remedy)


def provider(settings: Settings) -> list[Finding]:
    """Whether ONNX Runtime computes on a GPU, and not on the CPU instead; without one, what it lacks."""
    return [computing(settings, PROVIDER, USUAL, WRONG)] if runtime.installed() else []


def computing(settings: Settings, thing: str, mode: Mode, refused: Word) -> Finding:
    """What another process says that lets the first GPU compute in *mode*; *refused* where it does not.

    One on which somebody measures is left alone.
    """
    from tools.engines.cuda import probe  # imports NumPy

    said: list[str] = []
    device = next(iter(nodes.devices()), Device("cuda", 0))
    if not device_locks.is_free(settings.locks, device.label):
        return Finding(NOTE, thing, f"{device} is being measured on, and was not tried", "run doctor again when that is over")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "child.log"
        try:
            child.call(partial(probe.tell, device, mode), "computing on a GPU", log=log, on_event=lambda event: said.append(event["text"]),
                       stall_s=TIMEOUT_S, environment=ready.environment(device))
        except ChildError as error:
            printed = log.read_text(errors="replace").partition("\n")[2]  # below the command
            return Finding(refused, thing, f"{error.what}: {last_line(printed)}", "look for the GPU in sudo dmesg, and try another one")
        except ClipgateError as error:
            return Finding.of(refused, thing, error)
    return Finding(OK, thing, " ".join(said))


def tensorrt(settings: Settings) -> list[Finding]:
    """Whether TensorRT computes on a GPU, which only `--engine tensorrt` needs."""
    return [computing(settings, "TensorRT", Mode("tensorrt"), NOTE)]


def environment(settings: Settings, *, present: bool) -> list[Finding]:
    """Whether a variable lets CUDA count or compute otherwise than asked; a note if nothing is *present*."""
    try:
        nodes.require_undisturbed()
    except DeviceError as error:
        return [Finding.of(WRONG if present else NOTE, "environment of CUDA", error)]
    return [Finding(OK, "environment of CUDA", f"neither {nodes.RENUMBERED} nor {nodes.OVERRIDE} is set")]


PARTS: dict[str, Look] = {"nodes of GPUs": device_nodes, "NVIDIA driver": driver, "ONNX Runtime for GPUs": package,
                          "CUDA and cuDNN": loaded, PROVIDER: provider}


def examine(settings: Settings, show: Show) -> Examination:
    """All parts of NVIDIA from the bottom up, then TensorRT where CUDA computes, and what CUDA asks."""
    found = Examination("NVIDIA", tuple(show("NVIDIA", PARTS)))
    rules: dict[str, Look] = {"environment of CUDA": partial(environment, present=found.present)}
    if any(one.thing == PROVIDER and one.good for one in found.parts):
        rules["TensorRT"] = tensorrt
    return replace(found, rules=tuple(show("beside CUDA", rules)))
