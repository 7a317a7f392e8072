"""torch to ONNX, once for all batch sizes: a graph with a free batch axis and its weights beside it."""

from __future__ import annotations

import contextlib
import io
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.deployment.weights import Weights
from tools.errors import ExportError, OptionError
from tools.machine import versions
from tools.machine.files import size_of
from tools.pytorch import networks
from tools.spec.digest import network_digest
from tools.storage import code
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

if TYPE_CHECKING:
    import onnx

GRAPH = "dynamic.onnx"
WEIGHTS = "weights.bin"
OPSET = 11
WITH_OPTIMISER = 3  # so many times the weights has a checkpoint in which Adam's state lies too
BIG = 1024  # bytes from which a tensor goes into the weights file


def stage(checkpoint: Weights) -> Stage:
    """The exported graph of these weights.

    Raises:
        OptionError: they are an ONNX graph.
    """
    network = checkpoint.network
    if network.graph:
        raise OptionError(f"{network.name} is an ONNX graph already, which is neither exported nor simplified", where=str(checkpoint.path),
                          remedy="it is measured as it is: pytest -m " + network.name)
    shaped_by = (("weights", checkpoint.sha256), ("network", network_digest(network)), ("opset", str(OPSET)),
                 *versions.of("torch", "mmaction2", "mmcv-lite", "onnx", *network.packages), code.part(build),
                 *code.form(network.export_form))
    return Stage(Key("onnx", network.name, shaped_by), f"exporting {network.name} to ONNX", partial(build, checkpoint),
                 least_bytes=size_of(checkpoint.path) // WITH_OPTIMISER)


def build(checkpoint: Weights, folder: Path) -> Facts:
    """Export the deployed network to *folder*, in its export form.

    Raises:
        ExportError: the exporter refuses the model, or the graph fails onnx's checker.
    """
    import onnx
    import torch

    network = checkpoint.network
    module = networks.load_network(network, checkpoint.path)
    checkpoint.require_unchanged()
    if network.export_form:
        network.export_form(module)
    deployed = networks.deployed(network, module)
    whole = folder / "whole.onnx"
    axes = {network.input.name: {0: "batch"}, network.output.name: {0: "batch"}}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the tracer warns of every Python number it turns into a constant
        try:
            torch.onnx.export(deployed, (torch.zeros(1, *network.input.shape),), str(whole), input_names=[network.input.name],
                              output_names=[network.output.name], dynamic_axes=axes, opset_version=OPSET, dynamo=False)
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            raise ExportError(f"torch cannot export {network.name}: {str(error).splitlines()[0]}",
                              remedy="see the log for the operator it stopped at") from error
    model = onnx.load(str(whole))
    whole.unlink()
    check(model, network.name)
    onnx.save_model(model, str(folder / GRAPH), save_as_external_data=True, all_tensors_to_one_file=True,
                    location=WEIGHTS, size_threshold=BIG)
    return {"nodes": len(model.graph.node)}


def check(model: onnx.ModelProto, what: str) -> None:
    """Run onnx's checker; an ExportError has its first line."""
    import onnx

    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"the graph of {what} is not valid ONNX: {str(error).splitlines()[0]}") from error
