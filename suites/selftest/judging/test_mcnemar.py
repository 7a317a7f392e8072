"""Lost and won clips: the exact test, the interval of the net loss, and how often each verdict is wrong."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from suites.selftest.judging.test_verdict import FIRST, FOURTH, LAST, labels, scores
from tools.judging.accuracy import paired_accuracy
from tools.judging.mcnemar import LONG, flips_red, net_loss, p_value, sentence, smallest_loss
from tools.spec.catalog import load_truth
from tools.spec.settings import MODELS
from tools.spec.truth import PairsGate

GATE = PairsGate(max_loss_clips=1, max_loss_share=0.01)
UCF101, KINETICS = 3783, 19796
SIZES = (LONG, UCF101, 5000, 10_000, KINETICS)


def coin(heads: int, throws: int) -> float:
    """The probability of so many heads, to the last digit of a float."""
    return math.comb(throws, heads) / 2**throws


def red_share(lost: float, won: float, clips: int) -> float:
    """How often lists of *clips* are red where a clip is lost, or won, with these probabilities; exactly."""
    total, most = lost + won, int(clips * (lost + won) + 8 * math.sqrt(clips * (lost + won)))
    share = 0.0
    for changed in range(most + 1):
        here = math.exp(_log_binomial(changed, clips, total))
        worst = [math.exp(_log_binomial(gone, changed, lost / total)) for gone in range(changed + 1)
                 if flips_red(gone, changed - gone, clips, GATE)]
        share += here * math.fsum(worst)
    return share


def _log_binomial(right: int, clips: int, share: float) -> float:
    found = math.lgamma(clips + 1) - math.lgamma(right + 1) - math.lgamma(clips - right + 1)
    return found + right * math.log(share) + ((clips - right) * math.log1p(-share) if clips > right else 0.0)


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (1, 0), (0, 7), (10, 0), (13, 4), (60, 138), (138, 60), (700, 600)])
def test_p_is_the_exact_tail_of_a_fair_coin(lost: int, won: int) -> None:
    """Of at least so many lost clips, summed by hand in whole numbers."""
    changed = lost + won
    assert pytest.approx(sum(math.comb(changed, heads) for heads in range(lost, changed + 1)) / 2**changed, rel=1e-9) == p_value(lost, won)


def test_chance_is_red_in_at_most_one_of_a_thousand_lists() -> None:
    """However many clips change without a net loss: up to 3 % of the shorter lists, 1 % of the longer."""
    for clips in SIZES:
        for changed in range(int((0.03 if clips < 5000 else 0.01) * clips) + 1):
            share = math.fsum(coin(lost, changed) for lost in range(changed + 1) if flips_red(lost, changed - lost, clips, GATE))
            assert share <= 0.001, (clips, changed)
        assert red_share(0.005, 0.005, clips) <= 0.001


def test_a_loss_of_two_in_five_changed_clips_is_seen() -> None:
    """A net loss of 0.4 points on Kinetics-400 where 1 % of the clips change is red in 99 % of lists."""
    assert red_share(0.007, 0.003, KINETICS) > 0.99
    assert 0.2 < red_share(0.007, 0.003, UCF101) < 0.25, "what UCF-101's list can show"


def test_drawn_lists_are_judged_as_the_sums_say() -> None:
    """A thousand drawn lists of each kind, with a seed: none of chance is red, and 99 % of the lossy are."""
    rng = np.random.default_rng(15)
    chance, lossy = (rng.multinomial(KINETICS, (lost, won, 1 - lost - won), size=1000) for lost, won in ((0.005, 0.005), (0.007, 0.003)))

    assert sum(flips_red(int(lost), int(won), KINETICS, GATE) for lost, won, _ in chance) <= 3
    assert sum(flips_red(int(lost), int(won), KINETICS, GATE) for lost, won, _ in lossy) >= 985


@pytest.mark.parametrize(("lost", "won", "clips", "red"), [
    (10, 0, LONG, True), (9, 0, LONG, False),  # p is 0.00098, and 0.002
    (10, 0, LONG - 1, False), (30, 0, LONG - 1, True), (29, 0, LONG - 1, False),
    (18, 2, KINETICS, False), (20, 0, KINETICS, True), (19, 0, KINETICS, False),  # 0.1 points are 19.8 clips
    (9, 0, 9000, False), (12, 0, 12_000, True),  # 0.1 points exactly
    (1000, 801, KINETICS, True), (1000, 803, KINETICS, True), (1000, 900, KINETICS, False),
    (6000, 5802, KINETICS, True), (6000, 5803, KINETICS, False),  # above 1 %, whatever p is
    (0, 500, KINETICS, False), (0, 0, KINETICS, False), (0, 0, LONG, False),
])
def test_a_long_list_is_red_for_a_loss_that_is_no_chance(lost: int, won: int, clips: int, red: bool) -> None:
    """From 3,000 clips on with p up to 0.001 and 0.1 points, or above one percent; a gain never is."""
    assert red is flips_red(lost, won, clips, GATE)


def test_the_limits_are_those_of_the_toml() -> None:
    for model in ("tsm", "slowfast", "r2plus1d", "nonlocal"):
        assert GATE == load_truth(MODELS, model).pairs
    assert not flips_red(12, 0, LONG, PairsGate(1, 0.01, max_p=0.0001))
    assert flips_red(14, 0, LONG, PairsGate(1, 0.01, max_p=0.0001))
    assert not flips_red(14, 0, LONG, PairsGate(1, 0.01, min_net_share=0.005))
    assert flips_red(15, 0, LONG, PairsGate(1, 0.01, min_net_share=0.005))


@pytest.mark.parametrize(("lost", "won", "clips"), [
    (0, 0, 63), (0, 0, LONG), (0, 0, UCF101), (20, 18, UCF101), (37, 0, UCF101), (60, 138, KINETICS), (0, 0, KINETICS), (1, 0, 63)])
def test_the_smallest_loss_is_the_first_that_is_red(lost: int, won: int, clips: int) -> None:
    """Where about as many clips change; one less is not red, by whatever clips it comes about."""
    least, changed = smallest_loss(lost, won, clips, GATE), lost + won
    total = max(changed, least)
    total += (total - least) % 2

    assert flips_red((total + least) // 2, (total - least) // 2, clips, GATE)
    assert not any(flips_red((many + net) // 2, (many - net) // 2, clips, GATE)
                   for net in range(1, least) for many in (changed, changed + 1) if many >= net and (many - net) % 2 == 0)


def test_more_changed_clips_show_less() -> None:
    """The smallest loss grows with the number of changed clips, up to what is allowed at all."""
    seen = [smallest_loss(changed, changed, KINETICS, GATE) for changed in (0, 50, 200, 1000, 5000, 9000)]

    assert all(less <= more for less, more in pairwise(seen))
    assert (20, 198) == (seen[0], seen[-1])


@pytest.mark.parametrize(("clips", "lost", "won"), [(63, 0.1, 0.05), (63, 0.3, 0.02), (300, 0.02, 0.02), (300, 0.2, 0.0)])
def test_the_interval_holds_the_true_loss(clips: int, lost: float, won: float) -> None:
    """In about 95 % of drawn lists, and not in all of them."""
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(clips, (lost, won, 1 - lost - won), size=4000)
    held = [found.low <= lost - won <= found.high for found in (net_loss(int(gone), int(gained), clips) for gone, gained, _ in drawn)]

    assert 0.93 < np.mean(held) < 0.985


def test_the_interval_is_never_a_point_and_never_impossible() -> None:
    """No changed clip still leaves three in as many clips; all clips lost are no more than all."""
    none, all_lost = net_loss(0, 0, 300), net_loss(5, 0, 5)

    assert (0.0, pytest.approx(-none.low)) == (none.measured, none.high)
    assert 0.005 < none.high < 0.01
    assert (1.0, 1.0) == (all_lost.measured, all_lost.high)
    assert net_loss(10, 4, 300).measured == pytest.approx(0.02)
    assert net_loss(4, 10, 300).measured == pytest.approx(-0.02)


def test_a_row_says_what_the_clips_tell() -> None:
    """Both counts, p, the net loss with its interval, the rule of such lists, and what they can show."""
    assert sentence(5, 1, 63, GATE, "torch") == (
        "5 of 63 clips lost, 1 won against torch, p = 0.11, net loss 6.35 points (95 %: -1.68 to 13.99); a net loss of 1 is allowed; "
        "the smallest loss these clips show is 3.17 points, 2 clips")
    assert sentence(20, 18, UCF101, GATE, "torch") == (
        "20 of 3783 clips lost, 18 won against torch, p = 0.44, net loss 0.05 points (95 %: -0.27 to 0.38); a net loss from 0.1 points on "
        "is FAIL where p is up to 0.001, one of more than 37 clips in any case; "
        "the smallest loss these clips show is 0.53 points, 20 clips")


def test_each_metric_is_judged_by_its_own_pairs() -> None:
    """Ten clips that fall to the fourth place are FAIL for top-1 of a long list, and top-5 has lost none."""
    theirs, ours = scores((LONG, FIRST)), scores((LONG - 10, FIRST), (10, FOURTH))
    top1, top5 = paired_accuracy(ours, theirs, labels(LONG), GATE)

    assert ("FAIL", "PASS") == (top1.verdict.value, top5.verdict.value)
    assert top1.reason.startswith("10 of 3000 clips lost, 0 won against torch, p = 0.00098, net loss 0.33 points")
    nothing = paired_accuracy(scores((30, FIRST), (LONG - 30, LAST)), scores((30, FIRST), (LONG - 30, LAST)), labels(LONG), GATE)
    assert {"NO VERDICT"} == {one.verdict.value for one in nothing}


def test_a_row_names_the_first_clips_of_either_kind() -> None:
    """Three lost and three won ones, and how many more there are; nothing where no clip changed."""
    ids = tuple(f"v{number}" for number in range(63))
    ours, theirs = scores((5, LAST), (1, FIRST), (57, FIRST)), scores((5, FIRST), (1, LAST), (57, FIRST))
    top1 = paired_accuracy(ours, theirs, labels(63), GATE, ids=ids)[0]
    same = paired_accuracy(theirs, theirs, labels(63), GATE, ids=ids)[0]

    assert top1.reason.endswith("; lost: v0, v1, v2 and 2 more; won: v5")
    assert "lost: v" not in same.reason
    assert "won: v" not in same.reason


def test_a_row_has_the_interval_of_what_was_measured_less_the_reference() -> None:
    """It is the net loss with the sign of a difference: of a loss it lies below zero."""
    ours, theirs = scores((20, LAST), (1, FIRST), (42, FIRST)), scores((20, FIRST), (1, LAST), (42, FIRST))
    top1 = paired_accuracy(ours, theirs, labels(63), GATE)[0].numbers
    assert top1 is not None
    assert top1.pairs is not None
    loss = net_loss(20, 1, 63)

    assert (63, 20, 1) == (top1.pairs.clips, top1.pairs.lost, top1.pairs.won)
    assert (-loss.high, -loss.low) == (top1.pairs.low, top1.pairs.high)
    assert top1.pairs.low is not None
    assert top1.pairs.high is not None
    assert top1.pairs.low < top1.measured - (top1.reference or 0) < top1.pairs.high < 0
