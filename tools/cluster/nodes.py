"""What the nodes of a cluster say of themselves, and which of them are not used."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tools.cluster import looking
from tools.cluster.values import Code, Failed, Node
from tools.spec.settings import ROOT, Settings

LOOK_S = 60.0  # for all nodes at once: on a busy machine a process of Ray's needs its time
JOIN = "PYTHONPATH=$PWD .venv/bin/ray start --address=HOST:6379"
Look = Callable[[Settings, str], Node | Failed]


@dataclass(frozen=True, slots=True)
class Looked:
    """Nodes that were looked at. unfit: the ids of others, each with its name and why it is not used.

    renamed: the ids and names of those that do not know their names by themselves.
    """

    fit: tuple[Node, ...]
    unfit: Mapping[str, tuple[str, str]]
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A node as Ray lists it."""

    id: str
    host: str
    cpus: float
    memory_bytes: float


def listed() -> tuple[Listed, ...]:
    """The nodes alive that have CPUs for us; a head without any only keeps the others together."""
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
    found = (Listed(node["NodeID"], node["NodeManagerHostname"] or node["NodeManagerAddress"], node["Resources"].get("CPU", 0.0),
                    node["Resources"].get("memory", 0.0)) for node in alive)
    return tuple(node for node in found if node.cpus >= 1)


def look_at(settings: Settings, nodes: Sequence[Listed], look: Look, code: Code) -> Looked:
    """Ask every node, all at once, what it is. code: what it has to have."""
    import ray

    inside = settings.models.is_relative_to(ROOT)  # of the checkout, which may lie elsewhere on a node
    sent = replace(settings, models=settings.models.relative_to(ROOT)) if inside else settings
    with _left_behind(settings) as token:
        task = ray.remote(max_retries=0, num_cpus=0)(look)
        asked = {node: task.options(label_selector={"ray.io/node-id": node.id}, name="look").remote(sent, token) for node in nodes}
        there, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=LOOK_S) if asked else ((), ())
        answers = {node: _answer(reference) if reference in there else f"it did not answer in {LOOK_S:.0f} s"
                   for node, reference in asked.items()}
    fit = [replace(answer, id=node.id, cpus=node.cpus, memory_bytes=node.memory_bytes) for node, answer in answers.items()
           if isinstance(answer, Node)]
    silent = {node.id: answer for node, answer in answers.items() if isinstance(answer, str)}
    other = {node.id: f"it has other code: {why}" for node in fit if (why := looking.differs(node.code, code))}
    own = {node.id: node.name for node in sorted(fit, key=lambda node: (node.artifacts, node.id))}
    names = _apart({**own, **{node.id: node.host for node in nodes if node.id in silent}})
    renamed = tuple((id, name) for id, name in names.items() if id in own and name != own[id])
    usable = sorted((replace(node, name=names[node.id]) for node in fit if node.id not in other), key=lambda node: node.name)
    return Looked(tuple(usable), {id: (names[id], why) for id, why in {**other, **silent}.items()}, renamed)


@contextmanager
def _left_behind(settings: Settings) -> Iterator[str]:
    """The name of a file in our artifacts folder, which a node that shares the folder sees as well."""
    token = f".cluster-{secrets.token_hex(8)}"
    settings.artifacts.mkdir(parents=True, exist_ok=True)
    path = settings.artifacts / token
    path.write_bytes(b"")
    try:
        yield token
    finally:
        path.unlink(missing_ok=True)


def _answer(reference: object) -> Node | str:
    """What a node says it is, or why it says nothing."""
    import ray

    try:
        answer: Node | Failed = ray.get(reference)
    except ray.exceptions.RayError as error:
        words = str(getattr(error, "cause", error)).partition("\n")[0]
        return f"it could not be asked what it is ({words}): Ray has to be started in a checkout of clipgate there, with {JOIN}"
    return " ".join(answer.error[1].split()) if isinstance(answer, Failed) else answer


def _apart(names: Mapping[str, str]) -> dict[str, str]:
    """The names of nodes by their ids, the second on a host named HOST-2."""
    seen: Counter[str] = Counter()
    apart = {}
    for id, name in names.items():
        seen[name] += 1
        apart[id] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return apart
