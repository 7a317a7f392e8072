"""A run's way into the cluster of `--ray`: its nodes, its tasks, and what they get of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from tools.cluster import carrying, looking, remote, session
from tools.cluster.growing import Cluster, Entries
from tools.cluster.pool import Pool
from tools.cluster.ray_backend import RayBackend
from tools.cluster.values import Node
from tools.deployment.origin import origin
from tools.machine.event import OnEvent
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage.context import Context

Put = Callable[[bytes], object]


@contextmanager
def joined(settings: Settings, on_event: OnEvent) -> Iterator[Cluster]:
    """The cluster of `--ray`, until the block ends; errors as for `session.connect`."""
    with closing(session.connect(settings)) as here:
        backend = RayBackend(here, remote.run)
        carry = partial(carried, here.nodes(), backend.put, {})
        yield Cluster(Pool(backend, on_event), here.nodes(), here.unfit, looking.code(settings), carry, backend.put)


def carried(nodes: Sequence[Node], put: Put, lying: dict[str, Sequence[object]], context: Context[Spec]) -> Entries:
    """What *context* has used so far, by names, in pieces in the cluster; nothing where every node sees it.

    lying: what lies there already; it grows.
    """
    if all(node.shares_store for node in nodes):
        return {}
    settings, files = context.settings, dict[str, Path]()
    if origin(context) == "published":
        files = dict(carrying.weights(settings, context.spec))
    names = [*carrying.used(context), *files]
    for name in names:
        if name not in lying:
            pieces = carrying.in_pieces(files[name]) if name in files else carrying.packed(settings.store, name)
            lying[name] = [put(piece) for piece in pieces]
    return {name: lying[name] for name in names}
