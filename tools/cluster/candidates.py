"""Which nodes can do a work, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.cluster.values import Needs, Node, Work

Scope = tuple[str, tuple[tuple[str, str], ...]]  # the model, and the digests of its weights and data


class Candidates:
    """What the driver knows of nodes: those that are alive, and what is not used of them."""

    def __init__(self, nodes: Sequence[Node], unfit: Mapping[str, str]) -> None:
        """unfit: nodes that are not used at all, by name, and why."""
        self._nodes = {node.id: node for node in nodes}
        self._alive = set(self._nodes)
        self._unfit = dict(unfit)
        self._barred: dict[Scope, dict[str, str]] = {}
        self._doubted: dict[tuple[Scope, str], int] = {}
        self._refused: dict[tuple[str, str], str] = {}

    @property
    def names(self) -> dict[str, str]:
        """The names of nodes by their ids, also of those that are gone."""
        return {node.id: node.name for node in self._nodes.values()}

    @property
    def refused(self) -> frozenset[str]:
        return frozenset(f"{node}/{device}" for node, device in self._refused)

    def see(self, nodes: Sequence[Node]) -> bool:
        """Note which nodes are alive; whether others were before."""
        self._nodes |= {node.id: node for node in nodes}
        before, self._alive = self._alive, {node.id for node in nodes}
        return before != self._alive

    def bar(self, work: Work, node: str, why: str) -> None:
        """Do not use a node for work with this model's data any more."""
        self._barred.setdefault(_scope(work), {})[node] = why

    def doubt(self, work: Work, node: str, number: int, last: int) -> bool:
        """Whether a node that could not do a work may be asked once more, for what may pass.

        number: that of the task there. last: that of the last task, after which one is asked once more.
        """
        return number <= self._doubted.setdefault((_scope(work), node), last)

    def refuse(self, node: str, device: str, why: str) -> bool:
        """Do not use a device any more; whether it was used until now."""
        new = (node, device) not in self._refused
        self._refused.setdefault((node, device), why)
        return new

    def of(self, work: Work, needs: Needs) -> list[Node]:
        return [self._nodes[id] for id in self._alive if not self._lacks(self._nodes[id], work, needs)]

    def barred(self, work: Work, needs: Needs) -> set[str]:
        """The ids of nodes that are not to get this work, although Ray counts enough there.

        Those are among them that joined later, of which nothing is known but that they turned out unfit.
        """
        strange = {id for id in self._barred.get(_scope(work), {}) if id not in self._nodes}
        return strange | {id for id in self._alive if self._not_wanted(self._nodes[id], work, needs)}

    def reasons(self, work: Work, needs: Needs) -> dict[str, str]:
        """Why nodes do not do this work, by their names."""
        known = sorted(self._nodes.values(), key=lambda node: node.name)
        lacks = {node.name: self._lacks(node, work, needs) if node.id in self._alive else "it is gone" for node in known}
        return {**{name: why for name, why in lacks.items() if why}, **self._unfit}

    def _lacks(self, node: Node, work: Work, needs: Needs) -> str:
        return self._not_wanted(node, work, needs) or _too_small(node, work, needs)

    def _not_wanted(self, node: Node, work: Work, needs: Needs) -> str:
        why = self._barred.get(_scope(work), {}).get(node.id, "")
        if why:
            return why
        devices = {device.label for device, _ in node.devices if device.family == work.case.device.family}
        bad = {label: why for (id, label), why in self._refused.items() if id == node.id and label in devices}
        return "; ".join(f"{label} is not used: {why}" for label, why in bad.items()) if len(bad) == len(devices) else ""


def _scope(work: Work) -> Scope:
    return work.case.model, work.digests


def _too_small(node: Node, work: Work, needs: Needs) -> str:
    """What a node lacks of what Ray counts, in words; empty where it has all of it."""
    if needs.node not in ("", node.id):
        return "the work belongs to another node"
    if needs.device and not any(device.family == work.case.device.family for device, _ in node.devices):
        return f"it has no {needs.device}"
    if node.cpus < needs.cpus:
        return f"it has {node.cpus:g} CPUs, and {needs.cpus:g} are asked for"
    if node.memory_bytes < needs.memory_bytes:
        return f"Ray counts {node.memory_bytes / 2**30:.1f} GiB of memory there, and {needs.memory_bytes / 2**30:.1f} are needed"
    return ""
