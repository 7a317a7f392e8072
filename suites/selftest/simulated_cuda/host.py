"""Lay out a simulated host with NVIDIA GPUs in a folder and make it fail on demand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from suites.selftest.simulated import hosts
from suites.selftest.simulated_cuda.faults import KINDS

SOURCES = Path(__file__).parent
ORT, TENSORRT = "1.31.1", "10.13.3.9"
ON_HOST = ("state.py", "nvml_values.py", "nvml.py", "words.py", "devices.py", "tensors.py", "providers.py", "loading.py", "bindings.py",
           "sessions.py", "computing.py", "engines.py", "__init__.py")
T4: dict[str, Any] = {"name": "Tesla T4", "compute": [7, 5], "memory_mb": 15360, "reserved_mb": 432, "max_clock_mhz": 1590, "limit_w": 70,
                      "makers_limit_w": 70}
A100: dict[str, Any] = {"name": "NVIDIA A100-SXM4-80GB", "compute": [8, 0], "memory_mb": 81920, "reserved_mb": 599, "max_clock_mhz": 1410,
                        "limit_w": 400, "makers_limit_w": 400}
IDLE: dict[str, Any] = {"clock_mhz": 300, "temperature_c": 38, "power_w": 14, "reasons": 0x1, "utilisation_percent": 0, "mig": False,
                        "compute_mode": 0, "display": 0, "processes": []}

WELL: dict[str, Any] = {"faults": [], "missing": [], "on_cpu": [], "rounding": False, "arena_factor": 8}


class SimulatedCuda:
    """A host with GPUs that are none.

    `cuda` is the newest CUDA that its driver runs, as NVML counts: 13000 is 13.0. `missing` are libraries
    that the loader does not find. `on_cpu` are operators or nodes that the provider leaves to the CPU.
    `rounding` moves each output by its last bit. A run takes `arena_factor` times the bytes of its inputs and
    outputs.
    """

    def __init__(self, root: Path, *gpus: dict[str, Any], driver: str = "580.95.05", cuda: int = 13000,
                 tensorrt: str | None = None) -> None:
        self.root = root.absolute()
        for folder in ("dev", "python", "counters", "lost", "sessions", "running"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        every = [{**IDLE, "device": place, "minor": place, "pci": f"00000000:{place + 3:02X}:00.0",
                  "uuid": f"GPU-51bd0000-0000-4000-8000-{place:012d}"} | gpu for place, gpu in enumerate(gpus or (T4,))]
        hosts.write(self.root, {"__simulated__": True, "driver": driver, "cuda": cuda, "needs_cuda": 13, "tensorrt": tensorrt,
                                "gpus": every, "made": 0, **WELL})
        for name in ("nvidiactl", "nvidia-uvm", *(f"nvidia{gpu['minor']}" for gpu in every)):
            (self.root / "dev" / name).touch()
        self._lay_out()

    def environment(self) -> dict[str, str]:
        """What a shell on this host has set; to lay over os.environ."""
        path = ":".join([str(self.root / "python"), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {"CLIPGATE_DEVICE_NODES": str(self.root / "dev"), hosts.CUDA: str(self.root), "PYTHONPATH": path}

    def fault(self, kind: str, **conditions: Any) -> str:
        """From now on something fails; returns the fault's id.

        Conditions: `device` (in PCI order), `batch`, `min_batch`, `at`; `nth` (from which matching call on)
        and `times` (how often), both counted over all processes. Anything else is a detail of the kind, see
        KINDS.
        """
        now, made = hosts.with_fault(hosts.read(self.root), KINDS, kind, conditions)
        hosts.write(self.root, now)
        return made

    def clear(self) -> None:
        """End all faults; lost GPUs come back, missing libraries and packages too."""
        hosts.write(self.root, hosts.read(self.root) | WELL)
        for path in (self.root / "lost").iterdir():
            path.unlink()
        self._lay_out()

    def change(self, **values: Any) -> None:
        """Change what the host is like: `driver`, `cuda`, `tensorrt` and what the class names."""
        hosts.write(self.root, hosts.read(self.root) | values)

    def change_gpu(self, device: int, **values: Any) -> None:
        """Change what a GPU is like or what is on it."""
        now = hosts.read(self.root)
        hosts.write(self.root, now | {"gpus": [gpu | values if gpu["device"] == device else gpu for gpu in now["gpus"]]})

    def uninstall(self, package: str) -> None:
        """Take the stand-in of a package away until everything is cleared: `onnxruntime` or `pynvml`."""
        for path in (self.root / "python").glob(f"{package}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def count(self, fault: str) -> int:
        """How often a fault has struck."""
        return hosts.count(self.root, fault)

    def _lay_out(self) -> None:
        python = self.root / "python"
        for folder in ("simulated_cuda", "onnxruntime", f"onnxruntime_gpu-{ORT}.dist-info"):
            (python / folder).mkdir(exist_ok=True)
        for name in ON_HOST:
            shutil.copy(SOURCES / name, python / "simulated_cuda")
        shutil.copy(SOURCES.parent / "simulated" / "hosts.py", python / "simulated_cuda")
        shutil.copy(SOURCES / "onnxruntime_entry.py", python / "onnxruntime" / "__init__.py")
        shutil.copy(SOURCES / "pynvml_entry.py", python / "pynvml.py")
        (python / f"onnxruntime_gpu-{ORT}.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: {ORT}\nSummary: simulated\n")
