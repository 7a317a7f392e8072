"""Torch over many clips: in batches and by threads the scores are those of one clip after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tools.errors import OptionError, ReferenceRunError
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch.run import TorchDevice, on_device, scored, torch_device

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.torch
CLIPS = tuple(Clip(str(number), Path(str(number)), 0) for number in range(11))
VIEWS, CLASSES = 3, 5
ONE = TorchDevice("cpu", "cpu", batch=1, threads=1)


def load(clip: Clip) -> Floats:
    return np.random.default_rng(int(clip.id)).standard_normal((VIEWS, 4), np.float32)


def network(most: int = 99) -> nn.Module:
    """Gives every view of a clip a row; out of memory above *most* clips."""
    import torch

    class Rows(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layer = torch.nn.Linear(4, CLASSES)

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            if len(batch) > most:
                raise torch.OutOfMemoryError
            rows: torch.Tensor = self.layer(batch.flatten(0, 1))
            return rows

    return Rows().eval()


def all_of(device: TorchDevice, module: nn.Module) -> Floats:
    return np.concatenate(list(scored(module, lambda: load, CLIPS, device)))


def test_a_clip_is_scored_by_the_mean_of_its_rows() -> None:
    """One clip at a time, each has a row of scores, the mean of its views', in the order of the clips."""
    import torch

    with torch.inference_mode():
        expected = [network()(torch.from_numpy(load(clip)[None])).mean(0).numpy() for clip in CLIPS]

    assert np.stack(expected).tobytes() == all_of(ONE, network()).tobytes()


@pytest.mark.parametrize("batch", [2, 4, 11, 16])
def test_batches_give_the_same_scores(batch: int) -> None:
    """Batches, the short last one too, and threads that load several clips change only the last bits."""
    device = TorchDevice("cpu", "cpu", batch, threads=4)

    assert all_of(device, network()) == pytest.approx(all_of(ONE, network()), abs=1e-6)


def test_every_thread_has_a_loader_of_its_own() -> None:
    """What loads clips is never shared by two threads."""
    users: list[set[int]] = []

    def loader() -> Callable[[Clip], Floats]:
        mine: set[int] = set()
        users.append(mine)

        def loading(clip: Clip) -> Floats:
            mine.add(threading.get_ident())
            return load(clip)

        return loading

    list(scored(network(), loader, CLIPS, TorchDevice("cpu", "cpu", 4, threads=3)))
    assert {1} == {len(mine) for mine in users}


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_a_batch_too_large_for_the_memory_is_halved(most: int) -> None:
    """Scores come in halves of a batch that does not fit, down to single clips."""
    device = TorchDevice("cpu", "cpu", batch=8, threads=1)

    assert all_of(device, network(most)) == pytest.approx(all_of(ONE, network()), abs=1e-6)


def test_too_little_memory_for_one_clip_is_named() -> None:
    """Where even one clip does not fit, the error names the device."""
    with pytest.raises(ReferenceRunError, match="cuda:0 RTX has too little memory for one clip"):
        all_of(TorchDevice("cpu", "cuda:0 RTX", 8, 1), network(0))


@pytest.mark.parametrize("text", ["cuda:7", "gpu", "cuda:-1", ""])
def test_a_device_that_is_not_there_is_refused(text: str) -> None:
    """A device torch does not see is an OptionError with those it sees."""
    with pytest.raises(OptionError, match="sees no device") as caught:
        torch_device(text)
    assert "choose auto, cpu" in str(caught.value.remedy)


def test_cuda_computes_in_float32_through_and_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CUDA neither convolutions nor products may round their inputs to TF32."""
    import torch

    module = network()
    monkeypatch.setattr(module, "to", lambda name: module)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", True)
    on_device(module, TorchDevice("cuda:0", "cuda:0", 16, 1))

    assert (False, False) == (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
