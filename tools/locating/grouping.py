"""Which tensors are in memory, and on a device, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from tools.machine import memory

MOST_BYTES = 2 * 2**30  # of tensors that a device gives or is fed at once
LEAST_BYTES = 2**26
SHARE = 4  # of the free memory: the reference's tensors, the device's, and those that a process has read
Item = TypeVar("Item")
Name = TypeVar("Name")


def at_once_bytes() -> int:
    """How many bytes of tensors there may be at once where memory is as free as it is now.

    It is halved until it fits, so that a search that goes on later makes the same groups, unless much is new.
    """
    bound, free = MOST_BYTES, memory.available_bytes() // SHARE
    while bound > max(free, LEAST_BYTES):
        bound //= 2
    return bound


def grouped(items: Iterable[Item], sizes: Callable[[Item], Mapping[Name, int]], bound: int) -> Iterator[list[Item]]:
    """Items that follow each other, of which a group has no more than *bound* bytes, or is a single one.

    sizes: the bytes of each tensor of an item. One that several items have counts once.
    """
    group, held = list[Item](), dict[Name, int]()
    for item in items:
        more = sizes(item)
        if group and sum({**held, **more}.values()) > bound:
            yield group
            group, held = [], {}
        group.append(item)
        held.update(more)
    if group:
        yield group
