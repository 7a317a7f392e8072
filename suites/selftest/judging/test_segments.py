"""Final detections are compared one to one: a lost one, a moved one or two in each other's place fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from suites.selftest.curves import curves_of, scores_of
from tools.judging.floors import ANY
from tools.judging.localiser import detection_fidelity
from tools.judging.segments import Video, faults, unlike
from tools.localisation.detections import Detections, none_found
from tools.localisation.proposals import propose
from tools.localisation.soft_nms import detect
from tools.media.preprocess import Floats
from tools.spec.catalog import load_truth
from tools.spec.model import ProposalSpec
from tools.spec.settings import MODELS
from tools.spec.truth import FidelityGate

HOW = ProposalSpec()
FP32 = load_truth(MODELS, "bsn").fidelity["fp32"]
LENGTHS = (12.3, 64.0, 117.9, 235.0, *np.linspace(20, 200, 12).tolist())
SMOOTH = 5  # the video whose curves have too few peaks for a hundred detections
RAMPS = np.array([np.linspace(0.1, 0.9, 100), np.linspace(0.9, 0.1, 100), np.linspace(0.1, 0.9, 100)], np.float32)


def half(scores: Floats) -> Floats:
    return scores.astype(np.float16).astype(np.float32)


def exact(scores: Floats) -> Floats:
    return scores


@cache
def videos(rounded: Callable[[Floats], Floats] = exact) -> tuple[Video, ...]:
    """Videos whose detections on the device come from PEM's scores as it rounds them."""
    made = []
    for number, length in enumerate(LENGTHS):
        proposals = propose(*((RAMPS, 0.95) if number == SMOOTH else (curves_of(number), HOW.peak_threshold)))
        scores = scores_of(number, len(proposals))
        ours = rounded(scores)
        found, torchs = (detect(proposals, given, length, HOW) for given in (ours, scores))
        theirs = replace(torchs, segments=torchs.segments.astype(np.float32).astype(np.float64))
        made.append(Video(f"v_{number}", length, found, theirs, proposals, ours))
    return tuple(made)


def judged(given: Sequence[Video], gate: FidelityGate = FP32) -> tuple[str, str, str]:
    """The verdicts of both rows, and the reason of the first."""
    whole, beside = detection_fidelity(given, HOW, gate)
    return whole.verdict.value, beside.verdict.value, whole.reason


def changed(change: Callable[[Detections], Detections], number: int = 2) -> list[Video]:
    """The detections of one video changed."""
    given = list(videos())
    given[number] = replace(given[number], ours=change(given[number].ours))
    return given


@pytest.mark.parametrize("gate", [FP32, ANY.gate])
@pytest.mark.parametrize("rounded", [exact, half])
def test_a_right_port_passes(rounded: Callable[[Floats], Floats], gate: FidelityGate) -> None:
    """Rounded scores may swap what nearly ties, and seconds may be of single precision."""
    given = videos(rounded)

    assert ("PASS", "PASS") == judged(given, gate)[:2]
    assert len(given[SMOOTH].ours) == len(given[SMOOTH].proposals) < HOW.keep
    assert any((video.ours.segments - video.theirs.segments > 0.1).any() for video in given) == (rounded is half)  # some are swapped


def dropped(found: Detections) -> Detections:
    return Detections(np.delete(found.segments, 40, axis=0), np.delete(found.scores, 40))


def shifted(found: Detections) -> Detections:
    return replace(found, segments=found.segments + 0.05)


def one_shifted(found: Detections) -> Detections:
    return replace(found, segments=found.segments + 0.05 * (np.arange(len(found)) == 30)[:, None])


def longer(found: Detections) -> Detections:
    """As of a video 0.05 s longer."""
    return replace(found, segments=found.segments * (LENGTHS[2] + 0.05) / LENGTHS[2])


def doubled(found: Detections) -> Detections:
    return replace(found, segments=found.segments[[0, 0, *range(2, len(found))]])


def swapped(found: Detections) -> Detections:
    """Two rows in each other's place."""
    order = [1, 0, *range(2, len(found))]
    return Detections(found.segments[order], found.scores[order])


def segments_swapped(found: Detections) -> Detections:
    """Two segments in each other's place; the scores stay."""
    return replace(found, segments=found.segments[[1, 0, *range(2, len(found))]])


def late(found: Detections) -> Detections:
    """The tenth detection in the last place, with the score that came out of that."""
    order = [number for number in range(len(found)) if number != 10] + [10]
    return Detections(found.segments[order], np.sort(found.scores[order])[::-1])


@pytest.mark.parametrize(("change", "words"), [
    (dropped, "v_2: 99 detections where 100 are due"), (lambda found: none_found(), "v_2: 0 detections where 100 are due"),
    (shifted, "detections at times that no proposal has"), (one_shifted, "detections at times that no proposal has"),
    (longer, "detections at times that no proposal has"), (doubled, "detections twice"),
    (swapped, "out of order"), (segments_swapped, "out of order"), (late, "out of order"),
])
def test_one_wrong_video_fails(change: Callable[[Detections], Detections], words: str) -> None:
    """In one video of many one detection lost or moved, a length 0.05 s off or two swapped is FAIL."""
    verdict, _, reason = judged(changed(change))

    assert "FAIL" == verdict
    assert words in reason


def test_a_length_that_both_our_steps_share_shows_beside_torch() -> None:
    """Where the device's detections and proposals have a length that is not torch's, torch's times tell."""
    given = list(videos())
    given[2] = replace(given[2], duration_s=LENGTHS[2] + 0.05, ours=longer(given[2].ours))
    verdict, _, reason = judged(given)

    assert "FAIL" == verdict
    assert "v_2: detections more than 1 ms from torch's times" in reason


def test_other_segments_than_torchs_are_counted_on_both_sides() -> None:
    """What only one side has counts, as does a score more than the bound away; a share of them may be."""
    [video, *_] = videos()
    other = detect(video.proposals, video.scores[::-1].copy(), video.duration_s, HOW)
    alone = len({tuple(row) for row in np.round(other.segments, 2)} ^ {tuple(row) for row in np.round(video.theirs.segments, 2)})
    wrong = replace(video, ours=other, scores=video.scores[::-1].copy())

    assert 0 < alone == unlike(wrong, np.inf)
    assert alone < unlike(wrong, 0.0)
    assert [] == faults(wrong, HOW)
    assert ("PASS", "FAIL") == judged([wrong])[:2]
    assert 0 == unlike(video, 0.0)
