"""Measured rates beside stored ones: a case's comparisons, the tables that end a run, doubtful figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.judging.comparisons import Comparison, Rate, comparisons, doubts, ratio_table
from tools.judging.guide_tables import guide_table, tables
from tools.judging.speed import stored_rate
from tools.spec.case import BATCHES
from tools.spec.catalog import load_spec, load_truth, model_names
from tools.spec.chips import DEVICES, kind
from tools.spec.settings import MODELS
from tools.spec.truth import Truth


def compared(name: str, batch: int, clips_per_s: float = 10.0, network: str = "") -> list[Comparison]:
    return comparisons(load_truth(MODELS, name), Rate(name, network, "cpu", "cpu", batch, clips_per_s))


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
    """Each stored rate of batch size and network is compared with: the gate's T4 first, no other T4."""
    found = compared(name, batch, network=network)

    assert list(expected.items()) == [(one.device, f"{one.ratio:.3g}") for one in found]
    assert [10.0] * len(found) == [pytest.approx(one.ratio * one.clips_per_s) for one in found]


def test_one_chip_of_a_card_is_multiplied_beside_what_is_of_a_card() -> None:
    """A 310's rate stands as it is beside one chip's figure, and times four beside the card's and T4's."""
    found = comparisons(load_truth(MODELS, "tsm"), Rate("tsm", "", "npu0", "310", 16, 14.6556))

    assert {"T4": "0.530", "Ascend310-1chip": "1.000", "Ascend310": "1.000", "Ascend310P": "0.388"} == {
        one.device: f"{one.ratio:.3f}" for one in found}


def test_a_model_without_a_t4_shows_the_column_empty() -> None:
    """The T4's column comes first, and is there even if nothing is stored for it: `-` says so."""
    table = ratio_table([("slowfast-bs16", compared("slowfast", 16))])

    assert ["case           x T4  x Ascend310P3", "slowfast-bs16  -     0.078"] == table


def test_models_share_one_table() -> None:
    """A column a device, the T4 first whichever case comes first; a device not stored for one is a dash."""
    header, slowfast, tsm = ratio_table([("slowfast-bs16", compared("slowfast", 16)), ("tsm-bs16", compared("tsm", 16))])

    heads = "T4 guide: TensorRT fp16 Ascend310P3 Ascend310-1chip Ascend310 Ascend310P"
    assert ["case", *heads.split()] == header.replace(" x ", " ").split()
    assert ["slowfast-bs16", "-", "0.078", "-", "-", "-"] == slowfast.split()
    assert ["tsm-bs16", "0.090", "-", "0.682", "0.171", "0.066"] == tsm.split()


def test_nothing_stored_makes_no_table() -> None:
    """Where no case has anything to be compared with, there is neither a table nor a line about doubt."""
    assert [] == ratio_table([("bsn-bs4", compared("bsn", 4))])
    assert [] == doubts([("bsn-bs4", compared("bsn", 4))])


def test_a_figure_in_doubt_is_named_once_with_its_reason() -> None:
    """Each suspect figure in a table has one line: file, id, device, value and what speaks against it."""
    cases = [("a", compared("r2plus1d", 4)), ("b", compared("r2plus1d", 4, 20.0)), ("c", compared("r2plus1d", 16)),
             ("d", compared("slowfast", 1))]
    r2plus1d, slowfast = doubts(cases)

    assert r2plus1d.startswith("r2plus1d.toml r0194 (T4, 38.8568): suspect: ")
    assert "2.2446" in r2plus1d
    assert slowfast.startswith("slowfast.toml r0091 (Ascend310P3, 146.4): suspect: ")
    assert "138.4" in slowfast
    assert ["", "", ""] == [one.note for one in compared("r2plus1d", 16)]


def lines_of(table: list[str]) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in table}


def test_the_guides_table_has_cards_by_batch_size_and_best_against_best() -> None:
    """One chip of a 310 is shown as its card.

    Each batch size that anything is known of has a row, the last one each column's best.
    """
    rates = [Rate("tsm", "", "npu0", "310", 16, 14.5), Rate("tsm", "", "npu0", "310", 1, 20.0)]
    title, *table = guide_table(load_truth(MODELS, "tsm"), rates)
    found = lines_of(table)

    assert "tsm: clips/s of a card; measured on npu0 (310, median, derived: 4 x one chip)" == title
    assert ["batch", "1", "4", "8", "16", "32", "64", "best"] == list(found)
    assert "310 310P T4 measured 310/T4 310P/T4 310P/310 measured/T4 measured/310 measured/310P" == " ".join(found["batch"])
    assert "58.62 151.00 110.58 58.00 0.530 1.366 2.576 0.525 0.989 0.384" == " ".join(found["16"])
    assert "- 131.00 - - - - - - - -" == " ".join(found["64"])
    assert "67.97 186.00 110.89 80.00 0.613 1.677 2.737 0.721 1.177 0.430" == " ".join(found["best"])


