"""Lay out a simulated Ascend host in a folder and make it fail on demand."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from suites.selftest.simulated import hosts
from suites.selftest.simulated.faults import KINDS

Variant = Literal["2022-06", "2023-06", "2024-05", "2025-12", "2026-08"]
Smi = Literal["310", "310P", "910B", "new"]
SOURCES = Path(__file__).parent
NPU_IDS = (4, 6, 24, 224, 225)
CHIPS_PER_CARD = {"310": 4, "310P": 1, "910B": 1, "new": 2}

INTERPRETER = Path(sys.executable).resolve()  # outside our environment; `env python3` may start a shell script first

LAUNCHER = """#!{interpreter} -IS
import sys
sys.path.insert(0, {python!r})
from simulated import {module}
sys.exit({module}.main())
"""
SET_ENV = """export LD_LIBRARY_PATH={root}/driver/lib64:{root}/driver/lib64/common:$LD_LIBRARY_PATH
export ASCEND_TOOLKIT_HOME={toolkit}
export LD_LIBRARY_PATH=${{ASCEND_TOOLKIT_HOME}}/lib64:${{ASCEND_TOOLKIT_HOME}}/lib64/plugin/opskernel:$LD_LIBRARY_PATH
export PYTHONPATH=${{ASCEND_TOOLKIT_HOME}}/python/site-packages:${{ASCEND_TOOLKIT_HOME}}/opp/built-in/op_impl/ai_core/tbe:$PYTHONPATH
export PATH=${{ASCEND_TOOLKIT_HOME}}/bin:${{ASCEND_TOOLKIT_HOME}}/compiler/ccec_compiler/bin:$PATH
export ASCEND_AICPU_PATH=${{ASCEND_TOOLKIT_HOME}}
export ASCEND_OPP_PATH=${{ASCEND_TOOLKIT_HOME}}/opp
export TOOLCHAIN_HOME=${{ASCEND_TOOLKIT_HOME}}/toolkit
export ASCEND_HOME_PATH=${{ASCEND_TOOLKIT_HOME}}
"""


class SimulatedNpu:
    """A host with NPUs that are none; everything it says of itself starts with `Sim` or says simulated.

    `variant` is the build of the runtime module, `smi` the layout of the status tool, `cann` the toolkit's
    version; `rounding` passes inputs and outputs through float16; `loader` lets the runtime module import
    only where the toolkit's libraries were on LD_LIBRARY_PATH when the process started, as set_env.sh puts
    them there.
    """

    def __init__(self, root: Path, chip: str = "Sim310P3", devices: int = 2, variant: Variant = "2024-05", smi: Smi = "310P",
                 cann: str = "8.0.0", driver: str = "23.0.0", *, rounding: bool = False, loader: bool = True) -> None:
        self.root = root.absolute()
        self.toolkit = self.root / "Ascend" / "ascend-toolkit" / "latest"
        self.set_env = self.toolkit.parent / "set_env.sh"
        per_card = CHIPS_PER_CARD[smi]
        places = [{"npu": NPU_IDS[device // per_card], "chip": device % per_card, "device": device} for device in range(devices)]
        for folder in ("dev", "driver/bin", "driver/lib64/common", "python", "counters", "lost", "sessions", "running"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self._write_state({"__simulated__": True, "chip": chip, "devices": places, "variant": variant, "smi": smi, "cann": cann,
                           "driver": driver, "rounding": rounding, "loader": loader, "faults": [], "made": 0})
        self._lay_out(devices)

    def environment(self) -> dict[str, str]:
        """What a shell on this host has set before anybody sources set_env.sh; to lay over os.environ."""
        def first(entry: Path, name: str) -> str:
            return ":".join([str(entry), *filter(None, [os.environ.get(name)])])

        return {"CLIPGATE_DEVICE_NODES": str(self.root / "dev"), hosts.NPU: str(self.root),
                "ASCEND_TOOLKIT_HOME": str(self.toolkit), "PATH": first(self.root / "driver" / "bin", "PATH"),
                "PYTHONPATH": first(self.root / "python", "PYTHONPATH")}

    def sourced(self) -> dict[str, str]:
        """The whole environment after set_env.sh."""
        done = subprocess.run(["bash", "-c", 'source "$0" && env -0', str(self.set_env)], env=os.environ | self.environment(),
                              capture_output=True, text=True, check=True)
        return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if "=" in entry)

    def fault(self, kind: str, **conditions: Any) -> str:
        """From now on something fails; returns the fault's id.

        Conditions: `device` (as the driver numbers them), `batch`, `min_batch`, `at`; `nth` (from which
        matching call on) and `times` (how often), both counted over all processes. Anything else is a detail
        of the kind, see KINDS.

        Raises:
            ValueError: there is no such fault.
        """
        now, made = hosts.with_fault(self._read_state(), KINDS, kind, conditions)
        self._write_state(now)
        return made

    def clear(self, kind: str | None = None) -> None:
        """End all faults, or those of one kind; lost devices come back and hidden programs too."""
        now = self._read_state()
        self._write_state(now | {"faults": [fault for fault in now["faults"] if kind not in (None, fault["kind"])]})
        if kind in (None, "lost"):
            for path in (self.root / "lost").iterdir():
                path.unlink()
        if kind is None:
            self._programs()

    def change(self, **values: Any) -> None:
        """Change what the host is like: `variant`, `smi`, `cann`, `driver`, `rounding`, `chip`, `loader`."""
        self._write_state(self._read_state() | values)

    def hide(self, program: Literal["atc", "npu-smi"]) -> None:
        """Uninstall a program until everything is cleared."""
        ((self.toolkit if program == "atc" else self.root / "driver") / "bin" / program).unlink()

    def count(self, fault: str) -> int:
        """How often a fault has struck."""
        return hosts.count(self.root, fault)

    def _read_state(self) -> dict[str, Any]:
        return hosts.read(self.root)

    def _write_state(self, now: dict[str, Any]) -> None:
        hosts.write(self.root, now)

    def _lay_out(self, devices: int) -> None:
        for name in ("davinci_manager", "devmm_svm", "hisi_hdc", *(f"davinci{device}" for device in range(devices))):
            (self.root / "dev" / name).touch()
        now = self._read_state()
        machine = platform.machine()
        info = self.toolkit / f"{machine}-linux" / "ascend_toolkit_install.info"
        for folder in (self.toolkit / "bin", self.toolkit / "lib64", self.toolkit / "opp", info.parent):
            folder.mkdir(parents=True, exist_ok=True)
        info.write_text(f"package_name=Ascend-cann-toolkit\nversion={now['cann']}\ninnerversion=V100R001C00SIMULATED\n"
                        f"arch={machine}\nos=linux\npath={self.toolkit.parent}/{now['cann']}\n")
        (self.root / "driver" / "version.info").write_text(f"Version={now['driver']}\n")
        self.set_env.write_text(SET_ENV.format(root=shlex.quote(str(self.root)), toolkit=shlex.quote(str(self.toolkit))))
        shutil.copytree(SOURCES, self.root / "python" / "simulated", dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("npu.py", "trials.py", "faults.py", "__pycache__"))
        shutil.copy(SOURCES / "extension.py", self.root / "python" / "aclruntime.py")
        metadata = self.root / "python" / "aclruntime-0.0.2.dist-info" / "METADATA"
        metadata.parent.mkdir(exist_ok=True)
        metadata.write_text("Metadata-Version: 2.1\nName: aclruntime\nVersion: 0.0.2\nSummary: simulated\n")
        self._programs()

    def _programs(self) -> None:
        for path, module in ((self.root / "driver" / "bin" / "npu-smi", "smi"), (self.toolkit / "bin" / "atc", "atc")):
            path.write_text(LAUNCHER.format(interpreter=INTERPRETER, python=str(self.root / "python"), module=module))
            path.chmod(0o755)
