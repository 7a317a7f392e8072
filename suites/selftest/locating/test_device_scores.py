"""The device's scores are judged beside its graph's, and beside what a search has found."""

from __future__ import annotations

import numpy as np
import pytest

from suites.selftest.locating.found_ones import apart, found, quiet, seen
from tools.locating import device_scores
from tools.locating.values import Found, StageSeen


def test_one_flipped_clip_of_a_large_batch_differs() -> None:
    """However many others agree to half precision."""
    rng = np.random.default_rng(1)
    logits = 4 * rng.normal(size=(32, 101))
    theirs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    ours = theirs * (1 + rng.normal(size=theirs.shape) / 2000)
    assert not device_scores.stage(np.log(ours), np.log(theirs), "fp16").differs

    first, other = np.argmax(ours[3]), np.argsort(ours[3])[-10]
    ours[3, first], ours[3, other] = ours[3, other], ours[3, first]
    assert device_scores.stage(np.log(ours), np.log(theirs), "fp16").differs


@pytest.mark.parametrize(("one", "sentence"), [
    (quiet(), device_scores.ONLY_WHOLE), (found("nothing", seen((4e-4,) * 4, (4e-4, 1e-3, 2e-2, 6e-2))), device_scores.ADDS_UP),
    (found("nothing", ()), device_scores.ADDS_UP)])
def test_an_error_of_the_whole_is_laid_to_what_was_measured(one: Found, sentence: str) -> None:
    """Only where the tensors that were asked for are right, asking for them makes the device right."""
    stage, left = device_scores.together(StageSeen(device_scores.NAME, apart(6e-2), 5e-2), one)

    assert (sentence, "inherited") == (stage.sentence, left.kind)


def test_what_agrees_or_is_named_stays_as_it_is() -> None:
    agrees, differs = (StageSeen(device_scores.NAME, apart(error), 5e-2) for error in (1e-3, 0.1))

    assert (agrees, quiet()) == device_scores.together(agrees, quiet())
    assert (differs, found()) == device_scores.together(differs, found())
