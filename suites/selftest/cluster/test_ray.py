"""Tasks on a real Ray cluster of several node processes, one for all laws here; stand-ins do the work."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import psutil
import pytest

from suites.selftest.cluster import rig, stand_ins
from suites.selftest.cluster.rig import Place, Rig
from suites.selftest.cluster.stand_ins import CODE, NPUS, ON_CPU
from suites.selftest.conftest import python
from tools.cluster.handle import Handle
from tools.cluster.pool import Pool
from tools.cluster.ray_backend import NODE, RayBackend
from tools.cluster.session import Session, connect
from tools.cluster.values import Needs, Work
from tools.errors import ClusterError
from tools.machine.event import Event


@dataclass
class There:
    """The cluster: nodes `n1` with two NPUs and `n2` with one, and `n3` without a checkout."""

    rig: Rig
    n1: Place
    n2: Place
    address_outside: str

    def work(self, key: str, family: str = "cpu") -> Work:
        return stand_ins.work(key, self.rig.settings(), family)

    def marks(self, key: str) -> list[list[str]]:
        """Node, device and process of each task that began this work."""
        return sorted(path.name.removeprefix(key).split() for path in (self.rig.folder / "driver").glob(f"{key} n*"))


@dataclass
class Driver:
    """A session on it, and what its pool told."""

    session: Session
    backend: RayBackend
    pool: Pool
    told: list[Event] = field(default_factory=list)

    def began(self, handle: Handle) -> str:
        """Wait until a task has begun; the id of its node."""
        while handle.began is None:
            self.pool.pump(0.1)
        return handle.began.node

    @property
    def said(self) -> list[str]:
        return [event["text"] for event in self.told if event["kind"] == "say"]


@pytest.fixture(scope="module")
def there() -> Iterator[There]:
    before = signal.getsignal(signal.SIGTERM)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with rig.cluster(port) as cluster:
        n1 = cluster.add("n1", cpus=2, devices={"NPU": 2}, environment={NPUS: "2"})
        n2 = cluster.add("n2", cpus=2, devices={"NPU": 1}, environment={NPUS: "1"})
        cluster.add("n3", code=None)
        cluster.ready()
        assert before == signal.getsignal(signal.SIGTERM)
        yield There(cluster, n1, n2, f"ray://127.0.0.1:{port}")


@pytest.fixture(scope="module")
def session(there: There) -> Iterator[Session]:
    session = connect(there.rig.settings(), stand_ins.look, CODE)
    yield session
    session.close()


@pytest.fixture(scope="module")
def backend(session: Session) -> RayBackend:
    return RayBackend(session, stand_ins.run)


@pytest.fixture
def driver(session: Session, backend: RayBackend) -> Driver:
    told: list[Event] = []
    return Driver(session, backend, Pool(backend, told.append), told)


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever happens in the cluster, Ray says nothing on the driver's terminal."""
    yield
    said = capfd.readouterr()
    assert "" == said.out + said.err


def test_a_cluster_with_another_ray_is_refused_in_one_sentence(there: There) -> None:
    """It names both versions."""
    with there.rig.claiming(ray_version="9.9.9"), pytest.raises(ClusterError) as caught:
        connect(there.rig.settings(), stand_ins.look, CODE)

    assert re.fullmatch(r"this process cannot join the Ray cluster at .*9\.9\.9.*2\.\d+\.\d+.*", caught.value.what)


def test_nodes_say_what_they_are(there: There, session: Session) -> None:
    """Nodes on one host are told apart, none has the driver's folder, and one has no checkout."""
    one, two = session.nodes()

    assert (one.id, two.id) == (there.n1.id, there.n2.id)
    assert (f"{one.name}-2", ((two.id, two.name),)) == (two.name, session.renamed)
    assert (2, 3, False) == (one.cpus, len(one.devices), one.shares_store)
    (name, why), = session.unfit.items()
    assert f"{one.name}-3" == name
    assert why.startswith("it could not be asked what it is (System error: No module named 'tools'): Ray has to be started in a checkout")


def test_nodes_with_other_code_are_not_used(there: There, session: Session) -> None:
    """Each says which code it has, and which the driver has."""
    other = Session(there.rig.settings(), stand_ins.look, replace(CODE, commit="0ther", digest="2"))

    assert () == other.nodes()
    assert ["it has other code: commit 0ther here, c0ffee there"] * 2 == [why for why in other.unfit.values() if "other code" in why]


def test_a_task_takes_entries_and_tells_events(there: There, driver: Driver) -> None:
    """The answer names its node as the driver does, and so do the events, which come before its end."""
    entries = {"x": [driver.backend.put(b"ab"), driver.backend.put(b"c")]}

    answer = driver.pool.wait(driver.pool.submit(there.work("tell 300 a"), replace(ON_CPU, node=there.n2.id), entries))

    name = driver.session.nodes()[1].name
    assert (name, "cpu", (("x", b"abc"),)) == (answer.node, answer.device, answer.files)
    assert ["cell", *["say"] * 300, "ended"] == [event["kind"] for event in driver.told]
    assert {f"{name}/cpu"} == {event["worker"] for event in driver.told}


def test_a_task_that_waits_keeps_its_cpus(there: There, driver: Driver) -> None:
    """No other one begins beside it, in one more process, while what it takes does not come."""
    import ray

    late = ray.remote(num_cpus=0)(stand_ins.late).options(label_selector={NODE: there.n1.id})
    entries = {"x": [late.remote(str(there.rig.folder / "driver"), "nap 0 late")]}
    works = [there.work(f"nap 0 late {number}") for number in range(2)]
    for handle in [driver.pool.submit(work, Needs(cpus=2, node=there.n2.id), entries) for work in works]:
        assert (("x", b"1"),) == driver.pool.wait(handle).files


