"""What a cluster offers decides which cases there are, what each task asks for, and what is lacking."""

from __future__ import annotations

import pytest

from tools.cluster import offers
from tools.cluster.values import Code, Needs, Node
from tools.errors import ClusterError, OptionError
from tools.spec.case import Case, Device

CODE = Code("c", "d", "3.11", "2.60")


def node(name: str, cpus: float, npus: int = 0, gpus: int = 0, *, simulated: bool = False) -> Node:
    """A node with a CPU and other devices."""
    devices = [Device("npu", number, simulated=simulated) for number in range(npus)]
    devices += [Device("cuda", number) for number in range(gpus)]
    return Node(f"id-{name}", name, CODE, "/", "/", shares_store=True, data_root="", full_data=(), cpus=cpus, memory_bytes=2**40,
                devices=tuple((one, "a chip") for one in [*devices, Device("cpu")]))


BIG, SMALL, PLAIN = node("big", 64, npus=8), node("small", 24, npus=2), node("plain", 6)
ALL = (BIG, SMALL, PLAIN)


@pytest.mark.parametrize(("text", "nodes", "said"), [
    ("auto", ALL, ["npu"]), ("auto", (PLAIN,), ["cpu"]), ("auto", (node("g", 8, gpus=1), PLAIN), ["cuda"]),
    ("cpu,npu", ALL, ["cpu", "npu"]), ("cuda", ALL, ["cuda"]), ("npu", (node("s", 4, npus=1, simulated=True),), ["npusim"]),
])
def test_devices_are_families_without_an_index(text: str, nodes: tuple[Node, ...], said: list[str]) -> None:
    """`auto` is the first that a node has; one that none has is one all the same."""
    assert said == [device.label for device in offers.chosen(text, nodes, {})]


@pytest.mark.parametrize(("text", "words"), [("npu:3", "any npu of the cluster"), ("tpu", "unknown device"), ("npu,npu", "named twice"),
                                             ("", "unknown device")])
def test_a_device_by_its_number_is_refused(text: str, words: str) -> None:
    """So are one that nobody knows and one that is named twice."""
    with pytest.raises(OptionError, match=words) as caught:
        offers.chosen(text, ALL, {})

    assert caught.value.remedy


def test_real_and_simulated_devices_do_not_mix() -> None:
    """Nobody could say which of them a case was measured on."""
    with pytest.raises(ClusterError, match="some npu devices of the cluster are simulated"):
        offers.chosen("npu", (BIG, node("pretends", 4, npus=1, simulated=True)), {})


def test_a_cluster_without_a_device_measures_nothing() -> None:
    """Which nodes are not used is said."""
    with pytest.raises(ClusterError, match="no node of the cluster has a device that is fit to be used; old is not used: other code"):
        offers.chosen("auto", (), {"old": "other code"})


@pytest.mark.parametrize(("family", "alone", "needs"), [
    ("cpu", False, Needs(6, 100)), ("cpu", True, Needs(64, 100)), ("npu", False, Needs(8, 100, "NPU")),
    ("npu", True, Needs(64, 100, "NPU")),
])
def test_a_task_asks_for_one_device_and_its_share_of_the_cores(family: str, alone: bool, needs: Needs) -> None:
    """No CPU runs two of ours; all devices of a node can work at once; or a task has the node to itself."""
    assert needs == offers.needs(family, ALL, 100, alone=alone)


def test_a_device_has_at_least_one_core() -> None:
    assert 1 == offers.needs("npu", (node("n", 4, npus=8),), 0).cpus


def test_a_family_that_no_node_has_is_lacking_to_its_cases() -> None:
    """Once, naming what there is and which nodes are not used."""
    cases = [Case("tsm", batch, Device(family)) for family in ("npu", "cuda") for batch in (1, 4)]
    [lack] = offers.lacks(cases, ALL, {"old": "other code"})

    assert {"cuda"} == {case.device.family for case in lack.cases}
    assert 2 == len(lack.cases)
    for words in ("no node that can be used has a device of the family cuda", "3 nodes with 10 npu, 3 cpu", "old is not used: other code"):
        assert words in lack.error.what
    assert not lack.mistake
