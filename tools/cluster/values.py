"""What travels between the driver and the nodes of a cluster: frozen values, and nothing else is pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.errors import ClipgateError, Parts, revive
from tools.measuring.sameness import Kind
from tools.spec.case import Case, Device
from tools.spec.settings import Settings
from tools.storage.shards import Span as Span

What = Literal["scores", "cell", "reference"]  # a part of a cell's scores; the rest of a cell, and its times; a part of a reference


@dataclass(frozen=True, slots=True)
class Code:
    """What has to be equal on the driver and on a node before a task of ours runs there.

    digest: of every file of tools/ and of the folder of the models. ray, python: their versions.
    """

    commit: str
    digest: str
    python: str
    ray: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it says itself what it is.

    id: Ray's. name: what people call it, HOST or HOST-2 where several are on one host. root: its checkout.
    shares_store: whether its artifacts folder is the driver's own, as a file shows that the driver left.
    cpus, memory_bytes: what Ray has of it. devices: those that Ray counts on it, with their kinds of chip.
    packages: the versions that shape what it measures. full_data: the data sets below its data_root.
    told: what of it is not used, and why, a sentence each. free_bytes: the room where its artifacts lie.
    kinds: what its devices are that say so, by their families.
    """

    id: str
    name: str
    code: Code
    root: str
    artifacts: str
    shares_store: bool
    data_root: str
    full_data: tuple[str, ...]
    cpus: float
    memory_bytes: float
    devices: tuple[tuple[Device, str], ...]
    packages: tuple[tuple[str, str], ...] = ()
    told: tuple[str, ...] = ()
    free_bytes: int = 0
    kinds: tuple[tuple[str, Kind], ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """One task: what a node is to do, and what it has to find before it does it.

    key: names the task among those of the run, in events and messages: `tsm-bs16-npu 1,250-2,500`.
    settings: the driver's; a node puts its own folders in their place. case: its device has no index, since
    Ray gives one. digests: of weights, data and (ONNX) graph by name, as the driver found them. span: the
    clips of `scores` and `reference`. timed: whether a `cell` is timed. exclusive: whether it is alone on its
    node. refused: devices of the cluster, as NODE-ID/LABEL, that are not to be used again.
    device: where torch runs for a `reference`, as --torch-device says it. run: the name of the driver's run.
    names: of nodes that share their host, what the driver calls them, by their ids; whoever starts the task
    adds them. scored_by: who scored the pieces of a `cell`, in words.
    """

    key: str
    what: What
    settings: Settings
    code: Code
    case: Case
    digests: tuple[tuple[str, str], ...]
    span: Span = (0, 0)
    timed: bool = False
    exclusive: bool = False
    refused: frozenset[str] = frozenset()
    device: str = "auto"
    run: str = ""
    names: tuple[tuple[str, str], ...] = ()
    scored_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task gave. files: relative path in the cell's folder, or name of a shard, and its bytes.

    node, device: the node's name, and the device's label there. error: of a cell, why it was not timed.
    same: of `scores` and `cell`, the Sameness of the network that it was measured with, as JSON text.
    lost: why the device of a cell that was scored before it failed is not to be used again in this run.
    node_id: Ray's, as the task itself says it.
    """

    node: str
    device: str
    files: tuple[tuple[str, bytes], ...]
    error: Parts | None = None
    retried: str = ""
    same: str = ""
    seconds: float = 0.0
    lost: str = ""
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a task gave nothing. Nothing is raised through Ray, which would wrap it in words of its own.

    unfit: this node cannot do this work, although another may: it lacks clips, has other code. lost: the
    device is not to be used again in this run, and why. remembered: the run had given it up before, so that
    nothing was tried on it.
    """

    node_id: str
    node: str
    device: str
    error: Parts
    unfit: bool = False
    lost: str = ""
    remembered: bool = False

    @property
    def raised(self) -> ClipgateError:
        """The error, as the class it had on the node; it names the node."""
        kind, what, where, remedy = self.error
        return revive(kind, f"{what} (on {self.node})", where, remedy)


Outcome = Answer | Failed


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task asks Ray for. device: `NPU`, `GPU`, or empty. node: the id of the only one that will do."""

    cpus: float
    memory_bytes: int = 0
    device: str = ""
    node: str = ""
