"""What can fail on a simulated host, and with which details."""

from __future__ import annotations

KINDS = {
    "kernel": "a run fails on the device's cores; code=507015. Nothing runs in that process any more",
    "hang": "a run never returns",
    "slow": "a run takes at least ms=100",
    "remembers": "a run takes ms=30 longer where its process has not run that input before",
    "nan": "every output of a run is not a number",
    "shifted": "every output of a run is rolled by one along its last axis",
    "copy": "to_host fails",
    "init": "aclInit fails in a process, and every model there fails to load",
    "abort": "a run ends the process by SIGABRT",
    "lost": "at='run' (default) or 'load': the device is gone for every process until cleared",
    "oom": "at='run' (default: outputs), 'input' (copies to the device) or 'load'",
    "load": "a model does not load; code=500002",
    "slow-load": "loading takes seconds=3 longer",
    "mismatch": "driver and toolkit do not fit: no device opens",
    "atc": "the compiler refuses; code='E19999', message",
    "atc-hang": "the compiler never returns",
    "atc-slow": "the compiler takes seconds=3 longer",
    "atc-no-file": "success is said, and no file written",
    "atc-no-success-line": "the file is written with status 0, and nothing said",
    "atc-stale": "the file bears an old date",
    "atc-warning": "success with W11001",
    "atc-suffix": "no fault: the file is named after the host, <output>_linux_<machine>.om",
    "busy": "a foreign process computes on a device; pid=293029, name, memory_mb=6612, aicore=87",
    "health": "a device is not well; word='Warning'",
    "smi-slow": "the status tool takes seconds=3 longer",
    "smi-refused": "the driver refuses the status tool; code=-8020",
    "smi-unreadable": "the status tool prints garbage, status 0",
}
