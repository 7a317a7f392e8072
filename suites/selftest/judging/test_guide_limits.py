"""When labels count as another's is what the guide says."""

from __future__ import annotations

import re

from tools.judging import plausible
from tools.spec.settings import ROOT


def test_when_labels_can_hardly_be_those_of_the_weights_is_what_the_guide_says() -> None:
    text = " ".join((ROOT / "suites" / "README.md").read_text().split())
    sure = re.search(r"torch's own top-1 is below half of what the weights are known to reach, with (\d+) % confidence, "
                     r"or not above chance, with p over ([\d.]+) in", text)
    few = re.search(r"one of fewer than (\d+) clips is held against all classes of the network", text)
    assert sure and few
    assert (0.5, plausible.SURE, round(1 - plausible.SURE, 9)) == (plausible.LEAST, int(sure[1]) / 100, float(sure[2]))
    assert plausible.SHORT == int(few[1])
