"""What the nodes of a cluster say of themselves, and which of them are not used."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tools.cluster.values import Code, Node
from tools.errors import ClipgateError
from tools.spec.settings import Settings

LOOK_S = 60.0  # for all nodes at once: on a busy machine a process of Ray's needs its time
JOIN = "PYTHONPATH=$PWD .venv/bin/ray start --address=HOST:6379"
Look = Callable[[Settings, str], Node]


@dataclass(frozen=True, slots=True)
class Looked:
    """Nodes that were looked at. unfit: the ids of others, each with its name and why it is not used."""

    fit: tuple[Node, ...]
    unfit: Mapping[str, tuple[str, str]]


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

    with _left_behind(settings) as token:
        task = ray.remote(max_retries=0, num_cpus=0)(look)
        asked = {node: task.options(label_selector={"ray.io/node-id": node.id}, name="look").remote(settings, token) for node in nodes}
        there, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=LOOK_S) if asked else ((), ())
        answers = {node: _answer(reference) if reference in there else f"it did not answer in {LOOK_S:.0f} s"
                   for node, reference in asked.items()}
    fit = [replace(answer, id=node.id, cpus=node.cpus, memory_bytes=node.memory_bytes) for node, answer in answers.items()
           if isinstance(answer, Node)]
    named = _named_apart(fit)
    other = {node.id: (node.name, why) for node in named if (why := differs(node.code, code))}
    silent = {node.id: (node.host, answer) for node, answer in answers.items() if isinstance(answer, str)}
    return Looked(tuple(node for node in named if node.id not in other), {**other, **silent})


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
        answer: Node = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        return _why(error.cause)
    except ray.exceptions.RayError as error:
        return f"it could not be asked ({type(error).__name__})"
    return answer


def _why(cause: BaseException) -> str:
    if isinstance(cause, ImportError):
        return f"Ray does not run in a checkout of clipgate there ({cause}): start it there with {JOIN}"
    return cause.what if isinstance(cause, ClipgateError) else f"{type(cause).__name__}: {cause}"


def _named_apart(nodes: Sequence[Node]) -> list[Node]:
    """The nodes in the order of their names, the second on a host named HOST-2."""
    seen: Counter[str] = Counter()
    named = []
    for node in sorted(nodes, key=lambda node: (node.name, node.artifacts, node.id)):
        seen[node.name] += 1
        number = seen[node.name]
        named.append(node if number == 1 else replace(node, name=f"{node.name}-{number}"))
    return named


def differs(there: Code, here: Code) -> str:
    """In which way a node's code is not ours, in words; empty where it is."""
    if (there.ray, there.python) != (here.ray, here.python):
        return f"it has Ray {there.ray} and Python {there.python}, and here are Ray {here.ray} and Python {here.python}"
    if there.commit != here.commit:
        return f"it has the code of commit {there.commit[:12]}, and here is {here.commit[:12]}"
    return "its files of tools/ or of the models are not those here, although the commit is" if there.digest != here.digest else ""
