"""Which checkpoint files a run takes: one a network, each named or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.catalog import load_spec
from tools.errors import WeightsError
from tools.settings import MODELS, Settings
from tools.weights import _given, published


def settings(folder: Path, weights: Path) -> Settings:
    return Settings.parse({"weights": str(weights), "data": "auto", "artifacts": str(folder)})


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_a_folder_holds_a_checkpoint_of_each_network(tmp_path: Path) -> None:
    """The files are found by the names of the networks, in either project's naming, and given in the networks' order."""
    folder = files(tmp_path, "pem_best.pth.tar", "tem.pth", "readme.txt")

    assert [folder / "tem.pth", folder / "pem_best.pth.tar"] == _given(settings(tmp_path, folder), load_spec(MODELS, "bsn"), "own")
    assert [folder / "tem.pth"] == _given(settings(tmp_path, folder / "tem.pth"), load_spec(MODELS, "tsm"), "own")


@pytest.mark.parametrize(("model", "names", "chosen", "words"), [
    ("bsn", ("tem.pth", "pem.pth"), "tem.pth", ("is a file", "tem*.pth*, pem*.pth*")),
    ("tsm", ("tem.pth",), "", ("is a folder", "tsm has 1 network")),
    ("bsn", ("pem.pth",), "", ("0 files are named tem*.pth*",)),
    ("bsn", ("tem.pth", "pem.pth", "pem_best.pth.tar"), "", ("2 files are named pem*.pth*",)),
])
def test_what_cannot_be_chosen_is_said(tmp_path: Path, model: str, names: tuple[str, ...], chosen: str, words: tuple[str, ...]) -> None:
    """A file for several networks, a folder for one, a missing or a second checkpoint: each is one WeightsError."""
    folder = files(tmp_path, *names)
    with pytest.raises(WeightsError) as caught:
        _given(settings(tmp_path, folder / chosen), load_spec(MODELS, model), "own")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(("model", "number", "words"), [("bsn", 0, ("tem_best.pth.tar", "no stable home")),
                                                        ("bsn", 1, ("pem_best.pth.tar", "download https://")),
                                                        ("r2plus1d", 0, ("best_top1_acc_epoch_35.pth", "no stable home"))])
def test_published_weights_are_asked_for_by_name(tmp_path: Path, model: str, number: int, words: tuple[str, ...]) -> None:
    """The place to put a published checkpoint is named, and its address where it has one."""
    spec = load_spec(MODELS, model)
    with pytest.raises(WeightsError) as caught:
        published(settings(tmp_path, files(tmp_path, "x.pth") / "x.pth"), spec, spec.networks[number])
    for word in words:
        assert word in str(caught.value)


def test_a_published_checkpoint_that_is_another_file_is_refused(tmp_path: Path) -> None:
    """A digest is compared where one is stored; a file without one is taken as it is."""
    spec = load_spec(MODELS, "bsn")
    weights = tmp_path / "weights"
    weights.mkdir()
    files(weights, "tem_best.pth.tar", "pem_best.pth.tar")
    given = settings(tmp_path, weights / "tem_best.pth.tar")

    assert weights / "tem_best.pth.tar" == published(given, spec, spec.networks[0])
    with pytest.raises(WeightsError, match="b7cf0fd9"):
        published(given, spec, spec.networks[1])
