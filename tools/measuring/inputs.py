"""What the first network is fed of a few items, as digests: the same clips are put through torch's pipeline.

A floor of scores cannot see another interpolation on a chip that rounds to half precision. So the inputs of
these items are held to torch's bit for bit, in float32, before any device has rounded them.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tools.media.batches import Batch
from tools.media.preprocess import Floats

MOST = 8  # items: enough for what is wrong with every clip, few enough to cost nothing
Digests = Mapping[str, str]  # by the item's id


@dataclass(frozen=True, slots=True)
class TorchInputs:
    """The digests of torch's inputs; where there are none, *absent* says why and what makes them."""

    digests: Digests
    absent: str = ""


def spread(total: int) -> list[int]:
    """The numbers of the items that are compared, from the first to the last of *total*."""
    return sorted({round(number) for number in np.linspace(0, total - 1, min(total, MOST)).tolist()})


def compared(ids: Sequence[str]) -> frozenset[str]:
    """The ids of the items that are compared."""
    return frozenset(ids[number] for number in spread(len(ids)))


def digest_of(fed: Floats) -> str:
    """Type, shape and CRC-32 of one item's input: `float32 8x3x224x224 9f3c0a1b`."""
    return f"{fed.dtype} {'x'.join(map(str, fed.shape))} {zlib.crc32(np.ascontiguousarray(fed).data):08x}"


def noted(stream: Iterable[Batch], wanted: Collection[str], into: dict[str, str]) -> Iterator[Batch]:
    """The batches as they are; as they pass, the digests of *wanted* are noted *into* a dict."""
    for batch in stream:
        into.update({id: digest_of(row) for id, row in zip(batch.ids, batch.array, strict=False) if id in wanted})
        yield batch
