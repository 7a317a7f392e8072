"""A connection to a Ray cluster: quiet, with errors of one sentence, and what the nodes say of themselves."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from tools.cluster import looking, undisturbed
from tools.cluster.first import CLIENT, RESUME, First, answer
from tools.cluster.nodes import Look, Looked, listed, look_at
from tools.cluster.values import Code, Node
from tools.errors import ClusterError
from tools.spec.settings import Settings

REACH_S = 5.0  # how long a cluster's port may need to answer
AUTO = "auto"
SETUP = "./tools/setup --ray"
SETTINGS_FRAME = b"\x04"  # the kind of frame that every server of HTTP/2 begins with
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_NUM_REDIS_GET_RETRIES": "2"}  # tells nobody of itself; does not try for minutes
START = "PYTHONPATH=$PWD .venv/bin/ray start --head --port=6379"
PAGE = "tools/cluster/README.md says how"


class Session:
    """This process as the driver of a cluster, until it is closed."""

    def __init__(self, settings: Settings, look: Look, code: Code) -> None:
        """look: what each node is asked, as `looking.look`. code: what every node has to have."""
        self._settings, self._look, self._code = settings, look, code
        self._looked: Looked | None = None
        self._alive: tuple[Node, ...] | None = None
        self._first: First | None = None

    def nodes(self) -> tuple[Node, ...]:
        """The nodes that can be used. They are asked once, all at the same time."""
        return self._seen.fit

    @property
    def unfit(self) -> dict[str, str]:
        """Why other nodes are not used, by their names."""
        return dict(self._seen.unfit.values())

    @property
    def unfit_ids(self) -> frozenset[str]:
        return frozenset(self._seen.unfit)

    @property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """The ids and names of nodes that share their host with another, for `Work.names`."""
        return self._seen.renamed

    def alive(self) -> tuple[Node, ...]:
        """The nodes that can be used and are alive now, as far as the first machine answers.

        Raises:
            ClusterError: it does not any more, or Ray cannot tell.
        """
        self._first = self._first or First(self._settings.ray)
        if self._alive is None or self._first.answers():
            with reached():
                alive = {node.id for node in listed()}
            self._alive = tuple(node for node in self.nodes() if node.id in alive)
        return self._alive

    @property
    def _seen(self) -> Looked:
        if self._looked is None:
            self._looked = look_at(self._settings, listed(), self._look, self._code)
        return self._looked

    def close(self) -> None:
        """Leave the cluster; what still runs there for this process ends."""
        import ray

        with undisturbed.coming_or_going():
            ray.shutdown()


def connect(settings: Settings, look: Look | None = None, code: Code | None = None) -> Session:
    """Join the cluster of `--ray`. look, code: as for a Session; those of `looking` where not given.

    Raises:
        ClusterError: Ray is not installed here, no cluster is there, or it has another Ray or Python.
    """
    address = settings.ray
    _require_ray(address)
    _require_open(address)
    os.environ.update(SETTINGS)
    import ray

    undisturbed.silence()
    with undisturbed.coming_or_going():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, configure_logging=False)
        except (RuntimeError, OSError, ValueError, ray.exceptions.RayError) as error:
            raise _not_joined(address, error) from error
    return Session(settings, look or looking.look, code or looking.code(settings))


@contextmanager
def reached() -> Iterator[None]:
    """Turn what Ray raises where the cluster cannot be reached any more into an error of ours."""
    import ray

    try:
        yield
    except (RuntimeError, OSError, ray.exceptions.RayError) as error:
        words = " ".join(str(error).split())[:400]
        raise ClusterError(f"the cluster cannot be reached any more: {words}", where="--ray",
                           remedy=f"see whether its first machine is there; {RESUME}") from error


def _require_ray(address: str) -> None:
    for package, why in (("ray", ""), ("grpc", " by a ray:// address")):
        if find_spec(package) is None and (package == "ray" or address.startswith(CLIENT)):
            raise ClusterError(f"{package} is not installed here, and a cluster is reached with it{why}", where=f"--ray {address}",
                               remedy=f"install it: {SETUP}")


def _require_open(address: str) -> None:
    """Ray itself tries for minutes where nobody answers, or somebody else."""
    if address == AUTO:
        return
    try:
        told = answer(address, REACH_S)
    except (OSError, OverflowError) as error:
        raise ClusterError(f"no Ray cluster answers at {address}: {error}", where=f"--ray {address}", remedy=_how_to_start()) from error
    if os.environ.get("RAY_USE_TLS", "0") == "0" and told[3:4] != SETTINGS_FRAME:
        raise ClusterError(f"what answers at {address} is no Ray cluster", where=f"--ray {address}", remedy=_how_to_start())


def _how_to_start() -> str:
    return f"start one in the checkout of its first machine: {START} ({PAGE})"


def _not_joined(address: str, error: Exception) -> ClusterError:
    if address == AUTO and isinstance(error, ConnectionError):
        return ClusterError("no Ray cluster runs on this machine", where=f"--ray {address}", remedy=_how_to_start())
    words = " ".join(str(error).split())[:400]
    return ClusterError(f"this process cannot join the Ray cluster at {address}: {words}", where=f"--ray {address}",
                        remedy="every machine needs the same Ray, the same Python and the cluster's RAY_AUTH_MODE with its token; a "
                               f"machine that is no node of the cluster reaches it by ray://HOST:10001 ({PAGE})")
