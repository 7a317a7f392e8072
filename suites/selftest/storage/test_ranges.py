"""Results that several processes compute in parts: kept in any order, and asked for what is missing."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.errors import StoreError
from tools.storage.shards import Made, Pieces, Ranges, Shards, Span

TOTAL = 37


def results(first: int, end: int, **other: Any) -> dict[str, Any]:
    return {"scores": np.arange(first, end, dtype=np.float32), "device": np.array(["cpu"]), **other}


def packed(first: int, end: int, **other: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **results(first, end, **other))
    return file.getvalue()


def ranges(folder: Path, *kept: Span) -> Ranges:
    found = Ranges(folder / "kept", TOTAL)
    for first, end in kept:
        found.keep(first, end, packed(first, end))
    return found


def no_more(first: int) -> Iterator[Made]:
    raise AssertionError(f"item {first} is computed again")


def rest(first: int) -> Iterator[Made]:
    yield TOTAL - first, results(first, TOTAL)


def scores(found: Shards, produce: Any = rest) -> list[float]:
    made: list[float] = found.compute(produce, "clip")["scores"].tolist()
    return made


@pytest.mark.parametrize(("kept", "missing"), [
    ([], [(0, 8), (8, 16), (16, 24), (24, 32), (32, 37)]), ([(8, 16)], [(0, 8), (16, 24), (24, 32), (32, 37)]),
    ([(0, 32)], [(32, 37)]), ([(0, 37)], []), ([(32, 37)], [(0, 8), (8, 16), (16, 24), (24, 32)]),
    ([(0, 5), (12, 30)], [(5, 8), (8, 12), (30, 32), (32, 37)]), ([(0, 36)], [(36, 37)]), ([(1, 37)], [(0, 1)]),
    ([(0, 8), (0, 24), (4, 32)], [(24, 32), (32, 37)]),
], ids=["nothing", "one inside", "but the end", "everything", "only the end", "odd ones", "one item", "but the first", "overlapping ones"])
def test_what_is_missing_is_cut_at_multiples_of_the_size(tmp_path: Path, kept: Sequence[Span], missing: Sequence[Span]) -> None:
    """In order and with nothing twice; once it is kept, all is whole and nothing is computed."""
    found = ranges(tmp_path, *kept)
    assert missing == found.missing(8)
    assert found.whole() == (not missing)
    for first, end in reversed(missing):
        assert not found.whole()
        found.keep(first, end, results(first, end))

    assert ([], True) == (found.missing(8), found.whole())
    assert [*range(TOTAL)] == scores(found, no_more)


def test_a_size_beyond_the_list_gives_gaps_as_they_are(tmp_path: Path) -> None:
    assert [(0, 37)] == ranges(tmp_path).missing(100)
    assert [(0, 8), (16, 37)] == ranges(tmp_path, (8, 16)).missing(100)


def test_a_file_is_kept_as_it_came(tmp_path: Path) -> None:
    """To the byte; what it holds is returned."""
    found = Ranges(tmp_path / "kept", TOTAL)
    assert [*range(8, 16)] == found.keep(8, 16, packed(8, 16))["scores"].tolist()
    assert packed(8, 16) == found.file(8, 16).read_bytes()
    assert [found.file(8, 16)] == [*(tmp_path / "kept").iterdir()]


@pytest.mark.parametrize(("first", "end", "wrong"), [
    (0, 8, packed(0, 8)[:-40]), (0, 8, b""), (0, 8, packed(0, 7)), (0, 8, packed(0, 8, scores=np.float32(1))), (32, 40, packed(32, 40)),
    (8, 8, packed(8, 8)), (-1, 7, packed(-1, 7)), (0, 8, {"found": np.arange(8)}),
], ids=["cut", "empty", "an item less", "no rows", "beyond the end", "of nothing", "before the start", "other results"])
def test_what_is_no_result_of_these_items_is_not_kept(tmp_path: Path, first: int, end: int, wrong: Any) -> None:
    """What lay there stays."""
    found = ranges(tmp_path, (0, 8))
    with pytest.raises(StoreError) as caught:
        found.keep(first, end, wrong)

    assert "have them made again" == caught.value.remedy
    assert [found.file(0, 8)] == [*(tmp_path / "kept").iterdir()]
    assert [*range(TOTAL)] == scores(found)


@pytest.mark.parametrize("damaged", [(0, 16), (16, 37)])
def test_what_is_damaged_is_missing(tmp_path: Path, damaged: Span) -> None:
    """A file at the end of the list as well as one before it."""
    found = ranges(tmp_path, (0, 16), (16, 37))
    path = found.file(*damaged)
    path.write_bytes(path.read_bytes()[:-30])

    assert ([damaged], False) == (found.missing(100), found.whole())
    assert [*range(TOTAL)] == scores(found)


def test_a_computation_goes_on_from_ranges_to_the_first_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What lies behind the gap is in nobody's way."""
    found = ranges(tmp_path, (0, 8), (8, 16), (20, 37))
    assert [*range(TOTAL)] == scores(found)
    assert "resuming at clip 17 of 37\n" == capsys.readouterr().err


def test_a_longer_file_counts_before_a_shorter_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As after a run that cut the list otherwise; nothing that was computed is lost by the other cut."""
    found = ranges(tmp_path, (0, 8), (0, 24), (8, 16), (20, 28), (24, 37))
    assert [*range(TOTAL)] == scores(found, no_more)
    assert "" == capsys.readouterr().err
    found.file(0, 24).write_bytes(b"torn")
    assert [(16, 20), (28, 37)] == found.missing(100)


def test_pieces_may_end_with_the_list(tmp_path: Path) -> None:
    """Then all is there; a piece of a longer list is none of this one."""
    pieces = Pieces(tmp_path / "kept", TOTAL)
    pieces.add(0, 24, results(0, 24))
    pieces.add(24, TOTAL, results(24, TOTAL))
    assert [*range(TOTAL)] == pieces.so_far()["scores"].tolist()
    assert 2 == len([*(tmp_path / "kept").iterdir()])

    shorter = Pieces(tmp_path / "kept", TOTAL - 1)
    assert [*range(24)] == shorter.so_far()["scores"].tolist()
    assert 1 == len([*(tmp_path / "kept").iterdir()])
