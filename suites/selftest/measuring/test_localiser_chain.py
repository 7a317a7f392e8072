"""What stands between a localiser's networks, without running them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from suites.selftest.curves import curves_of
from tools.datasets.videos import VideoSet
from tools.localisation.activitynet import Video
from tools.localisation.proposals import features, propose
from tools.measuring import localiser
from tools.measuring.predictions import Predictions
from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec
from tools.spec.settings import MODELS

VIDEOS = VideoSet(tuple(Video(f"v_{number}", 60.0, 900, 900, (), Path(f"v_{number}.csv")) for number in range(2)), ())
CURVES = Predictions(VIDEOS.ids, np.stack([curves_of(0, 0.0), curves_of(2, 0.3)]))


def bsn() -> LocaliserSpec:
    spec = load_spec(MODELS, "bsn")
    assert isinstance(spec, LocaliserSpec)
    return spec


def test_the_second_network_is_fed_the_features_of_each_videos_proposals() -> None:
    """Those of the best thousand, made of its own curves; where there are fewer, rows of zeros follow."""
    spec, filled = bsn(), []
    feed = localiser.feed(VIDEOS, spec, spec.pem, CURVES)

    assert (VIDEOS.ids, spec.pem.input.shape) == (feed.ids, feed.shape)
    for number, curves in enumerate(CURVES.scores):
        row = np.full(feed.shape, np.nan, np.float32)
        feed.fill(number, row)
        expected = features(curves, propose(curves, spec.proposals.peak_threshold), spec.proposals.top)
        assert expected.tobytes() == row[: len(expected)].tobytes()
        assert not row[len(expected) :].any()
        filled.append(len(expected))
    assert 0 < filled[0] < filled[1] == len(row)
