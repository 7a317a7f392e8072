"""Every form of features reaches torch by mmaction2's own code, with the bits that the device is fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.errors import ReferenceRunError
from tools.localisation import snippet_features, snippet_pooling
from tools.localisation.snippet_features import read_features, write_features
from tools.pytorch import bsn_features
from tools.pytorch.bsn_features import read_by_mmaction2

pytestmark = pytest.mark.torch


def same(path: Path) -> bool:
    theirs, ours = read_by_mmaction2(path), np.ascontiguousarray(read_features(path).T)
    assert ((400, 100), np.float32) == (theirs.shape, theirs.dtype)
    return theirs.tobytes() == ours.tobytes()


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4"])
@pytest.mark.parametrize("length", [1, 2, 57, 100, 101, 400, 731])
def test_an_array_of_any_length_and_precision(tmp_path: Path, length: int, kind: str) -> None:
    """What mmaction2's pooling makes of the array is what our reader makes of it."""
    np.save(tmp_path / "v.npy", np.random.default_rng(length).normal(0, 3, (length, 400)).astype(kind))

    assert same(tmp_path / "v.npy")


def test_a_table_with_and_without_a_header(tmp_path: Path) -> None:
    """mmaction2's loader drops the first line, which must not be features."""
    write_features(np.random.default_rng(1).normal(0, 3, (100, 400)).astype(np.float32), tmp_path / "v.csv")
    (tmp_path / "w.csv").write_text((tmp_path / "v.csv").read_text().partition("\n")[2])

    assert same(tmp_path / "v.csv")
    assert same(tmp_path / "w.csv")
    assert np.array_equal(read_by_mmaction2(tmp_path / "v.csv"), read_by_mmaction2(tmp_path / "w.csv"))


def test_a_fault_of_our_pooling_is_not_torchs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pooling otherwise, on our side, changes our features and none of torch's."""
    np.save(tmp_path / "v.npy", np.random.default_rng(1).normal(0, 3, (57, 400)))
    right = read_by_mmaction2(tmp_path / "v.npy")
    others = ((snippet_pooling, "EDGE", 0.0), (snippet_features, "pooled", lambda rows, count: np.resize(rows, (count, 400))))
    for module, name, value in others:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            assert not same(tmp_path / "v.npy")
            assert np.array_equal(right, read_by_mmaction2(tmp_path / "v.npy"))


def test_a_mmaction2_without_its_script_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told before anything is pooled in another way."""
    monkeypatch.setattr(bsn_features, "SCRIPT", Path("none.py"))
    bsn_features._script.cache_clear()
    np.save(tmp_path / "v.npy", np.zeros((57, 400), np.float32))

    with pytest.raises(ReferenceRunError, match="without its script") as caught:
        read_by_mmaction2(tmp_path / "v.npy")
    assert "none.py" in str(caught.value.where)
    assert "CSV" in str(caught.value.remedy)
