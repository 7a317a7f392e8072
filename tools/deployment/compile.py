"""What a device loads of a network at one batch size: the ONNX graph, or what atc compiles from it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tools.deployment import specialise
from tools.deployment.weights import Weights
from tools.engines import family
from tools.engines.ascend import atc, cann
from tools.errors import CompileError
from tools.machine import events
from tools.spec.case import Case, Device
from tools.spec.model import Network, Spec
from tools.spec.settings import Settings
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

MODEL = "model.om"


@dataclass(frozen=True, slots=True)
class Target:
    """The chip a model is compiled for, as atc spells it, and the toolkit that compiles it."""

    soc_version: str
    toolkit: cann.Toolkit


def loadable(context: Context[Spec], checkpoint: Weights, case: Case) -> specialise.Graph:
    """The file that the device of *case* loads, built by child processes if the store has none.

    Raises:
        CompileError: the toolkit is missing, or atc fails.
    """
    graph = specialise.graph(context, checkpoint, case.batch)
    if family(case.device).LOADS == "onnx":
        return graph
    target = Target(context.settings.soc_version or soc_version(case.device), cann.find())
    entry = stage(context.settings, checkpoint.network, graph, case.batch, target).find_or_run(context)
    path = entry.file(MODEL)
    return replace(graph, path=path, digest=entry.files[MODEL], weights_bytes=path.stat().st_size, peak_bytes=0)


def stage(settings: Settings, network: Network, graph: specialise.Graph, batch: int, target: Target) -> Stage:
    """The compiled model of *graph*."""
    shaped_by = (("graph", graph.digest), ("weights", graph.weights_digest), ("cann", target.toolkit.version),
                 ("flags", " ".join(_request(network, batch, target, settings).flags())), code.part(build))
    return Stage(Key("om", f"{network.name}-bs{batch}", shaped_by),
                 f"compiling {network.name} at batch {batch} for {target.soc_version}",
                 partial(build, settings, network, graph, batch, target), takes="minutes")


def soc_version(device: Device) -> str:
    """How atc spells the chip of *device*.

    Raises:
        CompileError: atc has several names for what npu-smi calls the chip.
    """
    chip = family(device).describe(device)
    if chip.soc_version is None:
        raise CompileError(f"npu-smi names the chip {chip.name!r}, which atc knows in several versions", where=str(device),
                           remedy="say which with --soc-version (python -c 'import acl; print(acl.get_soc_name())' prints it)")
    return chip.soc_version


def _request(network: Network, batch: int, target: Target, settings: Settings, folder: Path = Path()) -> atc.Request:
    """The compilation of *network*; tuned as in its guide where asked for and where this toolkit can."""
    tuned = network.atc.auto_tune if settings.auto_tune == "on" and target.toolkit.tunes else ""
    shape = ",".join(str(size) for size in (batch, *network.input.shape))
    return atc.Request(folder / "graph.onnx", folder / "model", network.atc.input_format, f"{network.input.name}:{shape}",
                       target.soc_version, tuned)


def build(settings: Settings, network: Network, graph: specialise.Graph, batch: int, target: Target, folder: Path) -> Facts:
    """Compile *graph* into *folder*, from a copy that holds the weights: older parsers read no second file.

    atc works in a folder beside its log. If it fails the folder stays, so that its command can be repeated.
    """
    import onnx

    log = settings.store / "logs" / f"atc-{network.name}-bs{batch}-{target.soc_version}-{folder.name}.log"
    work = log.with_suffix("")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    request = _request(network, batch, target, settings, work)
    onnx.save_model(onnx.load(str(graph.path)), str(request.model))
    graph.require_unchanged()
    if settings.auto_tune == "on" and not request.auto_tune:
        events.say(f"CANN {target.toolkit.version} has no auto-tune any more: compiled without; tune with its aoe")
    model = atc.compile_om(request, cann.environment(target.toolkit, settings.atc_python), log, settings.atc_timeout_s,
                           lambda seconds: events.progress(f"atc {network.name}", seconds, int(settings.atc_timeout_s)))
    model.rename(folder / MODEL)
    shutil.rmtree(work)  # with the kernels and reports that atc leaves
    return {"cann": target.toolkit.version, "soc_version": target.soc_version}
