"""What a file is by its first bytes, where that is certain."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tools.deployment.onnx_walk import nodes, tensors
from tools.engines.ascend import om_header
from tools.errors import GraphError
from tools.machine import opening
from tools.machine.reading import refusing

if TYPE_CHECKING:
    import onnx

OFFLINE, ONNX = "an offline model of CANN", "an ONNX graph"
CHECKPOINT = "a checkpoint of torch"
BEGINNINGS = (
    (om_header.MAGIC, OFFLINE), (b"\x7fELF", "a program or library (ELF)"), (b"\x1f\x8b", "packed with gzip"),
    (b"\x93NUMPY", "an array of NumPy"), (b"\x89HDF", "an HDF5 file"), (b"version https://git-lfs", "only a pointer of Git LFS"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", CHECKPOINT),
)
LARGEST_TEXT = 2**20
LARGEST_ONNX = 2**31  # bytes, all that a protobuf may have
MAY_BE_ONNX = 8  # the tag of the number with which every ONNX graph is written to begin


def kind(path: Path) -> str:
    """What the file at *path* certainly is, in words; empty where that cannot be told.

    Raises:
        GraphError: it is no file, or cannot be read.
    """
    with refusing(GraphError, "the file cannot be found", str(path)):
        is_folder, is_file = path.is_dir(), path.is_file()
    if not is_file:
        raise GraphError("this is a folder, and one file is asked for" if is_folder else "no such file", where=str(path),
                         remedy="name a file that ends in .onnx or .om")
    with refusing(GraphError, "the file cannot be read", str(path)), opening.to_read(path) as file:
        head = file.read(LARGEST_TEXT + 1)
    if not head:
        return "empty"
    known = next((name for beginning, name in BEGINNINGS if head.startswith(beginning)), "")
    if known:
        return known
    if head.startswith(b"PK") and _holds_pickle(path):
        return CHECKPOINT
    if len(head) <= LARGEST_TEXT and _is_text(head):
        return "a text"
    model = onnx_model(path) if head[0] == MAY_BE_ONNX else None
    return ONNX if model is not None and model.graph.node else ""


def is_there(path: Path) -> bool:
    """Whether a file is there, whatever name a graph gives it: one may be longer than a name can be."""
    try:
        return path.is_file()
    except OSError:
        return False


def onnx_model(path: Path) -> onnx.ModelProto | None:
    """The graph without the weights that lie in files of their own; None where it is no ONNX."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(opening.read_bytes(path, LARGEST_ONNX), format="protobuf")
    except (DecodeError, OSError):
        return None
    return model if all(isinstance(text, str) for text in _texts(model)) else None


def _texts(model: onnx.ModelProto) -> Iterator[str]:
    """What others work with as text. protobuf gives bytes where a damaged file has no UTF-8."""
    yield from (model.producer_name, model.producer_version, *(one.domain for one in model.opset_import))
    yield from (one.name for one in (*model.graph.input, *model.graph.output))
    yield from (text for node in nodes(model) for text in (node.domain, node.op_type))
    yield from (text for name, tensor in tensors(model)
                for text in (name, *(word for entry in tensor.external_data for word in (entry.key, entry.value))))


def _holds_pickle(path: Path) -> bool:
    """Whether an archive is what torch saves; others may be models of the newest CANN."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)
