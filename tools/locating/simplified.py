"""The graph of one batch size as onnxsim leaves it, where the one that is compiled has surgery besides."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from tools.deployment import specialise
from tools.machine import versions
from tools.spec.model import Network
from tools.storage import code
from tools.storage.entries import Entry, Facts, Key
from tools.storage.stages import Stage


def file_name(batch: int) -> str:
    return f"bs{batch}-simplified.onnx"


def stage(network: Network, exported: Entry, batch: int) -> Stage:
    """The graph without surgery, in the folder of the exported one."""
    shaped_by = (("batch", str(batch)), *versions.of("onnx", "onnxsim"), code.part(build))
    key = Key("onnx", Path(file_name(batch)).stem, shaped_by, host=exported.key)
    return Stage(key, f"simplifying {network.name} for batch {batch} without surgery", partial(build, network, exported, batch))


def build(network: Network, exported: Entry, batch: int, folder: Path) -> Facts:
    """Simplify the exported graph for *batch* into *folder*; the rest as for `specialise.build`."""
    bare = replace(network, surgery=(), optional_surgery=())
    facts = specialise.build(bare, exported, batch, "needed", folder)
    (folder / specialise.file_name(bare, batch, "needed")).rename(folder / file_name(batch))
    return facts
