"""Numbers of a toml that would judge nothing or divide by zero are refused, and named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.errors import TruthError
from tools.spec.truth import read_truth

TOML = (TINY_MODELS / "tiny.toml").read_text()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "-1", "-0.5", "1e300", pytest.param("9" * 400, id="long"),
                                    pytest.param("9" * 5000, id="too long")])
@pytest.mark.parametrize("key", ["value", "max_drop", "max_loss_share", "max_relative_difference", "min_cosine", "max_variation",
                                 "max_slowdown"])
def test_a_number_that_is_not_finite_or_below_zero_is_refused(tmp_path: Path, key: str, number: str) -> None:
    """Of every limit and figure; the toml as it is has none."""
    read_truth(written(tmp_path, TOML))

    with pytest.raises(TruthError, match=key if len(number) < 4300 else "cannot be read"):
        read_truth(written(tmp_path, re.sub(rf"\b{key} = [^,\s}}]+", f"{key} = {number}", TOML, count=1)))


@pytest.mark.parametrize(("key", "number"), [
    ("value", "0"), ("value", "0.0"), ("min_cosine", "0"), ("min_cosine", "1.5"), ("max_drop", "1"),
    ("max_slowdown", "1.0"), ("max_variation", "0.0"), ("max_loss_share", "1"),
])
def test_a_number_that_judges_nothing_is_refused(tmp_path: Path, key: str, number: str) -> None:
    """A figure of 0, which nothing can be divided by, and a limit that all or none would pass."""
    with pytest.raises(TruthError, match=key):
        read_truth(written(tmp_path, re.sub(rf"\b{key} = [^,\s}}]+", f"{key} = {number}", TOML, count=1)))


def written(folder: Path, text: str) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text)
    return path
