"""Stand-in for nvidia-ml-py's `pynvml`: no GPU, and no way to take it for one."""

from simulated_cuda.nvml import names

globals().update(names())
