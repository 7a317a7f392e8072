"""A node's own place: the folders that hold there, the device that Ray has given to a task, and its name."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools import engines
from tools.datasets import choice, ledger
from tools.deployment.origin import origin
from tools.engines.ascend import nodes as npus
from tools.engines.cuda import nodes as gpus
from tools.errors import ClusterError
from tools.spec import configured
from tools.spec.case import Case, Device
from tools.spec.given import GRAPH
from tools.spec.model import Spec
from tools.spec.options import ARTIFACTS, FLAGS, MODELS, OFF, ROOT, add_arguments
from tools.spec.settings import Settings, require
from tools.storage.context import Context

NODE = "CLIPGATE_NODE"  # names a node's own file of options
SET_BY_RAY = (npus.RENUMBERED, gpus.RENUMBERED, "OMP_NUM_THREADS")  # for a task; our engines count devices themselves
HERE = ("artifacts", "data_root", "locks")  # the options that a node's file sets
Ids = Mapping[str, Sequence[str]]  # by what Ray calls a kind of device, those that a task was given


@dataclass(frozen=True, slots=True)
class Place:
    """The node that a task runs on: Ray's id, and what the driver calls it."""

    id: str
    name: str


def sent(context: Context[Spec]) -> Settings:
    """The driver's settings as they travel: words that each machine would read by what it has are decided.

    A folder of models inside the checkout is relative to it, since a node's checkout may lie elsewhere.
    """
    settings, word = context.settings, origin(context)
    models = settings.models
    return replace(settings, data=choice.chosen(context), weights=settings.weights if word in ("own", GRAPH) else word,
                   models=models.relative_to(ROOT) if models.is_relative_to(ROOT) else models)


def settings(driver: Settings) -> Settings:
    """What holds on this node: its own folders in the place of the driver's.

    The file that `CLIPGATE_NODE` names says them, or the clipgate.toml of this checkout. Where neither says
    it, artifacts lie in this checkout, and data and locks where the driver has them.

    Raises:
        OptionError: that file is wrong; or a file or folder that the driver names is not on this node.
    """
    file = configured.found(os.environ.get(NODE, ""), str(ARTIFACTS), require)
    own = {"artifacts": str(ARTIFACTS), **(file.over(HERE) if file else {})}
    unread = driver.data == "mini" and not Path(driver.data_root).is_dir()
    usual = {"data_root": ""} if unread else {}  # mini data lie in the store
    parser = argparse.ArgumentParser()
    add_arguments(parser, FLAGS)
    texts = vars(parser.parse_args(driver.arguments()))
    del texts["config"]
    models = {"models": str(MODELS.parents[1] / driver.models)}  # as it is, where it is absolute
    return Settings.parse({**texts, **usual, **models, **own, "history": OFF, "ray": ""})


def environment() -> None:
    """Take out of the environment what Ray puts there for a task, so that devices have their own numbers.

    Child processes also learn whose disks they read.
    """
    for name in SET_BY_RAY:
        os.environ.pop(name, None)
    os.environ[ledger.READER] = platform.node()


def place(names: Sequence[tuple[str, str]] = ()) -> Place:
    """This node, by the name that the driver has given it; else by that of the host."""
    id = node_id()
    return Place(id, dict(names).get(id, platform.node()))


def node_id() -> str:
    """Ray's id of this node; empty in a process that is no task of Ray."""
    return str(_context().get_node_id()) if _in_task() else ""


def accelerators() -> Ids:
    """The devices that Ray has given to this task."""
    return dict(_context().get_accelerator_ids()) if _in_task() else {}


def lent() -> Ids:
    """The devices that Ray was lent on this node when it was started, by their numbers.

    That is what CUDA_VISIBLE_DEVICES and its like said then. Only Ray knows it by now.
    """
    if not _in_task():
        return {}
    from ray._private.worker import global_worker

    told = global_worker.original_visible_accelerator_ids
    return {kind: [str(one) for one in ids] for kind, ids in told.items() if ids is not None}


def resources() -> Mapping[str, float]:
    """What Ray counts on this node: CPU, memory in bytes, and devices by what it calls them."""
    if not _in_task():
        return {}
    import ray

    mine = node_id()
    return next((dict(one["Resources"]) for one in ray.nodes() if one["NodeID"] == mine), {})


def _in_task() -> bool:
    """Whether Ray runs this process; asked without loading Ray."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def _context() -> Any:  # noqa: ANN401 - a class of Ray's
    import ray

    return ray.get_runtime_context()


def device(case: Case, ids: Ids) -> Device:
    """The device of this node that a task measures *case* on: the one of its family that Ray has given it.

    Raises:
        ClusterError: Ray has given it none, or several, or calls it by no number; or it only behaves like a
            device where a real one is meant, or the other way round.
        OptionError: this node has no such device.
    """
    family = case.device.family
    counted = engines.named(family).RAY
    if not counted:
        return engines.parse(family)
    given = ids.get(counted, ())
    if len(given) != 1 or not str(given[0]).isdecimal():
        raise ClusterError(f"Ray has given this task {', '.join(map(str, given)) or 'no'} {counted}, not one by its number",
                           remedy=f"start the node with --resources '{{\"{counted}\": N}}', N the number of its devices")
    found = engines.parse(f"{family}:{given[0]}")
    if found.simulated != case.device.simulated:
        raise ClusterError(f"{found.label} is {'simulated' if found.simulated else 'real'}, and the run is about "
                           f"{'simulated devices' if case.device.simulated else 'real ones'}")
    return found


def torch_device(asked: str, ids: Ids) -> Device:
    """The device that torch computes a reference on: the GPU that Ray has given the task, or the CPU.

    A task that was given no GPU leaves those of the node to others.

    Raises:
        ClusterError: torch is *asked* to run on a GPU, and the task was given none.
    """
    counted = engines.named("cuda").RAY
    given = ids.get(counted, ())
    if given and str(given[0]).isdecimal():
        return Device("cuda", int(given[0]))
    if given or asked not in ("auto", "cpu"):
        raise ClusterError(f"torch is to run on {asked}, and Ray has given this task {', '.join(given) or 'no'} {counted}")
    return Device("cpu")