def test_a_node_that_lacks_data_gets_no_more_work_of_that_kind(there: There, driver: Driver) -> None:
    """All of it runs on the other node, whatever Ray would like better."""
    keys = [f"unfit-on 0 n1 {number}" for number in range(4)]
    for key in keys:
        driver.pool.wait(driver.pool.submit(there.work(key), ON_CPU, {}))

    places = [place for key in keys for place, *_ in there.marks(key)]
    assert 4 == places.count("n2")
    assert 1 >= places.count("n1") == len([text for text in driver.said if "is not used for tsm: clip 7 is not there" in text])


def test_a_device_that_failed_is_not_handed_out_again(there: There, driver: Driver) -> None:
    """Its task holds it; the node's other device does all work from then on, and its CPUs are free."""
    on_n1 = Needs(cpus=1, device="NPU", node=there.n1.id)
    driver.pool.wait(driver.pool.submit(there.work("lose-first 0 a", "npu"), on_n1, {}))
    lost, = [text.split()[0].rpartition("/")[2] for text in driver.said if "is not used again" in text]
    other = {"npu0": "npu1", "npu1": "npu0"}[lost]
    keys = [f"nap 0 {number} held" for number in range(3)]
    for handle in [driver.pool.submit(there.work(key, "npu"), replace(on_n1, cpus=2), {}) for key in keys]:
        driver.pool.wait(handle)

    assert {("n1", lost), ("n1", other)} == {(place, device) for place, device, _ in there.marks("lose-first 0 a")}
    assert [[("n1", other)]] * 3 == [[(place, device) for place, device, _ in there.marks(key)] for key in keys]


def test_a_task_whose_process_is_killed_runs_again(there: There, driver: Driver) -> None:
    """On another node, since there is one."""
    driver.pool.wait(driver.pool.submit(there.work("die-first 0 a"), ON_CPU, {}))

    assert ["n1", "n2"] == [place for place, *_ in there.marks("die-first 0 a")]
    assert any("its process was killed or crashed): it runs again, attempt 2 of 3" in text for text in driver.said)


def test_cancelling_ends_every_task_within_five_seconds(there: There, driver: Driver) -> None:
    """Work that looks up tidies its place; work that does not is killed."""
    handles = [driver.pool.submit(there.work(key), ON_CPU, {}) for key in ("nap 60 c", "stuck 60 c")]
    waiting = driver.pool.submit(there.work("nap 60 d"), replace(ON_CPU, cpus=2, node=there.n2.id), {})
    for handle in handles:
        driver.began(handle)
    began_s = time.monotonic()

    driver.pool.cancel()

    while psutil.pid_exists(int(there.marks("stuck 60 c")[0][2])) and time.monotonic() - began_s < 5:  # Ray kills it a little later
        time.sleep(0.1)
    assert 5 > time.monotonic() - began_s
    assert (there.rig.folder / "driver" / "nap 60 c tidied").exists()
    assert waiting.done
    assert not there.marks("nap 60 d")


def test_a_driver_that_is_no_node_runs_hears_and_cancels(there: There) -> None:
    """By a ray:// address, and as quietly."""
    pytest.importorskip("grpc", reason="grpcio is not installed: ./tools/setup --ray")
    line = "-m", "suites.selftest.cluster.outside", there.address_outside, str(there.rig.folder / "driver")
    done = python(*line)
    if "Starting Ray client server failed" in done.stderr:  # Ray's own process, which a busy machine may not let begin in time
        done = python(*line)
    assert "" == done.stderr, done.stderr
    assert "(('x', b'abc'),) ['nap is done']\ncancelled in time\n" == done.stdout


def test_a_task_on_a_node_that_dies_runs_again_elsewhere(there: There, driver: Driver) -> None:
    """And the driver goes on; it comes late, since the node is gone then."""
    handle = driver.pool.submit(there.work("nap-first 60 a"), ON_CPU, {})
    dead = there.n1 if driver.began(handle) == there.n1.id else there.n2

    there.rig.kill(dead)
    answer = driver.pool.wait(handle)

    left = next(node for node in driver.session.nodes() if node.id != dead.id)
    assert left.name == answer.node
    assert any("(the node is gone): it runs again, attempt 2 of 3" in text for text in driver.said)
    until = time.monotonic() + 20
    while (left,) != driver.session.alive() and time.monotonic() < until:  # Ray knows it a little later
        time.sleep(0.2)
    assert (left,) == driver.session.alive()


def test_a_cluster_whose_first_machine_is_gone_ends_all_work(there: There, driver: Driver) -> None:
    """Within seconds, in a sentence that says how to go on; Ray would end this process. Nothing begins."""
    waiting = driver.pool.submit(there.work("nap 60 h"), ON_CPU, {})
    driver.began(waiting)
    later = there.work("nap 0 h")
    there.rig.behead()
    began_s = time.monotonic()

    for handle in (waiting, driver.pool.submit(later, ON_CPU, {})):
        with pytest.raises(ClusterError, match="the cluster's first machine is gone") as caught:
            driver.pool.wait(handle)
        assert "--resume" in str(caught.value.remedy)
    assert 20 > time.monotonic() - began_s
    with pytest.raises(ClusterError, match="cannot be reached any more"):
        driver.backend.put(b"abc")
    driver.pool.cancel()
