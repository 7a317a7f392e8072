"""Labels that are wrong lower torch's accuracy as they do the device's: then agreement is no verdict."""

from __future__ import annotations

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.judging.test_verdict import TRUTH, verdicts
from tools.datasets import choice
from tools.judging.accuracy import Against, accuracy
from tools.judging.plausible import Known, at_least, at_most, known_of, unlikely, upper_bound
from tools.judging.verdict import Judgement
from tools.measuring.metrics import Labels
from tools.media.preprocess import Floats
from tools.spec.catalog import load_spec, load_truth
from tools.spec.expectations import Expectations
from tools.spec.model import recogniser

CLASSES, CLIPS = 8, 63
TINY = recogniser(load_spec(TINY_MODELS, "tiny"), "has scores", remedy="none")
KNOWN = Known(0.85, "somebody")


def labels(clips: int = CLIPS, classes: int = CLASSES) -> Labels:
    return np.arange(clips, dtype=np.int64) % classes


def scored(right: int, clips: int = CLIPS, classes: int = CLASSES, outputs: int = 101) -> Floats:
    """Scores of a network of *outputs* classes that has so many clips right, and the others one class off."""
    found = np.zeros((clips, outputs), np.float32)
    own = labels(clips, classes)
    found[np.arange(clips), np.where(np.arange(clips) < right, own, (own + 1) % classes)] = 1
    return found


def judged(right: int, *, known: Known | None = None, expect: str = "", of: Labels | None = None, few: bool = False) -> list[Judgement]:
    """The device gives what torch gives."""
    own = labels() if of is None else of
    found = scored(right)
    against = Against(TRUTH, official=False, reference=found, unjudged="", expect=Expectations.parse(expect), known=known, few=few)
    return accuracy(found, own, against)


@pytest.mark.parametrize("known", [None, KNOWN])
def test_labels_off_by_one_are_no_verdict(known: Known | None) -> None:
    """0.13 beside 0.13 is NO VERDICT, of known weights and of others; the right labels of that list PASS."""
    off = judged(55, known=known, of=(labels() + 1) % CLASSES)
    right = judged(55, known=known)

    assert ("0.1270", "0.1270") == (off[0].measured, off[0].reference)
    assert {"top1": "NO VERDICT", "top5": "NO VERDICT"} == verdicts(off)
    assert {"top1": "PASS", "top5": "PASS"} == verdicts(right)
    assert off[0].reason.startswith("torch itself has 8 of 63 clips right at top-1, ")


def test_what_is_known_excludes_half_of_it() -> None:
    """Torch far above chance, and far below what its weights are known to reach, is NO VERDICT and says both.

    From a top-1 on whose bound reaches half of what is known it is PASS.
    """
    [low, _] = judged(17, known=KNOWN)
    [enough, _] = judged(18, known=KNOWN)
    [unknown, _] = judged(17)

    assert ["NO VERDICT", "PASS", "PASS"] == [one.verdict.value for one in (low, enough, unknown)]
    assert "at most 0.4196 with 99% confidence, below half of the 0.85 that these weights are known to reach (somebody)" in low.reason


def test_an_expectation_stands_for_what_is_known() -> None:
    """`--expect top1=...` lets such a list be judged, and each line says so; an expected top-5 does not."""
    given = (labels() + 1) % CLASSES
    said, other = judged(55, known=KNOWN, of=given, expect="top1=0.126"), judged(55, known=KNOWN, of=given, expect="top5=0.1")

    assert {"top1": "PASS", "top5": "PASS", "top1 expected": "PASS"} == verdicts(said)
    for one in said[:2]:
        assert "judged as --expect says top1=0.126, although torch itself has 8 of 63 clips right at top-1" in one.reason
    assert {"top1": "NO VERDICT", "top5": "NO VERDICT", "top5 expected": "PASS"} == verdicts(other)
    assert "NO VERDICT" == verdicts(judged(55, known=KNOWN, of=given, expect="top1=0.125"))["top1"], "one in eight is chance"


