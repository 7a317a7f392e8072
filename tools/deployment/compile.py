"""The compiled model of one batch size for one kind of chip: atc on the graph of that batch."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tools import atc, cann, child, devices, events, specialise, weights
from tools.atc import Request
from tools.case import BATCHES, Case, Device
from tools.commandline import parse
from tools.engines import family
from tools.entries import Facts, Key
from tools.errors import CompileError
from tools.settings import Settings
from tools.spec import Network, Spec
from tools.specialise import Graph
from tools.store import Store
from tools.weights import Weights

MODEL = "model.om"


@dataclass(frozen=True, slots=True)
class Target:
    """What a model is compiled for and by: *soc_version* as atc spells the chip, and the toolkit."""

    soc_version: str
    toolkit: cann.Toolkit


def resolve(settings: Settings, spec: Spec, checkpoint: Weights, graph: Graph, case: Case, on_event: child.OnEvent) -> Graph:
    """The compiled model of *graph*, made by a child process if the store has none.

    Raises:
        CompileError: the toolkit is missing, or atc fails.
    """
    network, batch = checkpoint.network, case.batch
    target = Target(settings.soc_version or soc_version(case.device), cann.find())
    request = _request(network, batch, target, settings)
    entry = child.find_or_run(
        Store(settings.store), key(network, batch, graph, request, target), "tools.compile",
        [spec.name, str(batch), "--network", network.name, *replace(settings, soc_version=target.soc_version).arguments()],
        f"compiling {network.name} at batch {batch} for {target.soc_version} (minutes)", on_event)
    path = entry.file(MODEL)
    return replace(graph, path=path, digest=entry.files[MODEL], weights_bytes=path.stat().st_size, peak_bytes=0)


def soc_version(device: Device) -> str:
    """How atc spells the chip of *device*.

    Raises:
        CompileError: npu-smi's name of the chip does not tell.
    """
    chip = family(device).describe(device)
    if chip.soc_version is None:
        raise CompileError(f"npu-smi names the chip {chip.name!r}, which atc knows in several versions", where=str(device),
                           remedy="say which with --soc-version (python -c 'import acl; print(acl.get_soc_name())' prints it)")
    return chip.soc_version


def key(network: Network, batch: int, graph: Graph, request: Request, target: Target) -> Key:
    shaped_by = (("graph", graph.digest), ("weights", graph.weights_digest), ("cann", target.toolkit.version),
                 ("flags", " ".join(request.flags())))
    return Key("om", f"{network.name}-bs{batch}", shaped_by)


def _request(network: Network, batch: int, target: Target, settings: Settings, folder: Path = Path()) -> Request:
    """The compilation of *network*; tuned as its guide did where asked for and where this toolkit still does it."""
    tuned = network.atc.auto_tune if settings.auto_tune == "on" and target.toolkit.tunes else ""
    shape = ",".join(str(size) for size in (batch, *network.input.shape))
    return Request(folder / "graph.onnx", folder / "model", network.atc.input_format, f"{network.input.name}:{shape}",
                   target.soc_version, tuned)


def build(settings: Settings, network: Network, graph: Graph, batch: int, target: Target, folder: Path) -> Facts:
    """Compile *graph* into *folder*, as a file of its own: older parsers read no weights from beside it.

    atc works in a folder beside its log, which stays where it fails: the command in the error can be repeated.
    """
    import onnx

    log = settings.store / "logs" / f"atc-{network.name}-bs{batch}-{target.soc_version}-{folder.name}.log"
    work = log.with_suffix("")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    request = _request(network, batch, target, settings, work)
    onnx.save_model(onnx.load(str(graph.path)), str(request.model))
    if settings.auto_tune == "on" and not request.auto_tune:
        events.say(f"CANN {target.toolkit.version} has no auto-tune any more: compiled without; tune with its aoe")
    found = atc.compile_om(request, cann.environment(target.toolkit, settings.atc_python), log, settings.atc_timeout_s,
                           lambda seconds: events.progress(f"atc {network.name}", seconds, int(settings.atc_timeout_s)))
    found.rename(folder / MODEL)
    shutil.rmtree(work)  # atc leaves its kernels and reports there
    return {"cann": target.toolkit.version, "soc_version": target.soc_version}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("batch", type=int, choices=BATCHES)
    parser.add_argument("--network", help="one of a model's several networks; all of them without it")
    parser.add_argument("--device", metavar="npu:K", help="whose chip to compile for, unless --soc-version says it; the first one without")


def _device(text: str | None) -> Device:
    """The device whose chip is compiled for.

    Raises:
        CompileError: none is named, and none is here; or the one that is named is no NPU.
    """
    found = devices.parse(text) if text else next(iter(devices.npus()), None)
    if found is None or found.family != "npu":
        where = f"--device {text}" if text else "no --soc-version, and no Ascend device here"
        raise CompileError("nothing says which chip to compile for", where=where,
                           remedy="say it with --soc-version, for example Ascend310P3")
    return found


def main() -> int:
    """Compile a model for an Ascend chip: python -m tools.compile tsm 4 --soc-version Ascend310P3."""
    options, settings, spec = parse("compile", main.__doc__, _arguments)
    target = Target(settings.soc_version or soc_version(_device(options.device)), cann.find())
    for checkpoint in weights.resolve(settings, spec, events.forward):
        network = checkpoint.network
        if options.network in (None, network.name):
            graph = specialise.resolve(settings, spec, checkpoint, options.batch, events.forward)
            made = key(network, options.batch, graph, _request(network, options.batch, target, settings), target)
            entry = Store(settings.store, events.say).build(made, partial(build, settings, network, graph, options.batch, target))
            print(entry.file(MODEL))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
