"""Tonight is judged beside nights that compare: of one fingerprint, this chip's first, and fine ones only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.nights.made import CHIP, RECORD, kept, night, nights
from tools.nights.comparable import CHIP_PRIOR, LEAN, Comparable, before, changed, nights_of_chip
from tools.nights.record import Accepted, Record, Series

CENTRE = -math.log(80.0)
NEWER = replace(CHIP, driver="25.0.1", graph="4c5b6a798812ab34")


def judged_beside(folder: Path, records: Sequence[Record], tonight: Record = RECORD, accepted: Accepted | None = None) -> Comparable:
    history = kept(folder, records)
    if accepted:
        history.accept(accepted)
    return before(history.nights(), tonight)


def accepting(since: int, at: int, record: Record = RECORD) -> Accepted:
    return Accepted(record.case, record.unit, record.fingerprint, since, at, f"run-{since}", "ada", "a heat sink", "2026-11-28T09:00:00Z")


def test_the_chips_own_nights_come_first(tmp_path: Path) -> None:
    """The oldest first, each with how many series it had; nights of other chips are left out."""
    other = replace(RECORD, case="tsm-bs16-npu1", unit="one/npu1")
    two = replace(night(3), series=(RECORD.series[0], replace(RECORD.series[0], role="control", clips_per_s=84.0)))

    found = judged_beside(tmp_path, [*(night(number, 0.001 * number) for number in (2, 1, 4, 5, 6, 7, 8)), two,
                                     *(night(number, 0.5, record=other) for number in range(20))])

    assert ("own", True, 0.0, None) == (found.whose, found.judges, found.apart, found.old)
    assert [1, 1, 2, 1, 1, 1, 1, 1] == list(found.before.series)
    assert found.before.log_s[0] == pytest.approx(CENTRE + 0.001)
    assert found.before.log_s[2] == pytest.approx(CENTRE - math.log(84 / 80) / 2)


@pytest.mark.parametrize("word", ["slow", "suspect", "bad day", "trend", ""])
def test_a_night_that_was_not_fine_makes_no_centre(tmp_path: Path, word: str) -> None:
    """Else what is slow night after night would be what is usual."""
    last = replace(night(9, 0.1), word=word, ratio=6.0)  # type: ignore[arg-type]
    found = judged_beside(tmp_path, [*(night(number) for number in range(1, 9)), last])

    assert 8 == len(found.nights) == len(found.before.log_s)
    assert max(found.before.log_s) == pytest.approx(CENTRE)
    assert (9 if word in ("slow", "suspect", "trend") else 8) == len(found.course)


def test_a_night_in_slight_doubt_makes_the_centre_too(tmp_path: Path) -> None:
    """Without those that were slow by chance the centre would be too fast, and more would seem slow."""
    doubtful = replace(night(9, 0.01, "suspect"), ratio=2.0)

    assert 9 == len(judged_beside(tmp_path, [*(night(number) for number in range(1, 9)), doubtful]).nights)


def test_a_suspect_last_night_leaves_its_evidence(tmp_path: Path) -> None:
    """Once: a night that was fine has settled it."""
    doubtful = replace(night(9, 0.03, "suspect"), ratio=4.5)

    assert 4.5 == judged_beside(tmp_path / "last", [*(night(n) for n in range(1, 9)), doubtful]).before.carried
    assert 0.0 == judged_beside(tmp_path / "settled", [*(night(n) for n in range(1, 9)), doubtful, night(10)]).before.carried


def test_a_run_is_no_night_before_itself(tmp_path: Path) -> None:
    """What an ended process has left of tonight, when the run is gone on with, judges nothing of it."""
    records = [night(n) for n in range(1, 10)]

    assert 8 == len(judged_beside(tmp_path, records, records[-1]).nights)


def test_bad_days_in_a_row_are_counted(tmp_path: Path) -> None:
    """From the last night back."""
    bad = [night(number, 0.1, "bad day") for number in (3, 9, 10)]

    assert 2 == judged_beside(tmp_path, [*(night(n) for n in (1, 2, *range(4, 9))), *bad]).bad_days


def test_what_was_not_timed_is_no_night(tmp_path: Path) -> None:
    """A run of accuracy alone leaves a record without series."""
    found = judged_beside(tmp_path, [night(1), replace(night(2), series=())])

    assert (1, False) == (len(found.nights), found.judges)


def test_speed_compares_whatever_the_data(tmp_path: Path) -> None:
    """Data and accuracy of a night do not shape its speed."""
    found = judged_beside(tmp_path, [replace(night(n), data=f"list {n}", accuracy={}) for n in range(8)])

    assert found.judges


def test_a_new_chip_is_judged_beside_its_kind(tmp_path: Path) -> None:
    """The chips' nights come to one level, which is not that of the chip with most nights.

    How far this chip may lie from it is what the prior says where the chips say the same.
    """
    chips = [replace(RECORD, case=f"tsm-bs16-npu{number}", unit=f"one/npu{number}") for number in (1, 2, 3)]
    levels = (-CHIP_PRIOR, 0.0, CHIP_PRIOR)
    records = [night(n, level + 0.001 * (n % 3), record=chip) for chip, level, count in zip(chips, levels, (30, 3, 3), strict=True)
               for n in range(count)]

    found = judged_beside(tmp_path, [*records, night(1)])

    assert ("kind", True, 36) == (found.whose, found.judges, len(found.nights))
    assert max(found.before.log_s) - min(found.before.log_s) == pytest.approx(0.002)
    assert found.before.log_s[0] == pytest.approx(CENTRE, abs=0.002)
    assert found.apart == pytest.approx(CHIP_PRIOR * math.sqrt(4 / 3))


def test_chips_that_lie_far_apart_widen_the_noise(tmp_path: Path) -> None:
    """Their own spread counts beside the prior; chips of few nights tell none."""
    chips = [replace(RECORD, case=f"tsm-bs16-npu{number}", unit=f"one/npu{number}") for number in range(1, 9)]
    records = [night(n, 0.1 * (number % 2), record=chip) for number, chip in enumerate(chips) for n in range(4)]

    found = judged_beside(tmp_path, records)

    assert found.apart == pytest.approx(math.sqrt((4 * CHIP_PRIOR**2 + 8 * 0.05**2) / 11 * (1 + 1 / 8)))


def test_few_nights_of_a_chip_alone_are_for_learning(tmp_path: Path) -> None:
    """Without others of its kind nothing is judged."""
    found = judged_beside(tmp_path, [night(n, word="learning") for n in range(7)])

    assert ("own", False, 7) == (found.whose, found.judges, len(found.nights))
    assert ("none", False) == ((empty := judged_beside(tmp_path / "none", [])).whose, empty.judges)


def test_a_new_fingerprint_is_held_against_the_old_centre(tmp_path: Path) -> None:
    """What changed is named, and it judges from the first night on."""
    tonight = replace(RECORD, fingerprint=NEWER)

    found = judged_beside(tmp_path, [night(n, 0.01) for n in range(1, 12)], tonight)

    assert found.old is not None
    assert (True, "none", LEAN, 11) == (found.judges, found.whose, found.old.weight, found.old.nights)
    assert found.old.log_s == pytest.approx(CENTRE + 0.01)
    assert "driver 24.1.0 -> 25.0.1, graph 1f2e3d4c5b6a -> 4c5b6a798812" == found.old.changed


def test_the_old_centre_leaves_once_the_new_one_stands(tmp_path: Path) -> None:
    """Nights of the new fingerprint lean on it until they are eight; a slow one is none of them."""
    old, renewed = [night(n) for n in range(1, 12)], replace(RECORD, fingerprint=NEWER)

    leaning = judged_beside(tmp_path / "leaning", [*old, *(night(n, record=renewed) for n in range(20, 27)),
                                                   night(30, 0.1, "slow", renewed)], renewed)
    standing = judged_beside(tmp_path / "standing", [*old, *(night(n, record=renewed) for n in range(20, 28))], renewed)

    assert (7, True) == (len(leaning.nights), leaning.old is not None)
    assert (8, True, None) == (len(standing.nights), standing.judges, standing.old)


def test_another_kind_of_chip_is_no_old_fingerprint(tmp_path: Path) -> None:
    """Nor is another case: it would be judged by what it never was."""
    tonight = replace(RECORD, fingerprint=replace(CHIP, chip="910B3"))

    assert None is judged_beside(tmp_path / "chip", [night(n) for n in range(20)], tonight).old
    assert None is judged_beside(tmp_path / "case", [night(n) for n in range(20)], replace(RECORD, case="tsm-bs1-npu0")).old


def test_what_is_accepted_is_the_new_centre(tmp_path: Path) -> None:
    """Only nights from then on count; of the slow ones those that the person saw."""
    records = [*(night(n) for n in range(1, 12)), night(12, 0.1, "slow"), night(13, 0.1, "slow"), night(14, 0.1), night(15, 0.3, "slow")]

    found = judged_beside(tmp_path, records, accepted=accepting(12, 13))

    assert [12, 13, 14] == [one.number for one in found.nights]
    assert [12, 13, 14, 15] == [one.number for one in found.course]
    assert (False, "own", "ada") == (found.judges, found.whose, found.accepted.by if found.accepted else None)


def test_an_accepted_fingerprint_leans_on_nothing(tmp_path: Path) -> None:
    """What a person has accepted of a new driver is no longer held against the old one."""
    renewed = replace(RECORD, fingerprint=NEWER)
    records = [*(night(n) for n in range(1, 12)), night(12, 0.1, "slow", renewed)]

    found = judged_beside(tmp_path, records, renewed, accepting(12, 12, renewed))

    assert (None, [12]) == (found.old, [one.number for one in found.nights])


def test_what_is_accepted_of_one_case_moves_no_other(tmp_path: Path) -> None:
    """Nor the same case of another chip."""
    found = judged_beside(tmp_path, [night(n) for n in range(1, 12)], accepted=replace(accepting(10, 11), unit="two/npu0"))

    assert 11 == len(found.nights)


def test_the_noise_of_a_chip_is_told_by_all_its_cases(tmp_path: Path) -> None:
    """With its software, and not by nights under another."""
    two = replace(night(3), series=(RECORD.series[0], Series("again", 80.0 * math.exp(0.02), 60, 4.0, 0.02, 0.004)))
    records = [night(1), two, night(1, record=replace(RECORD, case="tsm-bs1-npu1", unit="one/npu1", fingerprint=replace(CHIP, batch=1))),
               night(1, record=replace(RECORD, fingerprint=NEWER))]

    found = nights(tmp_path, records)

    assert [1, 2] == sorted(len(one.log_s) for one in nights_of_chip(found, CHIP))


def test_what_changed_is_told_in_words() -> None:
    """Each part of the fingerprint that is another one, and what was not there as none."""
    assert "runtime none -> aclruntime 0.0.2, protocol 1 -> 2" == changed(replace(CHIP, runtime=""), replace(CHIP, protocol=2))
    assert "alone False -> True" == changed(CHIP, replace(CHIP, alone=True))
