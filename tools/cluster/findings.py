"""What doctor finds of a cluster: its nodes, what each has, and what keeps one from being used."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

from tools import engines
from tools.cluster import looking, offers, session
from tools.cluster.session import Session
from tools.cluster.values import Code, Node
from tools.engines.findings import NOTE, OK, WRONG, Finding, Look, Show
from tools.engines.host import LOW_DISK
from tools.machine import versions
from tools.spec.settings import Settings

PAGE = "tools/cluster/README.md"
OWN_FOLDER = f"in the clipgate.toml of that node, and start its Ray again: {PAGE}"
JOIN = "let a node join, in its checkout: PYTHONPATH=$PWD .venv/bin/ray start --address=HOST:6379"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What was found, and in one line what can be measured on."""

    found: tuple[Finding, ...]
    summary: str

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with the cluster or any node of it."""
        return all(one.good for one in self.found)


def examine(settings: Settings, show: Show) -> Cluster:
    """Look at every node of `--ray`; *show* prints a group of findings and gives them back."""
    with ExitStack() as stack:
        opened: list[Session] = []

        def join(settings: Settings) -> list[Finding]:
            opened.append(stack.enter_context(closing(session.connect(settings))))
            return [nodes_of(opened[0])]

        found = show(f"Cluster {settings.ray}", {"Ray": join})
        if not opened:
            return Cluster(tuple(found), "nothing can be measured on this cluster")
        nodes, here = opened[0].nodes(), looking.code(settings)
        for name, why in opened[0].unfit.items():
            found += show(f"Node {name}", {"node": partial(_unfit, why)})
        for node in nodes:
            found += show(f"Node {node.name}", looks(node, nodes, here))
    return Cluster(tuple(found), measurable(settings, nodes))


def nodes_of(here: Session) -> Finding:
    """The nodes that can be used, together."""
    nodes, unfit = here.nodes(), here.unfit
    told = f"{offers.told(nodes)}{f'; {len(unfit)} that cannot be used' if unfit else ''}"
    return Finding(OK, "Ray", told) if nodes else Finding(WRONG, "Ray", told, JOIN)


def looks(node: Node, nodes: Sequence[Node], here: Code) -> dict[str, Look]:
    """What is looked for on a node, each by its name."""
    return {"code": lambda settings: [code(node, here)], "packages": lambda settings: [packages(node)],
            "devices": lambda settings: devices(node), "artifacts": lambda settings: [artifacts(node)],
            "data sets": lambda settings: [data(node, nodes)]}


def _unfit(why: str, settings: Settings) -> list[Finding]:
    return [Finding(WRONG, "node", why, "put that right there, then restart its Ray: .venv/bin/ray stop, and ray start as before")]


def code(node: Node, here: Code) -> Finding:
    """Whether it would run what runs here."""
    told = f"commit {node.code.commit} in {node.root}, Python {node.code.python}, Ray {node.code.ray}"
    if node.code == here:
        return Finding(OK, "code", told)
    if (node.code.python, node.code.ray) != (here.python, here.ray):
        return Finding(WRONG, "code", f"{told}; here Python {here.python}, Ray {here.ray}",
                       "make .venv anew there with the same Python: PYTHON=/path/to/python3 ./tools/setup --ray")
    if node.code.digest == here.digest:
        return Finding(NOTE, "code", f"{told}; here commit {here.commit}, whose files are the same")
    remedy = f"git -C {shlex.quote(node.root)} checkout {here.commit.removesuffix('+')} there, and restart its Ray"
    if here.commit.endswith("+"):
        remedy = "commit what is changed here, check that commit out there, and restart its Ray"
    return Finding(WRONG, "code", f"{told}; here commit {here.commit}, and the files differ", remedy)


def packages(node: Node) -> Finding:
    """The versions that shape what it measures, beside those here; a build's label makes no other version."""
    there, here = dict(node.packages), dict(versions.of(*dict(node.packages)))
    others = [f"{name} {version}, here {here[name]}" for name, version in there.items()
              if versions.ABSENT not in (version, here[name]) and version.partition("+")[0] != here[name].partition("+")[0]]
    if others:
        return Finding(WRONG, "packages", "; ".join(others), f"./tools/setup in {node.root}: parts of one cell need the same versions")
    absent = [name for name, version in there.items() if version == versions.ABSENT and here[name] != versions.ABSENT]
    if absent:
        return Finding(NOTE, "packages", f"{', '.join(absent)} absent: what only they make is brought, and no reference is computed there")
    return Finding(OK, "packages", f"{len(there)} that shape a measurement, all as here")


def devices(node: Node) -> list[Finding]:
    """What Ray hands out on it, and what it does not use."""
    own = [f"{device}{' simulated' if device.simulated else ''}{f' ({chip})' if chip else ''}" for device, chip in node.devices]
    size = f"{node.cpus:g} CPUs and {node.memory_bytes / 2**30:.1f} GiB for tasks"
    left_out = [Finding(WRONG, "device", why, "python -m tools.doctor on that node says what to do") for why in node.told]
    if not own:
        return [Finding(WRONG, "devices", f"none that can be measured on; {size}",
                        "start its Ray with what it has, for example --resources='{\"NPU\": 8}'"), *left_out]
    return [Finding(OK, "devices", f"{', '.join(own)}; {size}"), *left_out]


def artifacts(node: Node) -> Finding:
    """Where its artifacts lie, and whether that is the folder here."""
    whose = "shared with this machine" if node.shares_store else "its own, which gets by digest what it lacks"
    told = f"{node.artifacts}, {whose}, {node.free_bytes / 2**30:.1f} GiB free"
    if node.free_bytes < LOW_DISK:
        return Finding(NOTE, "artifacts", f"{told}: little for what a model needs", f"make room, or name other artifacts {OWN_FOLDER}")
    return Finding(OK, "artifacts", told)


def data(node: Node, nodes: Sequence[Node]) -> Finding:
    """The full data sets that it has, and those that only others have."""
    lacks = sorted({name for other in nodes for name in other.full_data} - set(node.full_data))
    told = f"{', '.join(node.full_data) or 'none'} in {node.data_root}" if node.data_root else "no folder of data sets is named"
    if lacks:
        return Finding(NOTE, "data sets", f"{told}; {', '.join(lacks)} only on others, so that no clip of that is read here",
                       f"bring it there, or name its data_root {OWN_FOLDER}")
    return Finding(OK, "data sets", told)


def measurable(settings: Settings, nodes: Sequence[Node]) -> str:
    """The families of devices that nodes have, and how `--device` names them."""
    families = [family for family in engines.FAMILIES if offers.having(nodes, family)]
    if not families:
        return "nothing can be measured on this cluster"
    return f"can be measured on: {offers.told(nodes)}; say --ray {settings.ray} --device {','.join(families)}"
