"""Numbers of a toml that would judge nothing or divide by zero are refused, and named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.errors import TruthError
from tools.spec.ranges import outside
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


@pytest.mark.parametrize(("name", "value", "words"), [
    ("value", 0.001, ""), ("value", 0, "is not above 0"), ("max_variation", 0.0, "is not above 0"), ("max_loss_clips", 0, ""),
    ("max_loss_clips", -1, "is not at least 0"), ("max_drop", 0, ""), ("max_drop", 0.999, ""),
    ("max_drop", 1, "is a share, and not below 1"), ("value", 1, ""),
    ("min_cosine", 1, ""), ("min_cosine", 1.001, "is over 1, which no cosine is"), ("value", 999999999999999, ""),
    ("value", 10**15, "is no finite number of a sensible size"), ("value", -(10**15), "is no finite number of a sensible size"),
    ("value", -1, "is not above 0"), ("value", True, ""), ("value", "2", ""),
])
def test_a_range_includes_or_excludes_its_ends(name: str, value: object, words: str) -> None:
    """What is said of a number is that of the first range it lies outside; other types have none."""
    assert words == outside(name, value)


def test_a_table_is_outside_as_soon_as_one_of_its_numbers_is() -> None:
    """As in the ratios of several devices, by the name of the table."""
    assert "is not above 0" == outside("min_t4_ratio", {"Ascend310": 0.5, "Ascend910": 0.0})
    assert "" == outside("min_t4_ratio", {"Ascend310": 0.5, "Ascend910": 2})
    assert "" == outside("min_t4_ratio", {})