def test_a_loss_stays_a_loss() -> None:
    """What the device loses against torch is FAIL, however doubtful the labels are."""
    theirs, ours = scored(8), scored(0)
    against = Against(TRUTH, official=False, reference=theirs, unjudged="", expect=Expectations(), known=KNOWN)

    assert "FAIL" == verdicts(accuracy(ours, labels(), against))["top1"]


@pytest.mark.parametrize(("right", "clips", "classes", "known", "expected"), [
    (4, 4, 4, KNOWN, ""), (4, 4, 4, None, ""), (3, 4, 4, KNOWN, ""), (2, 4, 4, None, ""),  # of 101 answers
    (1, 4, 4, None, "not above chance: one of 101 classes, p = 0.039 is over 0.01"),
    (0, 4, 4, KNOWN, "not above chance"),  # four wrong ones of four do not exclude 0.425
    (1, 1, 1, None, ""), (9, 9, 1, None, ""), (6, 8, 8, KNOWN, ""),
    (5, 19, 19, None, ""), (5, 20, 20, None, ""), (4, 20, 20, None, "not above chance: one of 20 classes, p = 0.016"),
    (15, 20, 2, None, "not above chance: one of 2 classes, p = 0.021"), (20, 20, 1, None, ""),
])
def test_a_short_list_is_judged_by_what_it_can_show(right: int, clips: int, classes: int, known: Known | None, expected: str) -> None:
    """A bound that excludes nothing is no reason; what chance gives as often as once in a hundred is one.

    A short list is held against all answers that the network has, a longer one against the list's own.
    """
    why = unlikely(scored(right, clips, classes), labels(clips, classes), known)

    assert (expected in why, bool(expected)) == (True, bool(why))


def test_some_clips_of_a_checked_data_set_need_not_beat_chance() -> None:
    """1 of 8 clips of mini or full data may be chance, and their labels are right; what is known holds."""
    one, eight = scored(1, 8), labels(8)

    assert "not above chance" in unlikely(one, eight, Known(0.2, "tiny"))
    assert "" == unlikely(one, eight, Known(0.2, "tiny"), few=True)
    assert "below half" in unlikely(scored(0, 16), labels(16), Known(0.9, "mini"), few=True)
    assert [True, True, False, False, False, False] == [
        choice.is_some(word) for word in ("mini[8]", "full[12]", "mini", "full", "list.txt[8]", "mini[8].txt")]


def test_what_is_known_comes_from_the_toml_or_the_mini_spec() -> None:
    """Published weights reach their figure, mini weights their floor; of own ones nothing is known."""
    tiny, tsm = known_of(TINY, load_truth(TINY_MODELS, "tiny"), "mini"), known_of(TINY, TRUTH, "published")

    assert (Known(0.3, "reference_top1_at_least in tiny.py"), Known(0.945, "tsm.toml r0011")) == (tiny, tsm)
    assert [None, None] == [known_of(TINY, TRUTH, origin) for origin in ("own", "unsaid")]


def test_no_probability_is_above_one() -> None:
    """However the sum of many small ones is rounded."""
    found = [at_most(right, CLIPS, share) for right in range(CLIPS + 1) for share in (0.01, 0.125, 0.4)]

    assert 1.0 == max(found)


@pytest.mark.torch
@pytest.mark.parametrize(("right", "clips", "share"), [(0, 4, 0.425), (8, 63, 0.125), (17, 63, 0.425), (37, 3783, 1 / 101),
                                                       (3575, 3783, 0.945), (9000, 19796, 0.4), (63, 63, 0.9)])
def test_the_exact_tests_are_scipys(right: int, clips: int, share: float) -> None:
    """Both tails and the bound are those of scipy.stats, which an installation without torch lacks."""
    from scipy import stats

    lower, upper = (stats.binomtest(right, clips, share, alternative=side).pvalue for side in ("less", "greater"))
    bound = stats.binomtest(right, clips).proportion_ci(0.98, "exact").high  # both sides: 1 % on each

    assert (lower, upper) == (pytest.approx(at_most(right, clips, share)), pytest.approx(at_least(right, clips, share)))
    assert bound == pytest.approx(upper_bound(right, clips))
