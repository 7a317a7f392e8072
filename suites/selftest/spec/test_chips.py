"""Facts of the kinds of Ascend chips."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from suites.selftest.engines.ascend import npu_tables
from tools.engines.ascend.npu_smi import parse_table
from tools.errors import TruthError
from tools.spec.chips import DEVICES, ascend_kind, kind, stored_device

KINDS = {
    "310": ("Ascend310", 4, (("Ascend310-1chip", 1), ("Ascend310", 4)), 2821),
    "310P": ("Ascend310P", 1, (("Ascend310P3", 1), ("Ascend310P", 1)), 2110),
    "310P1": ("Ascend310P1", 1, (("Ascend310P1", 1),), 2110),
    "310P3": ("Ascend310P3", 1, (("Ascend310P3", 1), ("Ascend310P", 1)), 2110),
    "310B4": ("Ascend310B4", 1, (("Ascend310B4", 1),), 3828),
    "910A": ("Ascend910A", 1, (("Ascend910A", 1),), None),
    "910B2C": ("Ascend910B2C", 1, (("Ascend910B2C", 1),), 3700),
    "910B4-1": ("Ascend910B4-1", 1, (("Ascend910B4-1", 1),), 3700),
    "Ascend910": (None, 1, (("Ascend910", 1),), None),
    "Ascend310P3": ("Ascend310P3", 1, (("Ascend310P3", 1), ("Ascend310P", 1)), 2110),
    "Ascend 910B3": ("Ascend910B3", 1, (("Ascend910B3", 1),), 3700),
    "3101": ("Ascend3101", 1, (("Ascend3101", 1),), None),
    "": (None, 1, (), None),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_told_by_its_name(name: str) -> None:
    """What to compile for, a card's chips, figures to compare with and idle memory follow from the name."""
    found = kind(name)

    stored = tuple((device.name, device.chips) for device in found.stored_under)

    assert KINDS[name] == (found.soc_version, found.chips_per_card, stored, found.idle_memory_mb)
    assert (name, False) == (found.name, found.simulated)


@pytest.mark.parametrize("name", KINDS)
def test_figures_of_a_real_chip_never_judge_a_simulated_one(name: str) -> None:
    """A simulated chip has the facts of the chip it stands for, and none of its stored figures.

    Its models are kept apart.
    """
    real = kind(name)
    soc = real.soc_version and real.soc_version.replace("Ascend", "AscendSim")

    assert replace(real, name=f"Sim{name}", simulated=True, soc_version=soc, stored_under=()) == kind(f"Sim{name}")


@pytest.mark.parametrize(("name", "fits", "another"), [
    ("310", "Ascend310", "Ascend310P3 Ascend310B4 Ascend910B2"),
    ("310P", "Ascend310P Ascend310P1 Ascend310P3", "Ascend310 Ascend310B4"),
    ("310P3", "Ascend310P3 ascend310p3", "Ascend310P Ascend310P1 Ascend310 AscendSim310P3"),
    ("910B", "Ascend910B Ascend910B2 Ascend910B2C", "Ascend910A Ascend910_9391"),
    ("910B2", "Ascend910B2", "Ascend910B Ascend910B2C Ascend910B3"),
    ("910A", "Ascend910A Ascend910ProA Ascend910PremiumA", "Ascend910ProB Ascend910B"),
    ("Ascend 910B3", "Ascend910B3", "Ascend910B4"), ("910B4-1", "Ascend910B4-1", "Ascend910B4"),
    ("Ascend910", "Ascend910_9391 Ascend910A", "Ascend310P3"), ("Sim310P3", "AscendSim310P3", "Ascend310P3"), ("", "Ascend310", ""),
])
def test_a_chip_is_compared_with_what_is_compiled_for(name: str, fits: str, another: str) -> None:
    """A line of chips may be any of its line, never the other way round."""
    chip = kind(name)
    assert [] == [soc for soc in fits.split() if not chip.may_be(soc)]
    assert [] == [soc for soc in another.split() if chip.may_be(soc)]


@pytest.mark.parametrize("text", [npu_tables.A310, npu_tables.A310P3, npu_tables.NPU_24, npu_tables.A310B4])
def test_an_idle_chip_is_within_its_idle_memory(text: str) -> None:
    """A chip of a table taken at rest has no more memory in use than its kind may have."""
    bounds = [(chip.memory_used_mb, kind(chip.name).idle_memory_mb) for chip in parse_table(text).chips]

    assert [] == [(used, bound) for used, bound in bounds if used is None or bound is None or used > bound]


def test_a_busy_chip_is_beyond_its_idle_memory() -> None:
    """A chip on which a process holds gigabytes has more memory in use than its kind may have at rest."""
    busy = [parse_table(npu_tables.DUO).chips[1], parse_table(npu_tables.A910B).chips[0]]

    assert all((chip.memory_used_mb or 0) > (kind(chip.name).idle_memory_mb or 0) for chip in busy)


@pytest.mark.parametrize(("name", "stored", "chips", "of_card", "maker"), [
    ("Ascend310", "Ascend310", 4, True, "Ascend"),
    ("Ascend310-1chip", "Ascend310-1chip", 1, False, "Ascend"),
    ("310", "Ascend310-1chip", 1, False, "Ascend"),
    ("310P", "Ascend310P", 1, True, "Ascend"),
    ("Ascend310P3", "Ascend310P3", 1, True, "Ascend"),
    ("Ascend 910B3", "Ascend910B3", 1, True, "Ascend"),
    ("Ascend910", "Ascend910", 1, True, "Ascend"),
    ("T4(second measurement)", "T4(second measurement)", 1, True, "GPU"),
    ("A10", "A10", 1, True, "GPU"),
    ("3090", "3090", 1, True, "GPU"),
    ("cpu", "cpu", 1, True, "CPU"),
])
def test_a_stored_device_is_told_by_its_name(name: str, stored: str, chips: int, of_card: bool, maker: str) -> None:
    """What a figure's rate is of follows from its device.

    It is a card of four chips, one of these, a chip not listed, or a GPU.
    """
    found = stored_device(name)

    assert (stored, chips, of_card, maker) == (found.name, found.chips, found.of_card, found.maker)


def test_every_device_of_the_table_is_found_by_its_name() -> None:
    """Names are unique; each device judging an Ascend chip is among those of all chips it stands for."""
    assert list(DEVICES) == [stored_device(device.name) for device in DEVICES]
    assert [] == [device.name for device in DEVICES if device.maker != "GPU" for chip in device.stands_for
                  if device not in kind(chip).stored_under]


@pytest.mark.parametrize("name", ["paper", "pytorch-official", "T4", "Ascend310/T4", "A10", "310-1chip", "Kirin 310"])
def test_what_is_no_ascend_chip_has_no_kind(name: str) -> None:
    """A name that is no chip's is an error that repeats it and says how chips are named; none is made up."""
    with pytest.raises(TruthError, match=re.escape(repr(name))) as caught:
        ascend_kind(name)

    assert "310P3" in str(caught.value.remedy)
