"""A torch reference of which each node of a cluster scores some of the clips; this machine joins them."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from tools.cluster import finding, gathering, home, joined, offers, session
from tools.cluster.growing import Cluster
from tools.cluster.handle import Handle
from tools.cluster.values import Node, Span, Work
from tools.datasets.clips import ClipSet
from tools.deployment.weights import Weights, checkpoints
from tools.errors import ClusterError, OptionError, ReferenceRunError
from tools.machine import versions
from tools.machine.event import Event, OnEvent
from tools.machine.files import require_room
from tools.machine.locks import hold
from tools.measuring import kinds, recogniser, reference
from tools.pytorch.run import CUDA_BATCH
from tools.spec.case import Case, Device
from tools.spec.given import reference_name
from tools.spec.model import ModelSpec, Spec
from tools.storage import entries
from tools.storage.context import Context
from tools.storage.shards import Ranges
from tools.storage.stages import Stage

WAIT_S = 0.5  # between two looks at what nodes have given
NETWORKS = 4  # a checkpoint's bytes in a process of torch: as read, as loaded, and what goes through the network
BEYOND_BYTES = 2 * 2**30  # the process with torch and mmaction2, and a clip's frames
INTERRUPTED = 130  # the status of a command that Ctrl-C has ended, as shells have it
STEP = "torch reference"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The reference that is to be made, of *weights* on *clips*, and how."""

    context: Context[ModelSpec]
    weights: Weights
    clips: ClipSet
    stage: Stage

    @property
    def total(self) -> int:
        return len(self.clips.clips)

    @property
    def ranges(self) -> Ranges:
        """What is scored of it already."""
        return Ranges(self.context.store.unfinished(self.stage.key), self.total)

    @property
    def kept(self) -> int:
        """How many clips are scored already."""
        return self.total - sum(end - first for first, end in self.ranges.missing(self.total))

    @property
    def goes_on(self) -> str:
        """The line that goes on with it, in words."""
        return f"the same line goes on: {reference.command(self.context)} --ray {self.context.settings.ray}"


def make(context: Context[Spec], device: str) -> str:
    """Let nodes score the clips that nobody has scored yet; a sentence that says where the reference is.

    device: where torch runs on a node, as `--torch-device` says it.

    Raises:
        ClusterError: there is no cluster, no node of it can run torch on these clips, or a part was lost too
            often. What was scored stays, as after any other error.
    """
    spec = context.spec
    if not isinstance(spec, ModelSpec) or spec.network.graph:
        return _here(context, device)
    require_device(device)
    run = context.of(spec)
    with closing(session.connect(run.settings)) as here:
        cluster = joined.cluster(here, run.settings, partial(tell, run.on_event))
        family_of(device, torch_nodes(cluster.nodes, cluster.unfit))  # refused before anything is fitted or checked
        weights = checkpoints(run)
        clips = recogniser.dataset(run, weights)
        wanted = Wanted(run, weights[0], clips, reference.stage(run, weights[0], clips))
        if not _is_there(wanted):
            _make(wanted, cluster, device)
    return recogniser.make_reference(run, weights, clips, "auto")


def _here(context: Context[Spec], device: str) -> str:
    """Make a reference that has no parts as without `--ray`, and say so."""
    kind, spec = kinds.of(context.spec), context.spec
    how = f"{reference_name(spec)} on the CPU" if isinstance(spec, ModelSpec) else "a chain of networks, with what lies between them"
    context.say(f"the reference of {spec.name} is {how}: this machine computes it all, whatever --ray says")
    kind.require_torch_device(context, device)
    weights = checkpoints(context)
    return kind.make_reference(context, weights, kind.dataset(context, weights), device)


def tell(on_event: OnEvent, event: Event) -> None:
    """Pass on what a task tells, with the node that does: of a part nobody asks for its case."""
    if "worker" in event and event["kind"] in ("cell", "say"):
        named: Event = {"case": event["worker"]} if event["kind"] == "cell" else {"text": f"{event['worker']}: {event['text']}"}
        event = {**event, **named}
    on_event(event)


