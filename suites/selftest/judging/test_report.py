"""Measured rates beside stored ones: the comparisons of a case, their table, and what is said about figures in doubt."""

from __future__ import annotations

import pytest

from tools.judging.rows import Comparison, comparisons, doubts, ratio_table
from tools.spec.catalog import load_truth
from tools.spec.chips import CPU, kind
from tools.spec.settings import MODELS


def compared(name: str, batch: int, clips_per_s: float = 10.0, network: str = "") -> list[Comparison]:
    return comparisons(load_truth(MODELS, name), batch, CPU, clips_per_s, network)


@pytest.mark.parametrize(("name", "batch", "network", "expected"), [
    ("tsm", 16, "", {"T4": "0.0904", "Ascend310-1chip": "0.682", "Ascend310": "0.171", "Ascend310P": "0.0662"}),
    ("slowfast", 16, "", {"Ascend310P3": "0.0776"}),
    ("nonlocal", 64, "", {"T4": "0.142", "Ascend310": "0.19", "Ascend310P": "0.137"}),
    ("bsn", 16, "", {"T4": "0.000288", "Ascend310": "0.000338"}),
    ("bsn", 1, "tem", {"T4": "0.000566", "Ascend310": "0.000763"}),
    ("bsn", 1, "pem", {"T4": "0.000206", "Ascend310": "0.000645"}),
    ("bsn", 4, "", {}),
])
def test_a_rate_is_compared_with_each_device_of_its_batch(name: str, batch: int, network: str, expected: dict[str, str]) -> None:
    """Every stored rate of the batch size and network is compared with, the gate's T4 first and no other T4."""
    found = compared(name, batch, network=network)

    assert list(expected.items()) == [(one.device, f"{one.ratio:.3g}") for one in found]
    assert [10.0] * len(found) == [pytest.approx(one.ratio * one.clips_per_s) for one in found]


def test_one_chip_of_a_card_is_multiplied_beside_what_is_of_a_card() -> None:
    """A 310's rate stands as it is beside one chip's figure, and times four beside the card's and the T4's."""
    found = comparisons(load_truth(MODELS, "tsm"), 16, kind("310"), 14.6556)

    assert {"T4": "0.530", "Ascend310-1chip": "1.000", "Ascend310": "1.000", "Ascend310P": "0.388"} == {
        one.device: f"{one.ratio:.3f}" for one in found}


def test_a_model_without_a_t4_shows_the_column_empty() -> None:
    """The T4's column comes first and is there even where nothing is stored for it: `-` says that nothing is."""
    table = ratio_table([("slowfast-bs16", compared("slowfast", 16))])

    assert ["case           x T4  x Ascend310P3", "slowfast-bs16  -     0.078"] == table


def test_models_share_one_table() -> None:
    """A column a device, the T4 first whichever case comes first; a device that is not stored for a case is a dash there."""
    header, slowfast, tsm = ratio_table([("slowfast-bs16", compared("slowfast", 16)), ("tsm-bs16", compared("tsm", 16))])

    assert ["case", "T4", "Ascend310P3", "Ascend310-1chip", "Ascend310", "Ascend310P"] == header.replace(" x ", " ").split()
    assert ["slowfast-bs16", "-", "0.078", "-", "-", "-"] == slowfast.split()
    assert ["tsm-bs16", "0.090", "-", "0.682", "0.171", "0.066"] == tsm.split()


def test_nothing_stored_makes_no_table() -> None:
    """Where no case has anything to be compared with, there is neither a table nor a line about doubt."""
    assert [] == ratio_table([("bsn-bs4", compared("bsn", 4))])
    assert [] == doubts([("bsn-bs4", compared("bsn", 4))])


def test_a_figure_in_doubt_is_named_once_with_its_reason() -> None:
    """Each suspect figure that takes part in a table has one line: file, id, device, value and what speaks against it."""
    cases = [("a", compared("r2plus1d", 4)), ("b", compared("r2plus1d", 4, 20.0)), ("c", compared("r2plus1d", 16)),
             ("d", compared("slowfast", 1))]
    r2plus1d, slowfast = doubts(cases)

    assert r2plus1d.startswith("r2plus1d.toml r0194 (T4, 38.8568): suspect: ")
    assert "2.2446" in r2plus1d
    assert slowfast.startswith("slowfast.toml r0091 (Ascend310P3, 146.4): suspect: ")
    assert "138.4" in slowfast
    assert ["", "", ""] == [one.note for one in compared("r2plus1d", 16)]
