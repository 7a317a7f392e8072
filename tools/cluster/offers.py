"""What the nodes of a cluster offer: devices of each family, and what a task on one of them asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools import engines
from tools.cluster.values import Needs, Node
from tools.errors import ClusterError, OptionError
from tools.measuring.lack import Lack
from tools.measuring.sameness import Kind
from tools.spec.case import Case, Device

DOCTOR = "python -m tools.doctor --ray ADDRESS says what each node lacks"


def count(node: Node, family: str) -> int:
    """How many devices of *family* a node has."""
    return sum(device.family == family for device, _ in node.devices)


def having(nodes: Sequence[Node], family: str) -> list[Node]:
    """The nodes that have a device of *family*."""
    return [node for node in nodes if count(node, family)]


def slots(nodes: Sequence[Node], family: str) -> int:
    """How many devices of *family* work at once."""
    return sum(count(node, family) for node in nodes)


def kinds(nodes: Sequence[Node], family: str) -> frozenset[Kind]:
    """What the devices of *family* are, as the nodes say it."""
    return frozenset(kind for node in nodes for name, kind in node.kinds if name == family)


def told(nodes: Sequence[Node]) -> str:
    """What all nodes have together: `3 nodes with 8 npu, 3 cpu`."""
    devices = [f"{number} {family}" for family in engines.FAMILIES if (number := slots(nodes, family))]
    return f"{len(nodes)} {'node' if len(nodes) == 1 else 'nodes'} with {', '.join(devices) or 'no device'}"


def chosen(text: str, nodes: Sequence[Node], unfit: Mapping[str, str]) -> list[Device]:
    """The devices of `--device` on a cluster: families without an index, since Ray gives a task its device.

    `auto` is the first family that a node has, as `engines.FAMILIES` prefers them. One that is named and that
    no node has is a device all the same: its cases lack it. unfit: nodes that are not used, and why.

    Raises:
        OptionError: an unknown family, one named twice, or a device by its index. ClusterError: no node has a
            device, or some devices of a family are simulated and others are not.
    """
    if text == "auto":
        there = [family for family in engines.FAMILIES if having(nodes, family)]
        if not there:
            raise ClusterError(f"no node of the cluster has a device that is fit to be used{_others(unfit)}", where="--ray", remedy=DOCTOR)
        return [_device(there[0], nodes)]
    names = text.split(",")
    for name in names:
        _require_family(name)
    if len(set(names)) != len(names):
        raise OptionError(f"a device is named twice in {text!r}", where="--device", remedy="name each family once")
    return [_device(name, nodes) for name in names]


def _require_family(name: str) -> None:
    family, _, index = name.partition(":")
    if family not in engines.FAMILIES:
        raise OptionError(f"unknown device {name!r}", where="--device", remedy=f"choose auto, {', '.join(sorted(engines.FAMILIES))}")
    if index:
        raise OptionError(f"with --ray a case goes to any {family} of the cluster, and {name} is one by its number", where="--device",
                          remedy=f"--device {family}")


def _device(family: str, nodes: Sequence[Node]) -> Device:
    simulated = {device.simulated: node.name for node in nodes for device, _ in node.devices if device.family == family}
    if len(simulated) > 1:
        raise ClusterError(f"some {family} devices of the cluster are simulated and others are not", where=", ".join(simulated.values()),
                           remedy="let a cluster have devices of one kind only")
    return Device(family, simulated=next(iter(simulated), False))


def lacks(cases: Sequence[Case], nodes: Sequence[Node], unfit: Mapping[str, str]) -> list[Lack]:
    """The families that no node has, each with its cases; *unfit*: nodes that are not used, and why."""
    found = []
    for family in dict.fromkeys(case.device.family for case in cases):
        if not having(nodes, family):
            mine = tuple(case for case in cases if case.device.family == family)
            words = f"no node that can be used has a device of the family {family}: {told(nodes)}{_others(unfit)}"
            error = ClusterError(words, where="--ray", remedy=DOCTOR)
            found.append(Lack(error.parts, mine))
    return found


def _others(unfit: Mapping[str, str]) -> str:
    return "".join(f"; {name} is not used: {why}" for name, why in unfit.items())


def needs(family: str, nodes: Sequence[Node], memory_bytes: int, *, alone: bool = False) -> Needs:
    """What a task of a case on *family* asks Ray for.

    A host has one device `cpu`, so such a task asks for all cores of the smallest node: no second one of ours
    runs beside it there. Other devices of a node share its cores. alone: it asks for all the cores of a
    node, which only the largest ones have.
    """
    holders, counted = having(nodes, family), engines.named(family).RAY
    if alone:
        return Needs(max(node.cpus for node in holders), memory_bytes, counted)
    if not counted:
        return Needs(min(node.cpus for node in holders), memory_bytes)
    share = min(int(node.cpus) // count(node, family) for node in holders)
    return Needs(max(1, share), memory_bytes, counted)