@pytest.mark.parametrize(("name", "network", "chip", "batch", "expected"), [
    ("slowfast", "", "310P3", 8, "- 128.10 - 100.00 - - - - - 0.781"),  # a guide that calls the 310P by the name of its chip
    ("bsn", "tem", "910B3", 1, "13102.20 - 17674.00 100.00 0.741 - - 0.006 0.008 -"),
    ("nonlocal", "", "310", 4, "56.08 78.25 67.59 400.00 0.830 1.158 1.395 5.918 7.133 5.112"),
])
def test_the_guides_table_knows_a_card_by_any_of_its_names(name: str, network: str, chip: str, batch: int, expected: str) -> None:
    """A 310P's column holds what is stored of the card or of its only chip.

    An unlisted chip is measured beside them.
    """
    found = lines_of(guide_table(load_truth(MODELS, name), [Rate(name, network, "npu0", chip, batch, 100.0)]))

    assert expected == " ".join(found[str(batch)])


def test_only_what_an_npu_measured_stands_in_the_guides_table() -> None:
    """A run ends with a line a case, and the guides' table of each model or network an NPU measured."""
    truths = {name: load_truth(MODELS, name) for name in ("tsm", "bsn")}
    cpu = [Rate("tsm", "", "cpu", "cpu", 16, 10.0), Rate("bsn", "", "cpu", "cpu", 4, 10.0)]
    npu = [Rate("bsn", network, "npu0", "310", 16, 10.0) for network in ("", "tem", "pem")]
    titles = [line for line in tables([*cpu, *npu], truths) if "measured on" in line]
    cases = [line.split("  ")[0] for line in tables([*cpu, *npu], truths) if line.startswith(("tsm-", "bsn-"))]

    assert ["tsm-bs16-cpu", "bsn-bs4-cpu", "bsn-bs16-npu0", "bsn-bs16-npu0 tem", "bsn-bs16-npu0 pem"] == cases
    assert ["bsn", "bsn tem", "bsn pem"] == [title.partition(":")[0] for title in titles]
    assert [] == [line for line in tables(cpu, truths) if "measured on" in line]
    assert [] == tables([], truths) == tables(cpu[1:], truths)


def read(name: str, truth: Truth) -> set[str]:
    """The figures that any run, on any device, judges by or shows: references, and rates of a batch size."""
    found = set(truth.references.values())
    chips = [kind(chip) for device in DEVICES if device.maker == "Ascend" for chip in device.stands_for]
    for network in ("", *(network.name for network in load_spec(MODELS, name).networks)):
        for batch in BATCHES:
            found |= {one.source.split()[1] for one in comparisons(truth, Rate(name, network, "cpu", "cpu", batch, 10.0))}
            found |= {stored[0].id for chip in chips if (stored := stored_rate(truth, chip, batch, network))}
    return found


@pytest.mark.parametrize("name", model_names(MODELS))
def test_every_figure_outside_the_archive_is_read(name: str) -> None:
    """A figure that no gate, comparison or table can read stands in the archive; none that one reads does."""
    truth = load_truth(MODELS, name)
    everything = replace(truth, figures=(*truth.figures, *truth.archive), archive=())

    assert set() == {figure.id for figure in truth.figures} ^ read(name, truth)
    assert read(name, truth) == read(name, everything)
    assert truth.archive


def test_a_cards_own_figure_comes_before_one_made_of_its_chips() -> None:
    """Where a card and one of its chips are stored, the card's rate stands in its column.

    Where the card is not stored, it is four times the chip's.
    """
    truth = load_truth(MODELS, "tsm")
    chips = tuple(replace(one, value=20.0) if one.device == "Ascend310-1chip" else one for one in truth.figures)
    alone = tuple(one for one in chips if one.device != "Ascend310")
    both, without = (lines_of(guide_table(replace(truth, figures=figures), [Rate("tsm", "", "npu0", "310P3", 16, 1.0)]))["16"][0]
                     for figures in (chips, alone))

    assert ("58.62", "80.00") == (both, without)