def require_device(device: str) -> None:
    """Check that a task can ask for it: which GPU of a node it gets, Ray says.

    Raises:
        OptionError: it is a GPU by its number, or no device.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise OptionError(f"with --ray a task gets any GPU of the cluster, and {device!r} is none of these words", where="--torch-device",
                          remedy="choose auto, cpu or cuda")


def _is_there(wanted: Wanted) -> bool:
    """Whether the store has the reference, one of more clips, or one of other code that still holds."""
    context, key = wanted.context, wanted.stage.key
    if context.store.find(key) or reference.superset(context.store, key, wanted.clips):
        return True
    if context.store.by_other_code(key) is None:
        return False
    try:
        reference.stage(context, wanted.weights, wanted.clips, asked=False).make(context)
    except ReferenceRunError as error:
        context.say(f"{error.what.partition(';')[0]}: all clips are computed again, on the cluster")
        return False
    return True


def _make(wanted: Wanted, cluster: Cluster, device: str) -> None:
    """Make the reference. Whoever makes the same one meanwhile waits and finds it."""
    context, stage = wanted.context, wanted.stage
    root = context.store.root
    require_room(stage.least_bytes, root, stage.doing)
    with hold(entries.lock_path(root, stage.key.digest[:16]), lambda holder: context.say(f"waiting: {holder} is building {stage.key}")):
        if context.store.find(stage.key) is None:
            _score(wanted, cluster, device)
    stage.make(context)  # of what is kept: no network is loaded


def _score(wanted: Wanted, cluster: Cluster, device: str) -> None:
    """Let nodes score the clips that have no scores, and keep each part as soon as it is there."""
    context, nodes = wanted.context, torch_nodes(cluster.nodes, cluster.unfit)
    family = family_of(device, nodes)
    batch = 1 if family == "cpu" else CUDA_BATCH
    size = gathering.size_of_part(wanted.total, batch, offers.slots(nodes, family), context.settings.ray_shard)
    spans = wanted.ranges.missing(size)
    before = f", {wanted.kept:,} are scored already" if wanted.kept else ""
    context.say(f"{wanted.stage.doing}{before}: {len(spans):,} parts for {offers.told(nodes)} ...")
    sources = finding.Sources(context.spec, (wanted.weights,), wanted.clips)
    lying = {**cluster.carry(context), finding.CLIPS: [cluster.put(sources.clips)]}
    memory_bytes = NETWORKS * wanted.weights.path.stat().st_size + BEYOND_BYTES
    needs = offers.needs(family, nodes, memory_bytes)
    first = Work("", "reference", home.sent(context), cluster.code, Case(context.spec.name, 1, Device(family)), sources.digests,
                 device=device, run=f"reference-{wanted.stage.key.digest[:16]}")
    with _stopping(wanted, cluster):
        works = {span: replace(first, key=f"{context.spec.name} reference, {gathering.words(span)}", span=span) for span in spans}
        _gather(wanted, cluster, {span: cluster.tasks.submit(work, needs, lying) for span, work in works.items()})


def torch_nodes(nodes: Sequence[Node], unfit: Mapping[str, str]) -> list[Node]:
    """The nodes that have torch.

    Raises:
        ClusterError: none has; it says of each node why it is not used.
    """
    able = [node for node in nodes if dict(node.packages).get("torch") != versions.ABSENT]
    if not able:
        why = {**{node.name: "it has no torch" for node in nodes}, **unfit}
        raise ClusterError(f"no node can run torch: {'; '.join(f'{name}: {words}' for name, words in why.items()) or 'there is none'}",
                           where="--ray", remedy="python -m tools.doctor --ray ADDRESS says what each node lacks")
    return able


def family_of(device: str, nodes: Sequence[Node]) -> str:
    """The devices that tasks ask for. With `auto` these are GPUs where a node's torch can use one, else CPUs.

    Raises:
        ClusterError: no node has one.
    """
    having = {"cpu": bool(offers.having(nodes, "cpu")), "cuda": any(_has_gpu(node) for node in nodes)}
    family = device if device != "auto" else "cuda" if having["cuda"] else "cpu"
    if not having[family]:
        raise ClusterError(f"no node with torch has a device of the family {family}: {offers.told(nodes)}", where="--torch-device",
                           remedy="choose another, or let a node that has one join the cluster")
    return family


def _has_gpu(node: Node) -> bool:
    """Whether torch could use a GPU there: a real one, by a build that is not for CPUs alone."""
    real = any(one.family == "cuda" and not one.simulated for one, _ in node.devices)
    return real and not dict(node.packages).get("torch", "").endswith("+cpu")


def _gather(wanted: Wanted, cluster: Cluster, handles: dict[Span, Handle]) -> None:
    """Keep each part as it comes.

    Raises:
        ClusterError: a part was lost too often. The others are waited for and kept. Any other error at once.
    """
    lost, done = None, wanted.kept
    while handles:
        cluster.tasks.pump(WAIT_S)
        for span in [span for span, handle in handles.items() if handle.done]:
            try:
                wanted.ranges.keep(*span, gathering.part_of(cluster.tasks.wait(handles.pop(span)), span))
            except ClusterError as error:
                if lost is None or lost.what != error.what:
                    wanted.context.say(error.what)
                lost = lost or error
                continue
            done += span[1] - span[0]
            wanted.context.on_event({"kind": "progress", "text": STEP, "done": done, "total": wanted.total, "unit": "clips"})
    if lost:
        raise ClusterError(lost.what, where=lost.where, remedy=f"see to that node; {wanted.goes_on}")


@contextmanager
def _stopping(wanted: Wanted, cluster: Cluster) -> Iterator[None]:
    """End all tasks with the block. Ctrl-C says what is kept; a second one ends this process at once."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        wanted.context.say(f"ended by Ctrl-C; {wanted.kept:,} of {wanted.total:,} clips are scored and kept, and {wanted.goes_on}")
        raise SystemExit(INTERRUPTED) from None
    finally:
        cluster.tasks.cancel()
        signal.signal(signal.SIGINT, before)
