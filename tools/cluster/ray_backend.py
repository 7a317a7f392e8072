"""Starts tasks on Ray, and tells what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from tools.cluster import remote, task
from tools.cluster.first import RESUME
from tools.cluster.heard import Heard
from tools.cluster.news import Ended, Gone, News
from tools.cluster.session import Session, reached
from tools.cluster.task import Entries, Hearing, Run
from tools.cluster.values import Failed, Needs, Node, Outcome, Work
from tools.errors import ClusterError

if TYPE_CHECKING:
    import ray

NODE = "ray.io/node-id"  # the label that Ray gives every node
GENTLE_S = 2.0  # after which a task that was asked to end is killed
LOOK_S = 1.0  # between two looks at which nodes are alive
FEW = 100  # up to so many nodes are named to Ray; of more those that are left out, and who joins later may get work too
BEGIN_S = 30.0  # for the actor to begin
HEAR_S = 1.0  # for the actor's answer
WHY = {  # an error of Ray's -> what became of the task
    "NodeDiedError": "the node is gone",
    "WorkerCrashedError": "its process was killed or crashed",
    "OutOfMemoryError": "Ray killed it, since the node's memory was full",
    "TaskCancelledError": "it was cancelled",
    "ObjectLostError": "what it gave or needed was lost with a node",
    "OwnerDiedError": "what it gave or needed was lost with a node",
    "ObjectStoreFullError": "the object store of its node was full",
}


class RayBackend:
    """The tasks of one run on a cluster."""

    def __init__(self, session: Session, run: Run = remote.run) -> None:
        """run: what a node does with a work; it has to be importable there by its name."""
        import ray

        self._session, self._run = session, run
        self._attempt = ray.remote(max_retries=0)(task.attempt)
        self._heard: Hearing | None = None  # there is none where no node is fit
        self._numbers: dict[ray.ObjectRef[Outcome], int] = {}
        self._asked: object = None  # the actor for what it heard
        self._holding: list[ray.ObjectRef[Outcome]] = []
        self._nodes, self._looked_s = session.nodes(), time.monotonic()
        self._gone = False
        self._begins = self._begun() if self._nodes else None  # its process starts while the first work is prepared

    def _begun(self, nodes: str = "") -> Hearing:
        """An actor on one of the *nodes* that a selector names; else on our own, there as long as we are."""
        import ray

        actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=100_000)(Heard)
        where = nodes or ray.get_runtime_context().get_node_id()
        return cast("Hearing", actor.options(label_selector={NODE: where}).remote())

    def _actor(self) -> Hearing:
        """The actor on our own node, once it has begun; else on any that is fit."""
        import ray

        here, self._begins = self._begins or self._begun(), None
        try:
            ray.get(here.drain.remote(), timeout=BEGIN_S)
        except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
            ray.kill(here)
            return self._begun(self._selector("", ())[NODE])
        return here

    def nodes(self) -> tuple[Node, ...]:
        """The fit nodes that are alive, as they were a second ago at most.

        Raises:
            ClusterError: the cluster cannot be reached any more. This process has left it then.
        """
        if time.monotonic() - self._looked_s > LOOK_S:
            with self._or_left():
                self._nodes, self._looked_s = self._session.alive(), time.monotonic()
        return self._nodes

    @contextmanager
    def _or_left(self) -> Iterator[None]:
        """Leave a cluster that cannot be reached any more, before Ray ends this process for that."""
        try:
            yield
        except ClusterError:
            self._forget()
            self._gone = True
            self._session.close()
            raise

    def unfit(self) -> Mapping[str, str]:
        return self._session.unfit

    def put(self, data: bytes) -> object:
        """Keep bytes where every node can get them; a reference that goes into a work's entries.

        Raises:
            ClusterError: there is no room for them.
        """
        import ray

        if self._gone:  # Ray would start a cluster of its own
            raise ClusterError("the cluster cannot be reached any more", where="--ray", remedy=RESUME)
        try:
            return ray.put(data)
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the object store of the cluster does not take {len(data):,} bytes: Ray says {type(error).__name__}",
                               where="this machine's node", remedy="make room on its disk, or start its Ray with a larger "
                               "--object-store-memory; or let all nodes share the artifacts folder, so that nothing is sent") from error

    def start(self, number: int, work: Work, needs: Needs, entries: Entries, barred: Collection[str]) -> None:
        """Start a task on a node whose id is not *barred*."""
        self._heard = self._heard or self._actor()
        work = replace(work, names=self._session.renamed)
        devices = {needs.device: 1} if needs.device not in ("", "GPU") else {}
        options = self._attempt.options(
            num_cpus=needs.cpus, num_gpus=int(needs.device == "GPU"), resources=devices, memory=needs.memory_bytes or None, name=work.key,
            label_selector=self._selector(needs.node, barred), scheduling_strategy="SPREAD")
        self._numbers[options.remote(self._run, number, self._heard, needs.device, work, entries)] = number

    def _selector(self, node: str, barred: Collection[str]) -> dict[str, str]:
        """Which nodes will do, as Ray takes it."""
        if node:
            return {NODE: node}
        fit = sorted({node.id for node in self._session.nodes()}.difference(barred))
        if len(fit) <= FEW:
            return {NODE: f"in({','.join(fit)})"}
        out = sorted({*barred, *self._session.unfit_ids})
        return {NODE: f"!in({','.join(out)})"}

    def news(self, seconds: float) -> Sequence[News]:
        """What happened; waits until a task ends, *seconds* at most; errors as for `nodes`."""
        with self._or_left(), reached():
            return self._news(seconds)

    def _news(self, seconds: float) -> Sequence[News]:
        import ray

        running = list(self._numbers)
        ended, _ = ray.wait(running, num_returns=1, timeout=seconds) if running else ((), ())
        if ended:  # all that ended meanwhile
            ended, _ = ray.wait(running, num_returns=len(running), timeout=0)
        heard = self._drained()  # what they told comes before their end
        for number in [news.number for news in heard if isinstance(news, Ended)]:
            self._holds(number)
        return [*heard, *(Ended(self._numbers.pop(one), outcome_of(one)) for one in ended if one in self._numbers)]

    def _holds(self, number: int) -> None:
        """A task told its outcome and goes on, so that nobody gets its device."""
        self._holding += self._taken(number)

    def drop(self, number: int) -> None:
        """End a task that waits for a place, or is not heard of any more."""
        import ray

        for one in self._taken(number):
            ray.cancel(one, force=True)

    def _taken(self, number: int) -> list[ray.ObjectRef[Outcome]]:
        """The task of this number, which is not waited for any more."""
        taken = [one for one, other in self._numbers.items() if other == number]
        for one in taken:
            del self._numbers[one]
        return taken

    def _drained(self) -> list[News]:
        import ray

        if self._heard is None:
            return []
        asked = self._asked or self._heard.drain.remote()  # an answer that is late is not lost
        self._asked = asked
        try:
            news = cast("list[News]", ray.get(asked, timeout=HEAR_S))
        except ray.exceptions.GetTimeoutError:
            return []
        except ray.exceptions.RayActorError:  # those that begin from now on tell another one
            self._heard, news = self._actor(), []
        self._asked = None
        return news

    def cancel(self, seconds: float) -> None:
        """End every task: asked first, so that it takes away what it made, and killed if it does not."""
        import ray

        running = [*self._numbers, *self._holding]
        for force, patience_s in ((False, GENTLE_S), (True, max(0.0, seconds - GENTLE_S))):
            for one in reversed(running):  # those that wait first, so that none begins
                ray.cancel(one, force=force)
            _, running = ray.wait(running, num_returns=len(running), timeout=patience_s) if running else ((), [])
        for actor in (self._heard, self._begins):
            if actor is not None:
                ray.kill(actor)
        self._forget()

    def _forget(self) -> None:
        self._heard = self._begins = self._asked = None
        self._numbers.clear()
        self._holding.clear()


def outcome_of(reference: object) -> Outcome | Gone:
    """What a task that has ended gave; what Ray says where it gave nothing is said in our words."""
    import ray
    from ray import exceptions

    try:
        return cast("Outcome", ray.get(reference))
    except exceptions.RayTaskError as error:
        if isinstance(error.cause, exceptions.RayError):  # what it was to fetch
            return _gone(error.cause)
        why = f"{type(error.cause).__name__}: {error.cause}"
        return Failed("", "a node", "", (ClusterError.__name__, f"the task ended in an error that nobody expected: {why}", None, None))
    except exceptions.RayError as error:
        return _gone(error)


def _gone(error: Exception) -> Gone:
    name = type(error).__name__
    return Gone(WHY.get(name, f"Ray says {name}"))
