"""Which checkpoint files a run takes, and what it reads: each is loaded strictly, or refused with reason."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.deployment import export
from tools.deployment.weights import Weights, _check, checked, given
from tools.errors import WeightsError
from tools.machine.files import sha256
from tools.pytorch import networks
from tools.pytorch.checkpoints import read_checkpoint
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context
from tools.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor

[TINY] = load_spec(TINY_MODELS, "tiny").networks


def run(folder: Path, weights: Path, model: str) -> Context[Spec]:
    settings = Settings.parse({"weights": str(weights), "data": "auto", "artifacts": str(folder)})
    return Context(settings, load_spec(MODELS, model))


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_a_folder_holds_a_checkpoint_of_each_network(tmp_path: Path) -> None:
    """The files are found by the networks' names, in either project's naming, and in the networks' order."""
    folder = files(tmp_path, "pem_best.pth.tar", "tem.pth", "readme.txt")

    assert [folder / "tem.pth", folder / "pem_best.pth.tar"] == given(run(tmp_path, folder, "bsn"), "own")
    assert [folder / "tem.pth"] == given(run(tmp_path, folder / "tem.pth", "tsm"), "own")


@pytest.mark.parametrize(("model", "names", "chosen", "words"), [
    ("bsn", ("tem.pth", "pem.pth"), "tem.pth", ("is a file", "tem*.pth*, pem*.pth*")),
    ("tsm", ("tem.pth",), "", ("is a folder", "tsm has 1 network")),
    ("bsn", ("pem.pth",), "", ("0 files are named tem*.pth*",)),
    ("bsn", ("tem.pth", "pem.pth", "pem_best.pth.tar"), "", ("2 files are named pem*.pth*",)),
])
def test_what_cannot_be_chosen_is_said(tmp_path: Path, model: str, names: tuple[str, ...], chosen: str, words: tuple[str, ...]) -> None:
    """A file for several networks, a folder for one, a missing or second checkpoint: a WeightsError each."""
    folder = files(tmp_path, *names)
    with pytest.raises(WeightsError) as caught:
        given(run(tmp_path, folder / chosen, model), "own")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(("model", "there", "words"), [
    ("bsn", (), ("weights of tem ", "tem_best.pth.tar", "no stable home", "python -m tools.fetch weights bsn --from FILE")),
    ("bsn", ("tem_best.pth.tar",), ("weights of pem ", "pem_best.pth.tar", "download https://", "put it at")),
    ("r2plus1d", (), ("best_top1_acc_epoch_35.pth", "no stable home")),
    ("tsm", (), ("python -m tools.fetch weights tsm;", "1fae312b.pth on a machine that has one")),
])
def test_published_weights_are_asked_for_by_name(tmp_path: Path, model: str, there: tuple[str, ...], words: tuple[str, ...]) -> None:
    """A published checkpoint's place is named, with the command to get it, and its address if it has one."""
    (tmp_path / "weights").mkdir()
    for name in there:
        (tmp_path / "weights" / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError) as caught:
        given(run(tmp_path, tmp_path, model), "published")
    for word in words:
        assert word in str(caught.value)


def test_a_published_checkpoint_that_is_another_file_is_refused(tmp_path: Path) -> None:
    """A digest is compared where one is stored; a file without one need only be a checkpoint."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "tem_best.pth.tar").write_bytes(b"\x80\x02")
    with pytest.raises(WeightsError, match="are not there"):
        given(run(tmp_path, folder, "bsn"), "published")

    (folder / "pem_best.pth.tar").write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError, match="does not begin with b7cf0fd9") as caught:
        given(run(tmp_path, folder, "bsn"), "published")
    assert "remove it, then python -m tools.fetch weights bsn" in str(caught.value.remedy)


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Weights of the tiny network as mmaction2 makes them."""
    return dict(networks.build_network(TINY).state_dict())


