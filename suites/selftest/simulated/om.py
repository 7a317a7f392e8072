"""The stand-in for an offline model: a line that says so, a line of JSON, then ONNX bytes; stdlib only."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

MAGIC = b"CLIPGATE SIMULATED OM 1\n"


def batch(inputs: list[dict[str, Any]]) -> int:
    """The batch size of a model: the first axis of its first input; 1 of one without axes."""
    return int(inputs[0]["shape"][0]) if inputs and inputs[0]["shape"] else 1


def write(path: Path, header: dict[str, Any], onnx: bytes) -> None:
    """Write a model only its owner may read, as the compiler does."""
    path.unlink(missing_ok=True)
    header = {"__simulated__": True, **header, "sha256": hashlib.sha256(onnx).hexdigest()}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as stream:
        stream.write(MAGIC + json.dumps(header).encode() + b"\n" + onnx)


def read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header and ONNX bytes.

    Raises:
        ValueError: the file is no model, or a damaged one.
    """
    data = path.read_bytes()
    first, _, onnx = data[len(MAGIC):].partition(b"\n")
    if not data.startswith(MAGIC):
        raise ValueError("no offline model")
    header: dict[str, Any] = json.loads(first)
    if hashlib.sha256(onnx).hexdigest() != header["sha256"]:
        raise ValueError("damaged offline model")
    return header, onnx
