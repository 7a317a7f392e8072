"""The names the runtime module exports, by its build."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from simulated import sessions, state, tensors, values


def names() -> dict[str, Any]:
    """What `import aclruntime` defines.

    Raises:
        ImportError: the loader does not find the toolkit's library.
    """
    now = state.read()
    if now["loader"] and not _library_found():
        raise ImportError("libascendcl.so: cannot open shared object file: No such file or directory")
    found: dict[str, Any] = {"session_options": values.session_options, "tensor_desc": values.tensor_desc, "Tensor": tensors.Tensor,
                             "MemorySummary": tensors.MemorySummary, "dtype": values.dtype, "type": values.type,
                             "InferenceSession": sessions.BUILDS[now["variant"]]}
    found.update({member.name: member for enum in (values.dtype, values.type) for member in enum})
    summary = values.SUMMARIES[now["variant"]]
    found[summary.__name__] = summary
    found["model"] = lambda modelPath, deviceId=0, options=None: found["InferenceSession"](modelPath, deviceId, options)  # noqa: N803
    if now["variant"] != "2022-06":
        found["BaseTensor"] = tensors.BaseTensor
    if now["variant"] in ("2024-05", "2025-12", "2026-08"):
        found["infer_options"] = values.infer_options
    return found


def _library_found() -> bool:
    """The loader reads LD_LIBRARY_PATH as it was when the process started; later changes come too late."""
    start = dict(entry.partition(b"=")[::2] for entry in Path("/proc/self/environ").read_bytes().split(b"\0"))
    toolkit = state.root() / "Ascend" / "ascend-toolkit" / "latest" / "lib64"
    return any(os.path.realpath(os.fsdecode(entry)) == str(toolkit.resolve()) for entry in start.get(b"LD_LIBRARY_PATH", b"").split(b":"))
