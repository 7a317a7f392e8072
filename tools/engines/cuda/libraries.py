"""Which package brings a library that CUDA's provider misses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.machine import versions

SETUP = "./tools/setup --cuda"
MISSING = re.compile(r"(lib[\w+-]+\.so)((?:\.\d+)*): cannot open shared object file")
TENSORRT = "tensorrt"  # set-up leaves it out: it is as large as all the rest
PACKAGES = {  # how a library's name begins -> the package that brings it
    "libcublas": "nvidia-cublas", "libcudart": "nvidia-cuda-runtime", "libcurand": "nvidia-curand", "libcufft": "nvidia-cufft",
    "libnvrtc": "nvidia-cuda-nvrtc", "libnvJitLink": "nvidia-nvjitlink", "libcudnn": "nvidia-cudnn",
    "libnvinfer": TENSORRT, "libnvonnxparser": TENSORRT,
}
NUMBERED = ("nvidia-cudnn", TENSORRT)  # these have the major version of CUDA in their names whichever it is
UNNUMBERED = 13  # from this CUDA on, the others have none
MAJORS = (11, 12, 13, 14)  # of CUDA, whose packages may be here by mistake
OF_DRIVER = ("libcuda.so", "libnvidia-ml.so")


@dataclass(frozen=True, slots=True)
class Missing:
    """What to say of a library that is not here, and what to do."""

    what: str
    remedy: str


def missing(said: str, major: int) -> Missing | None:
    """The first library that *said* names as missing, for an ONNX Runtime built for that *major* of CUDA."""
    for name, number in MISSING.findall(said):
        base = next((package for start, package in PACKAGES.items() if name.startswith(start)), "")
        if name in OF_DRIVER:
            return Missing(f"{name}{number} is missing: it comes with NVIDIA's driver",
                           "install the driver; in a container run it with --gpus all")
        if base:
            other = _other_major(base, major)
            here = f", and {base} is here for CUDA {other} while ONNX Runtime is built for CUDA {major}" if other else ""
            remedy = f"{SETUP} installs what CUDA needs"
            if base == TENSORRT:
                remedy = f"{install(major, number.strip('.').partition('.')[0])}; without --engine tensorrt it is not needed"
            return Missing(f"{name}{number} is missing{here}: install {package(base, major)}", remedy)
        if not name.startswith("libonnxruntime"):
            return Missing(f"{name}{number} is missing", f"{SETUP} installs what CUDA needs")
    return None


def package(base: str, major: int) -> str:
    """The name under which *base* is installed for that *major* of CUDA."""
    return f"{base}-cu{major}" if base in NUMBERED or major < UNNUMBERED else base


def install(major: int, version: str = "") -> str:
    """What installs TensorRT for that *major* of CUDA, of that major *version* where it is known.

    Its newest version may be too new for the provider. A shell would take the bounds for something else, so
    that they are quoted.
    """
    bounds = f">={version},<{int(version) + 1}" if version.isdigit() else ""
    return f"pip install '{package(TENSORRT, major)}{bounds}' brings it for CUDA {major}"


def _other_major(base: str, major: int) -> int | None:
    """Another CUDA for which the same libraries are here, which is the usual mistake."""
    return next((one for one in MAJORS if one != major and package(base, one) != package(base, major)
                 and versions.of(package(base, one)) != ((package(base, one), versions.ABSENT),)), None)
