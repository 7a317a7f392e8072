"""The proof counts what the search got right, and says what it missed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from suites.selftest.locating import proof
from suites.selftest.locating.blocks import network, video
from suites.selftest.locating.plant import KINDS, Kind
from suites.selftest.locating.stand_ins import StandIn
from suites.selftest.locating.test_cutting import everything
from tools.locating.values import Tensors
from tools.locating.whole import Whole

ELSEWHERE = ("reversed-shift", "epsilon", "swapped-axes")  # kinds that the blocks have no place for


class Blocks(StandIn):
    """The network of a few blocks, as one of the proof's."""

    def gives(self, names: object) -> Tensors:
        return everything(self.whole, self.feeds)


def blocks() -> Blocks:
    return Blocks("blocks", Whole(network()), video(), {})


def wanted(per_kind: int) -> list[tuple[Kind, int]]:
    """So many faults of each kind that the blocks have places for."""
    return [(kind, turn * len(KINDS) + number) for turn in range(per_kind) for number, kind in enumerate(KINDS) if kind not in ELSEWHERE]


def test_a_handful_of_faults_is_found() -> None:
    """Each kind that a small network has places for, on devices of each precision."""
    said: list[str] = []
    trials = list(proof.faults_in(blocks(), wanted(4), 1, said.append))

    assert {"fp32", "fp16", "tf32"} == {one.precision for one in trials}
    assert len(trials) >= 24
    assert [] == [one.sentence for one in trials if not (one.node and one.segment and one.within)], said


def test_nothing_is_named_without_a_fault() -> None:
    """On a device of any precision."""
    assert [False] * 3 == [one.named for one in proof.clean_in(blocks(), lambda text: None)]


def test_faults_are_dealt_to_kinds_and_networks_alike() -> None:
    """Each kind as often as another, and a network that takes a minute only a few times."""
    kinds = [(name, kind) for kind in KINDS for name in ("tiny", "tsm", "tem")]
    dealt = proof.dealt(kinds, 110)

    assert {10} == set(Counter(kind for _, kind, _ in dealt).values())
    assert proof.FEW["tsm"] == Counter(name for name, _, _ in dealt)["tsm"]
    assert list(range(110)) == [number for _, _, number in dealt]


def test_a_miss_counts() -> None:
    """The table tells right nodes; one part that is wrong, or one name without a fault, is too many."""
    trials = list(proof.faults_in(blocks(), wanted(1), 2, lambda text: None))
    cleans = list(proof.clean_in(blocks(), lambda text: None))
    wrong = replace(trials[0], found=replace(trials[0].found, kind="inherited", span=None))
    told = proof.table([wrong, *trials[1:]], cleans)

    assert proof.good(trials, cleans)
    assert f"| **all** | {len(trials)} | {len(trials) - 1} | {len(trials)} |" in told
    assert "| fp16 | 1 | 0 | 0 |" in told
    assert not proof.good([wrong, *trials[1:]], cleans)
    assert not proof.good([replace(trials[0], segment=False), *trials[1:] * 20], cleans)
    assert not proof.good(trials, [replace(cleans[0], found=trials[0].found)])


@pytest.mark.slow
@pytest.mark.torch
def test_the_command_makes_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Of networks that are exported for it; among their faults are BatchNorms and shifts."""
    status = proof.main(["--faults=22", "--seed=3", "--only=tiny,tem,pem", "--clean=1", "--npu=3"])
    told = capsys.readouterr()

    assert 0 == status, told.err
    assert "| BatchNorm's epsilon 1e-2 | 2 | 2 | 2 |" in told.out
    assert "| of these on a simulated NPU | 3 | 3 | 3 |" in told.out
    assert "No fault was missed." in told.out
