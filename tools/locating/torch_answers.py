"""Torch's answers on a localiser's videos: what is fed to a second network is made of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tools.datasets.videos import VideoSet
from tools.measuring import localiser, reference_localiser
from tools.measuring.launch import Found
from tools.measuring.reference_localiser import TorchLocaliser
from tools.spec.model import LocaliserSpec, Spec
from tools.storage.context import Context


def torch_answers(context: Context[Spec], found: Found, ids: Collection[str]) -> TorchLocaliser:
    """Answers on the videos *ids*, among others: those of all videos, or made now where that would take long.

    Raises:
        StoreError: nobody has made them, and torch is not installed.
    """
    spec, videos = context.spec, found.dataset
    assert isinstance(spec, LocaliserSpec)
    assert isinstance(videos, VideoSet)
    own = context.of(spec)
    whole = localiser.torch_reference(own, found.checkpoints, videos)
    if whole is not None:
        return whole
    rows = [number for number, id in enumerate(videos.ids) if id in ids]
    few = replace(videos, videos=tuple(videos.videos[row] for row in rows), features=tuple(videos.features[row] for row in rows))
    return TorchLocaliser.read(reference_localiser.stage(own, found.checkpoints, few).find_or_run(context), few.ids)
