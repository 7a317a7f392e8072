"""What a report cannot tell, a sentence each: whatever is missing or damaged costs its own part alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tools.errors import ClipgateError, on_one_line

Lacking = list[str]


@contextmanager
def told(lacking: Lacking, what: str) -> Iterator[None]:
    """Turn an error that leaves this block into a sentence: *what* is missing, why, and what helps."""
    try:
        yield
    except ClipgateError as error:
        where = f" ({error.where})" if error.where else ""
        remedy = f"; {error.remedy}" if error.remedy else ""
        add(lacking, f"{what}: {error.what}{where}{remedy}")


def add(lacking: Lacking, sentence: str) -> None:
    """Add a sentence, once."""
    plain = on_one_line(sentence)
    if plain not in lacking:
        lacking.append(plain)
