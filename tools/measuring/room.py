"""About how much of the disk is taken by what a model's cells still need built; stated, not measured."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.errors import StoreError
from tools.machine.files import nearest
from tools.spec.model import LocaliserSpec, Network, Spec

MIB = 2**20
WEIGHTS = {"tsm": 95 * MIB, "nonlocal": 140 * MIB, "r2plus1d": 255 * MIB, "slowfast": 140 * MIB, "tem": 3 * MIB, "pem": MIB}
CLIP, VIDEO = MIB // 7, MIB // 3  # of mini data: a clip as three files and frames, a video's features as text
GRAPH = 2 * MIB  # of a batch size, whose weights lie in the exported graph's file
CELL = 4 * MIB  # what a measured cell leaves


def weights(network: Network) -> int:
    """The bytes of a network's weights before they are there; none for a network that is not ours to know."""
    return WEIGHTS.get(network.name, 0)


def data(spec: Spec) -> int:
    """The bytes of a model's mini data."""
    if isinstance(spec, LocaliserSpec):
        return VIDEO * (spec.mini.test_videos + spec.mini.train_videos)
    return CLIP * (spec.mini.test_clips + 20 * spec.mini.train_per_class)


def free(folder: Path) -> int:
    """The bytes that are free where *folder* is, or will be."""
    return shutil.disk_usage(nearest(folder)).free


def too_little(need: int, there: int, folder: Path) -> StoreError:
    """The error for a disk on which *need* bytes are to be written and *there* are free."""
    return StoreError(f"what is selected still takes about {need / 2**30:.2f} GiB of disk, {there / 2**30:.2f} GiB are free",
                      where=str(folder), remedy="make room, select fewer models with -m, or choose another disk with --artifacts DIR")
