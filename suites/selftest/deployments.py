"""Networks with random weights on their way from torch to ONNX, in this process and in tests' own folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tools.datasets.examine import FilesKind, signature
from tools.deployment import export, specialise
from tools.deployment.weights import Weights
from tools.machine.files import sha256
from tools.measuring.cell import Record
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import networks
from tools.spec.case import Case
from tools.spec.model import Network, Surgeries
from tools.storage.entries import Entry

Run = Callable[[Floats], Floats]


def unchecked(clip: Clip, kind: FilesKind) -> Clip:
    """The clip with the size and time of its files, as a check passes it on; nobody has looked into them."""
    return replace(clip, signature=signature(clip, kind))


def random_weights(network: Network, folder: Path) -> Weights:
    """A checkpoint of *network* as mmaction2 initialises it, the same every time."""
    import torch

    torch.manual_seed(0)
    path = folder / f"{network.name}.pth"
    torch.save({"state_dict": networks.build_network(network).state_dict()}, path)
    return Weights(path, sha256(path), network, "own")


def exported(checkpoint: Weights, folder: Path) -> Entry:
    """The exported graph in *folder*."""
    folder.mkdir(exist_ok=True)
    return Entry(export.stage(checkpoint).key, folder, {}, export.build(checkpoint, folder))


def specialised(network: Network, graph: Entry, batch: int, which: Surgeries = "needed") -> Path:
    """The graph of one batch size with that surgery, beside the exported one."""
    specialise.build(network, graph, batch, which, graph.folder)
    return graph.folder / specialise.file_name(network, batch, which)


def in_torch(checkpoint: Weights) -> Run:
    """The network in torch, as the reference runs it."""
    import torch

    network = checkpoint.network
    module = networks.deployed(network, networks.load_network(network, checkpoint.path))

    def run(batch: Floats) -> Floats:
        with torch.inference_mode():
            return np.asarray(module(torch.from_numpy(batch)).numpy(), np.float32)

    return run


def in_onnx(graph: Path) -> Run:
    """A graph in ONNX Runtime; its one input is given by position."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0], np.float32)


def record(case: Case, network: str, clips: int) -> Record:
    """What a child process would have noted of a cell that was run in this one."""
    return Record(case=str(case), network=network, data="mini", weights="mini", precision="fp32", chip="cpu", simulated=False, clips=clips,
                  scoring_s=1.0, peak_bytes=0, estimated_bytes=0, surgery="", digests={}, versions={}, machine={})


def noise(*shape: int) -> Floats:
    """Input of unit deviation, the same every time."""
    return np.random.default_rng(0).standard_normal(shape, np.float32)