def saved(path: Path, content: object, *, zipped: bool = True) -> Path:
    import torch

    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def kept(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.torch
@pytest.mark.parametrize(("zipped", "core"), [(True, "_core"), (False, "_core"), (False, "core")])
def test_what_training_keeps_beside_the_weights_is_passed_over(tmp_path: Path, zipped: bool, core: str) -> None:
    """Best scores and loss histories as mmcv and mmengine save them, of either NumPy, let weights be read."""
    import torch
    from mmengine.logging import HistoryBuffer

    beside = {"meta": {"best_score": np.float64(0.9), "epoch": 35, "config": "model = dict()"}, "means": np.zeros(3),
              "message_hub": {"log_scalars": {"loss": HistoryBuffer([1.0, 2.0], [1, 1])}}, "optimizer": {"param_groups": [{"lr": 0.1}]}}
    path = saved(tmp_path / "epoch_35.pth", {"state_dict": {"module.a": torch.arange(3.0)}, **beside}, zipped=zipped)
    if not zipped:
        path.write_bytes(path.read_bytes().replace(b"numpy._core.", f"numpy.{core}.".encode()))

    [(name, value)] = read_checkpoint(path).state.items()
    assert ("a", [0.0, 1.0, 2.0]) == (name, value.tolist())


class Command:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("made-by-a-checkpoint",)


@pytest.mark.torch
@pytest.mark.parametrize(("content", "words"), [
    ({"state_dict": {}, "x": Command()}, "holds posix.mkdir, which is not read: that could run code"),
    ({"state_dict": {"a": 1}}, "holds no state_dict of tensors"), ({}, "holds no state_dict"), ([1], "holds no state_dict"),
])
def test_what_holds_no_weights_or_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object, words: str) -> None:
    """Code in a checkpoint is named and not run; a file of something else is no checkpoint."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=words):
        read_checkpoint(saved(tmp_path / "x.pth", content))

    assert [tmp_path / "x.pth"] == list(tmp_path.iterdir())


@pytest.mark.torch
@pytest.mark.parametrize("content", [
    b"", b"<html>404</html>", b"a.mp4 1\nb.mp4 2\n", bytes(2000), b"\xff\xd8\xff\xe0" + bytes(range(256)),
    b"PK\x03\x04" + bytes(range(256)),
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n", pickle.dumps({"state_dict": {}}), "half", "half-legacy",
], ids=["empty", "page", "list", "zeros", "jpeg", "zip", "lfs", "no state", "half", "half-legacy"])
def test_bytes_that_are_no_checkpoint_are_one_sentence(tmp_path: Path, state: dict[str, Tensor], content: bytes | str) -> None:
    """Whatever the bytes are, the error names the file and says what it should be."""
    path = tmp_path / "own.pth"
    if isinstance(content, str):
        whole = saved(path, {"state_dict": state}, zipped=content == "half").read_bytes()
        content = whole[: len(whole) // 2]
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a torch checkpoint: it is damaged, cut short or another kind of file") as caught:
        read_checkpoint(path)

    assert (str(path), True) == (caught.value.where, "torch.save" in str(caught.value.remedy))


@pytest.mark.torch
@pytest.mark.parametrize(("change", "words"), [
    ("missing", r"is missing 1 of \d+ keys: backbone.conv1.conv.weight"), ("unknown", r"has unknown 1 of \d+ keys: neck.weight"),
    ("misshapen", r"has misshapen 1 of \d+ keys: cls_head.fc_cls.bias \(20,\) instead of \(13,\)"),
    ("headless", "has no classifier 'cls_head.fc_cls.weight'"), ("text", "not a torch checkpoint"),
])
def test_a_refused_checkpoint_leaves_nothing_in_the_store(tmp_path: Path, state: dict[str, Tensor], change: str, words: str) -> None:
    """Missing, extra or misshapen keys are one WeightsError naming them; the store remembers no such file."""
    changed = dict(state)
    if change == "missing":
        del changed["backbone.conv1.conv.weight"]
    elif change == "unknown":
        changed["neck.weight"] = changed["cls_head.fc_cls.bias"]
    elif change == "misshapen":
        changed["cls_head.fc_cls.weight"] = changed["cls_head.fc_cls.weight"][:13]
    elif change == "headless":
        del changed["cls_head.fc_cls.weight"]
    path = kept(tmp_path / "own.pth", b"<html>") if change == "text" else saved(tmp_path / "own.pth", {"state_dict": changed})
    store, stage = Store(tmp_path / "store"), checked(TINY, path, sha256(path))
    with pytest.raises(WeightsError, match=words) as caught:
        store.build(stage.key, stage.build)

    assert str(path) == caught.value.where
    assert (None, []) == (store.find(stage.key), [found for found in store.root.rglob("*") if found.is_file() and found.suffix != ".lock"])


@pytest.mark.torch
def test_a_checkpoint_brings_its_class_count(tmp_path: Path, state: dict[str, Tensor]) -> None:
    """A strict load of a head of 13 outputs says 13."""
    cut = {name: value[:13].clone() if name.startswith("cls_head.fc_cls") else value for name, value in state.items()}

    own = saved(tmp_path / "own.pth", {"state_dict": cut})

    assert {"classes": 13} == _check(TINY, own, sha256(own), tmp_path)


@pytest.mark.torch
def test_weights_that_change_after_they_were_found_make_nothing(tmp_path: Path, state: dict[str, Tensor]) -> None:
    """A graph of other weights would be kept under the digest of the first: export and check both stop."""
    path = saved(tmp_path / "own.pth", {"state_dict": state})
    first = Weights(path, sha256(path), TINY, "own")
    saved(path, {"state_dict": {name: value + 1 if value.is_floating_point() else value for name, value in state.items()}})
    (tmp_path / "made").mkdir()

    with pytest.raises(WeightsError, match=r"own\.pth has changed since this run found it"):
        export.build(first, tmp_path / "made")
    with pytest.raises(WeightsError, match=r"own\.pth has changed since this run found it"):
        _check(TINY, path, first.sha256, tmp_path / "made")
    assert [] == list((tmp_path / "made").iterdir())
