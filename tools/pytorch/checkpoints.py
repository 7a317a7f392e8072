"""Reads torch checkpoints without running any code from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import WeightsError
from tools.machine.reading import UNREADABLE
from tools.pytorch.wrappings import weights_in

if TYPE_CHECKING:
    from torch import Tensor

# Types of what trainers save beside the weights: best scores, histories of losses, options. None is wanted.
BESIDE = (*(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
          "numpy.dtype", "numpy.ndarray", "mmengine.logging.history_buffer.HistoryBuffer", "builtins.getattr",
          "argparse.Namespace", "pathlib.PosixPath", "pathlib.WindowsPath")


class PassedOver:
    """Takes the place of what a checkpoint holds beside weights; accepts any arguments and keeps nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The weights of a network by its own names, and in words what a framework had put around them."""

    state: Mapping[str, Tensor]
    told: str = ""

    @property
    def name(self) -> str:
        """What an error calls it."""
        return f"the checkpoint ({self.told})" if self.told else "the checkpoint"


def read_checkpoint(path: Path, own: frozenset[str] = frozenset()) -> Checkpoint:
    """The weights in a `.pth` or `.ckpt` file, read without running any code from it.

    own: the names that a network of a person's own has; where one of them is met, nothing stands before it.

    Raises:
        WeightsError: it is no checkpoint, needs code to be read, or holds no weights or more than one set.
    """
    found = weights_in(_load(path), own)
    if found.several:
        raise WeightsError(f"the checkpoint holds several sets of weights: {' and '.join(found.several)}", where=str(path),
                           remedy="save the one that was measured alone: torch.save({'state_dict': ...}, FILE)")
    if not found.state:
        raise WeightsError(f"the checkpoint holds no state_dict of tensors: {found.instead}", where=str(path),
                           remedy="save it as {'state_dict': model.state_dict()}")
    return Checkpoint(found.state, ", ".join(found.told))


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
