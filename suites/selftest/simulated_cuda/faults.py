"""What can fail on a simulated CUDA host, and with which details."""

from __future__ import annotations

KINDS = {
    "kernel": "a run fails on the GPU; code=719. Nothing runs in that process any more",
    "lost": "at='run' (default) or 'load': the GPU has fallen off the bus, for every process until cleared",
    "oom": "at='run' (default), 'input' (memory for a batch) or 'load'",
    "hang": "a run never returns",
    "slow": "a run takes at least ms=100",
    "remembers": "a run takes ms=30 longer where its process has not run that input before",
    "nan": "every output of a run is not a number",
    "shifted": "every output of a run is rolled by one along its last axis",
    "load": "a graph does not load",
    "trt-build": "TensorRT cannot build an engine",
    "busy": "a foreign process is on a GPU, at='during' only with one of ours; pid=293029, name, memory_mb=6612, utilisation=97",
    "throttled": "a GPU holds its clock back; reasons=0x40 (thermal, hardware), clock_mhz=585, temperature_c=92; at='during'",
    "nvml": "NVML cannot start; code=12 (no library), 9 (no driver), 18 (another driver's library), 4 (no permission)",
    "unreadable": "questions to NVML fail; what='utilisation', 'memory', 'processes', 'reasons'..., else all; code=3; at='during'",
}
