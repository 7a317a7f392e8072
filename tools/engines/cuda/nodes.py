"""Which NVIDIA GPUs this machine has: nvidia0, nvidia1, by the numbers of their driver."""

from __future__ import annotations

import os

from tools.engines.nodes import Nodes
from tools.errors import DeviceError, OptionError
from tools.spec.case import Device

RENUMBERED = "CUDA_VISIBLE_DEVICES"
OVERRIDE = "NVIDIA_TF32_OVERRIDE"
OURS = Nodes("cuda", "nvidia", "NVIDIA GPU", RENUMBERED)
devices, numbered = OURS.devices, OURS.numbered


def named(device: Device) -> Device:
    """The GPU that a person names, as this machine has it: cuda:K is the K-th node.

    Raises:
        OptionError: there is no such GPU, or a variable would let CUDA count or compute otherwise than asked.
    """
    found = OURS.named(device)
    try:
        require_undisturbed()
    except DeviceError as error:
        raise OptionError(error.what, where=error.where, remedy=error.remedy) from error
    return found


def require_undisturbed(uuid: str = "") -> None:
    """Check that no variable renumbers the GPUs or changes their precision; a DeviceError if one does.

    uuid: of the GPU that a process of ours may see alone. `auto` names no GPU, and passes over all of them
    then.
    """
    if RENUMBERED in os.environ and (not uuid or os.environ[RENUMBERED] != uuid):  # an empty one hides every GPU
        raise DeviceError(f"{RENUMBERED}={os.environ[RENUMBERED]} renumbers the GPUs", where="environment",
                          remedy=f"unset {RENUMBERED}, and choose a GPU with --device cuda:K")
    if OVERRIDE in os.environ:
        raise DeviceError(f"{OVERRIDE}={os.environ[OVERRIDE]} changes what CUDA computes in, whatever --precision says",
                          where="environment", remedy=f"unset {OVERRIDE}, and choose --precision fp32 or tf32")
