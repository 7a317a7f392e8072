"""The cluster that this process has joined, as its cells see it: tasks, and what is carried to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from weakref import WeakValueDictionary

from tools.cluster import carrying, looking, remote
from tools.cluster.growing import Cluster
from tools.cluster.pool import Pool
from tools.cluster.ray_backend import RayBackend
from tools.cluster.session import Session
from tools.cluster.task import Entries
from tools.deployment.origin import origin
from tools.machine.event import Event, OnEvent
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage.context import Context

Put = Callable[[bytes], object]


def cluster(session: Session, settings: Settings, on_event: OnEvent) -> Cluster:
    """The cluster of *session*, for the cells of one run; *on_event* is told what goes on there."""
    backend = RayBackend(session, remote.run)
    carrier = Carrier(backend.put, shared=all(node.shares_store for node in session.nodes()))
    return Cluster(Pool(backend, named(on_event)), session.nodes(), session.unfit, looking.code(settings), carrier.carry, backend.put)


def named(on_event: OnEvent) -> OnEvent:
    """Tells the same events; what somebody says on a node begins with who it is."""

    def tell(event: Event) -> None:
        says = event["kind"] == "say" and event.get("worker")
        on_event({**event, "text": f"{event['worker']}: {event['text']}"} if says else event)

    return tell


class Parcel(list[object]):
    """References to the pieces of a parcel, which lie in the cluster for as long as somebody has this."""


class Carrier:
    """Puts what cases have found in the store into the cluster, each once for all that need it.

    shared: whether every node sees the driver's own store, so that nothing has to travel.
    """

    def __init__(self, put: Put, *, shared: bool) -> None:
        self._put, self._shared = put, shared
        self._there: WeakValueDictionary[str, Parcel] = WeakValueDictionary()

    def carry(self, context: Context[Spec]) -> Entries:
        """What a node needs of all that *context* has found so far, by the names of its parcels."""
        if self._shared:
            return {}
        settings = context.settings
        found = {name: partial(carrying.packed, settings.store, name) for name in carrying.used(context)}
        if origin(context) == "published":
            found |= {name: partial(carrying.in_pieces, path) for name, path in carrying.weights(settings, context.spec)}
        return {name: self._lying(name, pieces) for name, pieces in found.items()}

    def _lying(self, name: str, pieces: Callable[[], Iterable[bytes]]) -> Parcel:
        there = self._there.get(name)
        if there is None:
            there = self._there[name] = Parcel(self._put(piece) for piece in pieces())
        return there
