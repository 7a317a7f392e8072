"""What a device loads of a network at one batch size: the ONNX graph, or what is made or compiled from it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from tools.deployment import given, half, own_graph, specialise, tensorrt_engine
from tools.deployment.weights import Weights
from tools.engines import family
from tools.engines.ascend import atc, cann, precision
from tools.errors import CompileError, GraphError
from tools.machine import events
from tools.machine.files import sha256
from tools.spec.case import USUAL, Case, Device, Mode
from tools.spec.given import OM
from tools.spec.model import Network, Spec
from tools.spec.settings import Settings
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

MODEL = "model.om"
Form = Literal["onnx", "half", "tensorrt", "om"]  # the graph, or what is made of it for a device


@dataclass(frozen=True, slots=True)
class Target:
    """The chip a model is compiled for, as atc spells it, and the toolkit that compiles it."""

    soc_version: str
    toolkit: cann.Toolkit


@dataclass(frozen=True, slots=True)
class Compiled(specialise.Graph):
    """A graph that a compiler made here, whose files differ from one time to the next.

    made_of: the digest of all that it was made of, which is the same wherever it is made.
    """

    made_of: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """An ONNX graph and what atc is told of it; *name*: the network's, with its batch size."""

    graph: specialise.Graph
    name: str
    input_format: str
    input_shape: str
    auto_tune: str = ""

    @classmethod
    def of(cls, graph: specialise.Graph, network: Network, batch: int) -> Source:
        """A graph made from *network*'s weights, told of as its guide does; of a given one, its own input."""
        shape, name = ",".join(str(size) for size in (batch, *network.input.shape)), network.input.name
        input_format = network.atc.input_format
        if own := graph.given:
            input_format, shape, name = input_format if own.shape == shape else "ND", own.shape, own.input
        return cls(graph, f"{network.name}-bs{batch}", input_format, f"{name}:{shape}", network.atc.auto_tune)


def loadable(context: Context[Spec], checkpoint: Weights, case: Case) -> specialise.Graph:
    """The file that the device of *case* loads; what is made of it is built by child processes.

    Raises:
        GraphError: what a person gives is not for this device or precision, or does not fit the model.
        CompileError: the toolkit is missing, or atc fails. EngineError: TensorRT is missing, or fails.
        ExportError: no graph in half precision can be made.
    """
    graph = source_graph(context, checkpoint, case.batch)
    require_form(graph.path, case.device, case.mode)
    return brought(context, graph, checkpoint.network, case, context.settings)


def brought(context: Context[Spec], graph: specialise.Graph, network: Network, case: Case, settings: Settings) -> specialise.Graph:
    """*graph* as the device of *case* loads it, converted, or compiled with *settings*, where it must be."""
    made_of_float32 = form(case.device, case.mode) != "om" and settings.precision in ("fp32", "tf32")
    if made_of_float32 and graph.given and graph.given.precision != "fp32":
        raise GraphError(f"the graph computes in {graph.given.precision}, and --precision says {settings.precision}", where=str(graph.path),
                         remedy="leave --precision out to judge it as it is, or give its float32 graph")
    return of_source(context, Source.of(graph, network, case.batch), case, settings)


def of_source(context: Context[Spec], source: Source, case: Case, settings: Settings) -> specialise.Graph:
    """The graph of *source* as the device of *case* loads it; others as for `loadable`."""
    graph = source.graph
    match form(case.device, case.mode):
        case "half":
            return half.graph(context, graph, source.name)
        case "tensorrt":
            return tensorrt_engine.graph(context, graph, source.name, case)
        case "om" if graph.path.suffix != OM:
            return _compiled(context, source, case, settings)
    return graph


def form(device: Device, mode: Mode) -> Form:
    """What *device* loads to compute so."""
    loads = family(device).LOADS
    if loads == "om":
        return loads
    return "tensorrt" if mode.engine == "tensorrt" else "half" if mode.precision == "fp16" else "onnx"


def _compiled(context: Context[Spec], source: Source, case: Case, settings: Settings) -> specialise.Graph:
    target = Target(settings.soc_version or soc_version(case.device), cann.find())
    entry = stage(settings, source, target).find_or_run(context)
    path, graph, given = entry.file(MODEL), source.graph, source.graph.given
    return Compiled(path, entry.files[MODEL], graph.weights_digest, graph.surgery, path.stat().st_size, 0,
                    given and replace(given, files=(), precision=precision.of_given(given.precision, settings.precision)),
                    made_of=entry.key.digest)


