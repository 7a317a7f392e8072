"""Torch on many clips: one at a time on the CPU, in batches on CUDA, while threads decode the next ones."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tools.errors import OptionError, ReferenceRunError
from tools.media.decode import Clip
from tools.media.preprocess import Floats

if TYPE_CHECKING:
    from torch import nn

CUDA_BATCH = 16  # clips; halved if they do not fit in memory
Load = Callable[[Clip], Floats]


@dataclass(frozen=True, slots=True)
class TorchDevice:
    """Where torch runs: *name* for torch, *label* for records, *batch* in clips, *threads* that decode."""

    name: str
    label: str
    batch: int
    threads: int


def torch_device(text: str) -> TorchDevice:
    """The device that `--torch-device` *text* means; `auto`: the first CUDA device, else the CPU.

    Raises:
        OptionError: torch does not see the device here, or it is no device.
    """
    import torch

    seen = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    name = (seen or ["cpu"])[0] if text == "auto" else "cuda:0" if text == "cuda" else text
    if name == "cpu":
        return TorchDevice("cpu", "cpu", batch=1, threads=1)
    if name not in seen:
        raise OptionError(f"torch {torch.__version__} sees no device {text!r} here", where="--torch-device",
                          remedy=f"choose auto, cpu{''.join(f', {device}' for device in seen)}")
    label = f"{name} {torch.cuda.get_device_name(name)}"
    return TorchDevice(name, label, CUDA_BATCH, len(os.sched_getaffinity(0)))


def on_device(network: nn.Module, device: TorchDevice) -> nn.Module:
    """The network on *device*, with every computation in float32.

    CUDA's convolutions would round their inputs to the 10 bits of TF32. That alone is as large as the
    differences that are judged.
    """
    import torch

    if device.name != "cpu":
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    return network.to(device.name)


def scored(network: nn.Module, load: Callable[[], Load], clips: Sequence[Clip], device: TorchDevice) -> Iterator[Floats]:
    """The scores of the clips in order, [n, classes] for each batch; a clip's are the mean of its views.

    *load* makes a function that loads a clip; each thread makes its own.
    """
    for batch in _loaded(load, clips, device):
        yield _scores(network, batch, device)


def _loaded(load: Callable[[], Load], clips: Sequence[Clip], device: TorchDevice) -> Iterator[Floats]:
    """Batches of inputs; the next one is loaded while one is used."""
    own = threading.local()

    def loaded(clip: Clip) -> Floats:
        if not hasattr(own, "load"):
            own.load = load()
        pixels: Floats = own.load(clip)
        return pixels

    with ThreadPoolExecutor(device.threads) as pool:
        ahead: deque[list[Future[Floats]]] = deque()
        for first in range(0, len(clips), device.batch):
            ahead.append([pool.submit(loaded, clip) for clip in clips[first : first + device.batch]])
            if len(ahead) > 1:
                yield np.stack([clip.result() for clip in ahead.popleft()])
        for last in ahead:
            yield np.stack([clip.result() for clip in last])


def _scores(network: nn.Module, batch: Floats, device: TorchDevice) -> Floats:
    """A batch's scores, computed in halves if it does not fit in the device's memory."""
    import torch

    try:
        with torch.inference_mode():
            rows = network(torch.from_numpy(batch).to(device.name))
            scores: Floats = rows.reshape(len(batch), -1, rows.shape[-1]).mean(1).cpu().numpy()
        return scores
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            raise ReferenceRunError(f"{device.label} has too little memory for one clip", where="--torch-device",
                                    remedy="free some, or use --torch-device cpu") from error
    torch.cuda.empty_cache()
    middle = len(batch) // 2
    return np.concatenate([_scores(network, batch[:middle], device), _scores(network, batch[middle:], device)])
