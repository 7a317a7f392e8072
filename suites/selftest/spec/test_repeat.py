"""The command that repeats a case is one that tools.measure takes, whatever its options hold."""

from __future__ import annotations

import shlex

import pytest

from tools.spec.case import Case, Device
from tools.spec.repeat import again, locating
from tools.spec.settings import Settings


@pytest.mark.parametrize(("device", "said"), [(Device("npu", 0), "npu:0"), (Device("npu", 1, simulated=True), "npu:1"),
                                              (Device("cpu"), "cpu")])
def test_a_case_is_named_with_its_device(device: Device, said: str) -> None:
    assert f"python -m tools.measure tsm --batch 16 --device {said} --clips 24" == again(Case("tsm", 16, device), ["--clips", "24"])


def test_what_a_shell_would_take_apart_stays_whole() -> None:
    words = Settings.parse({"atc_flags": "--log=error '--x=a b'", "clips": "8"}).arguments()

    assert words == shlex.split(again(Case("tsm", 1, Device("cpu")), words))[8:]


def test_a_case_of_a_cluster_is_measured_there_again() -> None:
    """Its device has no index, so that only pytest on the same cluster can do it."""
    line = again(Case("tsm", 16, Device("npu")), ["--clips", "24"], ["--ray", "auto"])

    assert "pytest -m tsm -k bs16 --device npu --ray auto --clips 24" == line


@pytest.mark.parametrize(("device", "said"), [(Device("npu", 1), "npu:1"), (Device("npu"), "npu:0"), (Device("cpu"), "cpu"),
                                              (Device("npu", 0, simulated=True), "npu:0")])
def test_what_looks_into_a_case_names_a_device_of_one_machine(device: Device, said: str) -> None:
    """Also where a cluster had measured it, on any device of its family."""
    line = locating(Case("tsm", 4, device), ["--run", "a folder"])

    assert f"python -m tools.locate tsm --batch 4 --device {said} --run 'a folder'" == line