def require_form(path: Path, device: Device, mode: Mode = USUAL) -> None:
    """Check by its name that the graph at *path* can be brought to *device*, to compute so.

    Raises:
        GraphError: it is for other devices, or compiled already.
    """
    if mode.precision and path.suffix == OM:
        raise GraphError("the file is compiled already, and --precision says in which numbers a graph is compiled", where=str(path),
                         remedy="leave --precision out, or give the ONNX graph that it was compiled from")
    if family(device).LOADS == "onnx" and path.suffix == OM:
        raise GraphError(f"{device} runs ONNX graphs, and this file is compiled for an Ascend device", where=str(path),
                         remedy="choose --device npu:0, or give the ONNX graph that it was compiled from")


def given_file(context: Context[Spec], network: Network, batch: int) -> Path | None:
    """*network*'s graph at *batch*, as `--graph` or the model's own file names it; None if it is made.

    Raises:
        OptionError: there is none, or `--graph` is about other networks.
    """
    places, spec = context.settings.graph, context.spec
    if places:
        places.require([one.name for one in spec.networks], spec.name)
        return places.file(network.name, batch)
    return own_graph.places(context, network).file(network.name, batch) if network.graph else None


def source_graph(context: Context[Spec], checkpoint: Weights, batch: int) -> specialise.Graph:
    """The graph that `--graph` names for *batch*; without it the model's, or one made of weights."""
    network = checkpoint.network
    path = given_file(context, network, batch)
    if path is None:
        return specialise.graph(context, checkpoint, batch)
    if not context.settings.graph:
        return _own_graph(context, network, path, batch)
    if path.suffix == OM:
        return given.om_graph(context, network, path)
    graph = given.onnx_graph(context, network, path, batch, given.asked(context, network))
    if not network.graph:
        return graph
    return replace(graph, given=graph.given and replace(graph.given, same=own_graph.is_saved_again(context, network, path)))


def _own_graph(context: Context[Spec], network: Network, path: Path, batch: int) -> specialise.Graph:
    """The ONNX file for *batch* of a network that is nothing else."""
    graph = given.onnx_graph(context, network, path, batch, own_graph.asked(context.spec, network))
    return replace(graph, given=graph.given and replace(graph.given, own=True))


def stage(settings: Settings, source: Source, target: Target) -> Stage:
    """The compiled model of *source*, in the numbers that `--precision` asks for."""
    settings = replace(settings, atc_flags=(*settings.atc_flags, *precision.flags(settings.precision)))
    graph = source.graph
    files = [(path.name, sha) for path, sha in graph.given.files] if graph.given else []
    files += [(path.name, sha256(path)) for flag in settings.atc_flags if (path := Path(flag.partition("=")[2])).is_file()]
    shaped_by = (("graph", graph.digest), ("weights", graph.weights_digest), ("cann", target.toolkit.version),
                 ("flags", " ".join(_request(source, target, settings).flags())), *(("file", f"{name} {sha}") for name, sha in files),
                 code.part(build))
    return Stage(Key("om", source.name, shaped_by), f"compiling {source.name.replace('-bs', ' at batch ')} for {target.soc_version}",
                 partial(build, settings, source, target), takes="minutes")


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


def _request(source: Source, target: Target, settings: Settings, folder: Path = Path()) -> atc.Request:
    """The compilation of *source*; tuned as in its guide where asked for and where this toolkit can."""
    tuned = source.auto_tune if settings.auto_tune == "on" and target.toolkit.tunes else ""
    return atc.Request(folder / "graph.onnx", folder / "model", source.input_format, source.input_shape, target.soc_version, tuned,
                       settings.atc_flags)


def build(settings: Settings, source: Source, target: Target, folder: Path) -> Facts:
    """Compile *source* into *folder*, from a copy that holds the weights: older parsers read no second file.

    atc works in a folder beside its log. If it fails the folder stays, so that its command can be repeated.
    """
    import onnx

    log = settings.store / "logs" / f"atc-{source.name}-{target.soc_version}-{folder.name}.log"
    work = log.with_suffix("")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    request = _request(source, target, settings, work)
    onnx.save_model(onnx.load(str(source.graph.path)), str(request.model))
    source.graph.require_unchanged()
    if settings.auto_tune == "on" and not request.auto_tune:
        events.say(f"CANN {target.toolkit.version} has no auto-tune any more: compiled without; tune with its aoe")
    model = atc.compile_om(request, cann.environment(target.toolkit, settings.atc_python), log, settings.atc_timeout_s,
                           lambda seconds: events.alive(f"atc is at work for {seconds} s"))
    model.rename(folder / MODEL)
    shutil.rmtree(work)  # with the kernels and reports that atc leaves
    return {"cann": target.toolkit.version, "soc_version": target.soc_version}
