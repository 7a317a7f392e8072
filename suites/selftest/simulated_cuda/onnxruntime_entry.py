"""Stand-in for the GPU package of ONNX Runtime: the installed one, told that it has GPUs which are none."""

from simulated_cuda.loading import load

load(__name__)
