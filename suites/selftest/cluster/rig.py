"""A Ray cluster of several node processes on this machine, each with folders of its own, and its end."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tools.spec.settings import ROOT, Settings

STORE = 80_000_000  # bytes of each node's object store, which lie in memory
HEALTH = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}  # Ray's own take 15 s to miss a dead node
END_S = 10.0  # for processes to end by themselves once their node is gone


@dataclass(frozen=True)
class Place:
    """A node of the rig: its folders, and Ray's object for its processes."""

    name: str
    folder: Path
    ray: Any

    @property
    def id(self) -> str:
        return str(self.ray.node_id)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"


class Rig:
    """The cluster. Its folder's path is short, since those of sockets may have 107 bytes only."""

    def __init__(self, folder: Path, client_port: int | None = None) -> None:
        """client_port: where the cluster takes drivers with a ray:// address, if it does."""
        from ray.cluster_utils import Cluster

        self.folder, self._seen = folder, set[psutil.Process]()
        self._headless = False
        with _careless():
            self._cluster = Cluster(initialize_head=True, head_node_args={
                "num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE, "temp_dir": str(folder / "ray"),
                "ray_client_server_port": client_port, "_system_config": HEALTH, "env_vars": {"PYTHONPATH": _paths(ROOT)}})

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, name: str, *, cpus: int = 1, devices: Mapping[str, int] | None = None, code: Path | None = ROOT,
            data_root: Path | None = None, environment: Mapping[str, str] | None = None) -> Place:
        """Start a node, and do not wait for it: `ready` does.

        devices: how many of each kind it has, as `{"NPU": 2}`. code: its checkout; None: it has none.
        """
        folder = self.folder / name
        for part in ("artifacts", "locks", "tmp"):
            (folder / part).mkdir(parents=True)
        texts = {"artifacts": folder / "artifacts", "locks": folder / "locks", **({"data_root": data_root} if data_root else {})}
        own = folder / "clipgate.toml"
        own.write_text("[tool.clipgate]\n" + "".join(f'{key} = "{text}"\n' for key, text in texts.items()))
        with _careless():
            ray = self._cluster.add_node(wait=False, num_cpus=cpus, resources=dict(devices or {}), object_store_memory=STORE, env_vars={
                "CLIPGATE_NODE": str(own), "PYTHONPATH": _paths(code), "TMPDIR": str(folder / "tmp"), **(environment or {})})
        return Place(name, folder, ray)

    def ready(self) -> None:
        """Wait until every node is there."""
        self._cluster.wait_for_nodes()
        self._see()

    def kill(self, place: Place) -> None:
        """End a node as a machine ends whose power fails."""
        self._see()
        self._cluster.remove_node(place.ray, allow_graceful=False)

    def behead(self) -> None:
        """End what keeps the cluster together, as where its first machine is gone."""
        self._see()
        self._headless = True
        self._cluster.head_node.kill_gcs_server()

    def settings(self, **options: str) -> Settings:
        """A driver's settings for this cluster; its artifacts are no node's."""
        return Settings.parse({"ray": self.address, "artifacts": str(self.folder / "driver"), **options})

    @contextmanager
    def claiming(self, **versions: str) -> Iterator[None]:
        """The cluster says that it has other versions: `ray_version`, `python_version`."""
        from ray._common.usage.usage_constants import CLUSTER_METADATA_KEY as KEY
        from ray._private.ray_constants import KV_NAMESPACE_CLUSTER as SPACE

        client = self._cluster.head_node.get_gcs_client()
        true = client.internal_kv_get(KEY, namespace=SPACE)
        client.internal_kv_put(KEY, json.dumps({**json.loads(true), **versions}).encode(), overwrite=True, namespace=SPACE)
        try:
            yield
        finally:
            client.internal_kv_put(KEY, true, overwrite=True, namespace=SPACE)

    def close(self) -> list[str]:
        """End all of it; the names of processes that had to be killed, which is a fault.

        Without its first machine a cluster's processes wait for that: theirs are not named.
        """
        import ray

        self._see()
        ray.shutdown()
        for node in list(self._cluster.worker_nodes):
            self._cluster.remove_node(node, allow_graceful=False)
        self._cluster.shutdown()
        _, alive = psutil.wait_procs(self._seen, timeout=0 if self._headless else END_S)
        names = [f"{one.pid} {one.name()}" for one in alive if one.is_running() and not self._headless]
        for one in alive:
            one.kill()
        return names

    def _see(self) -> None:
        """Note the processes of the nodes: those of a dead one are nobody's children."""
        self._seen |= set(psutil.Process().children(recursive=True))


def _paths(code: Path | None) -> str:
    """A node's PYTHONPATH: its checkout, and what this process has beside its own: Ray may lie there."""
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and Path(path).resolve() != ROOT]
    return os.pathsep.join([*([str(code)] if code else []), *others])


@contextmanager
def _careless() -> Iterator[None]:
    """Ray leaves files of its logs open where it starts processes, and takes SIGTERM for itself."""
    before = signal.getsignal(signal.SIGTERM)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def cluster(client_port: int | None = None) -> Iterator[Rig]:
    """A rig without nodes; a test is skipped where Ray is not installed."""
    pytest.importorskip("ray", reason="ray is not installed: ./tools/setup --ray")
    logging.getLogger("ray").setLevel(logging.CRITICAL)  # it tells that no NPU is here, by a traceback for each node
    folder = Path(tempfile.mkdtemp(prefix="cg-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        for name, text in {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(folder)}.items():
            patch.setenv(name, text)
        (folder / "ray").mkdir()
        (folder / "driver").mkdir()
        rig = None
        try:
            rig = Rig(folder, client_port)
            yield rig
        finally:
            try:
                left = rig.close() if rig else []
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"processes were left behind: {left}"
