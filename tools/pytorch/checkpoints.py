"""Reads torch checkpoints without running any code from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import WeightsError
from tools.machine.reading import UNREADABLE

if TYPE_CHECKING:
    from torch import Tensor

# Types of what mmcv and mmengine save beside the weights: best scores, histories of losses. None is wanted.
BESIDE = (*(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
          "numpy.dtype", "numpy.ndarray", "mmengine.logging.history_buffer.HistoryBuffer", "builtins.getattr")


class PassedOver:
    """Takes the place of what a checkpoint holds beside weights; accepts any arguments and keeps nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def read_checkpoint(path: Path) -> Mapping[str, Tensor]:
    """The state dict of a `.pth` file, read without running any code from it.

    Raises:
        WeightsError: it is no checkpoint, needs code to be read, or holds no `state_dict`.
    """
    content = _load(path)
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not _is_state(state):
        raise WeightsError("the checkpoint holds no state_dict of tensors", where=str(path),
                           remedy="save it as {'state_dict': model.state_dict()}")
    wrapped = all(key.startswith("module.") for key in state)  # saved from inside DataParallel
    return {key.removeprefix("module."): value for key, value in state.items()} if wrapped else state


def _load(path: Path) -> object:
    import warnings

    import torch

    try:
        with warnings.catch_warnings(action="ignore"), torch.serialization.safe_globals([(PassedOver, name) for name in BESIDE]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:  # whatever an unpickler meets in bytes that are no pickle
        code = re.search(r"(?:Unsupported global: GLOBAL|unsupported GLOBAL) (\S+)", str(error))
        if code:
            raise WeightsError(f"the checkpoint holds {code[1]}, which is not read: that could run code from the file", where=str(path),
                               remedy="save the weights alone: torch.save({'state_dict': model.state_dict()}, FILE)") from error
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is damaged, cut short or another kind of file"
        raise WeightsError(f"not a torch checkpoint: {reason}", where=str(path),
                           remedy="give a .pth file saved by torch.save, with the weights under 'state_dict'") from error


def _is_state(content: Mapping[object, object]) -> bool:
    import torch

    return all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items())
