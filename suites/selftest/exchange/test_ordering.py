"""In which order result files are read, and what is said where nothing orders them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.errors import ScoreError
from tools.exchange.labels import Info, labels_in_name, read_info
from tools.exchange.ordering import OTHERS, PAIRED, Order, in_order
from tools.exchange.outputs import OutputFile, OutputFolder
from tools.media.decode import Clip

FOLDER = Path("results")


def folder(*stems: str) -> OutputFolder:
    return OutputFolder(FOLDER, "ais_bench", "BIN", tuple(OutputFile(Path(f"{stem}_0.bin"), stem) for stem in stems))


def clips(*names: str) -> list[Clip]:
    return [Clip(name, Path(name), number, 9) for number, name in enumerate(names)]


def info(labels: Sequence[int] = (), stems: Sequence[str] = ()) -> Info:
    return Info(Path("own.info"), dict(enumerate(labels)), dict(enumerate(stems)))


def stems(order: Order) -> list[str]:
    return [file.stem for file in order.files]


def refused(found: OutputFolder, infos: Sequence[Info] = (), listed: Sequence[Clip] | None = None) -> tuple[str, str | None, str | None]:
    with pytest.raises(ScoreError) as caught:
        in_order(found, infos, listed)
    return caught.value.what, caught.value.where, caught.value.remedy


@pytest.mark.parametrize(("given", "names", "expected"), [
    (("b", "a"), ("x/a.avi", "x/b.avi"), ["a", "b"]),
    (("b", "a", "c"), ("c", "b", "a"), ["c", "b", "a"]),
    (("1", "0"), ("0", "1"), ["0", "1"]),
    (("007", "8"), ("8", "7"), ["8", "007"]),
    (("7", "8"), ("008", "07"), ["8", "7"]),
])
def test_names_of_a_list_order_the_files(given: tuple[str, ...], names: tuple[str, ...], expected: list[str]) -> None:
    """With and without the zeros before a number."""
    assert expected == stems(in_order(folder(*given), (), clips(*names)))


def test_numbers_order_the_files() -> None:
    """As numbers, and not as texts."""
    given = [str(number) for number in (10, 2, 0, 1, 9, 8, 7, 6, 5, 4, 3)]

    assert [str(number) for number in range(11)] == stems(in_order(folder(*given), (), None))
    assert ["0"] == stems(in_order(folder("0"), (), None))
    assert ["bin0-1_4_4", "bin2-3_5_5", "bin4-4_6"] == stems(in_order(folder("bin4-4_6", "bin0-1_4_4", "bin2-3_5_5"), (), None))


def test_stems_of_an_info_order_the_files() -> None:
    """By its indexes, wherever its lines stand."""
    named = Info(Path("own.info"), {}, {2: "a", 0: "c", 1: "b"})

    assert ["c", "b", "a"] == stems(in_order(folder("a", "b", "c"), [info([1, 2, 3]), named], None))
    assert ["c", "b", "a"] == stems(in_order(folder("a", "b", "c"), [named], clips("x", "y", "z")))


def test_names_that_are_numbers_are_places_only_where_an_infos_labels_say_so() -> None:
    """The list is 1, 0 with labels 0, 1. Labels that fit the names move with the files; a note tells it."""
    found, listed = folder("0", "1"), clips("1", "0")

    places = in_order(found, [info([0, 1])], listed)
    names = in_order(found, [info([1, 0])], listed)
    short = in_order(found, [info([7])], listed)

    assert (["0", "1"], [{0: 0, 1: 1}], ()) == (stems(places), [one.labels for one in places.infos], places.notes)
    assert (["1", "0"], [{0: 0, 1: 1}], (PAIRED,)) == (stems(names), [one.labels for one in names.infos], names.notes)
    assert (["1", "0"], [{0: 7}], (PAIRED,)) == (stems(short), [one.labels for one in short.infos], short.notes)
    assert (["1", "0"], [], (PAIRED,)) == (stems(alone := in_order(found, [], listed)), [*alone.infos], alone.notes)


@pytest.mark.parametrize(("given", "where"), [
    (("1", "2"), "1_0.bin is the first"), (("0", "1", "3"), "3_0.bin follows 1_0.bin"), (("0", "2", "4"), "2_0.bin follows 0_0.bin"),
    (("0", "00", "1"), "00_0.bin follows 0_0.bin"),
    (("bin0-1_4_4", "bin2-3_4_4", "bin6-7_4_4"), "bin6-7_4_4_0.bin follows bin2-3_4_4_0.bin"),
    (("bin2-3_4_4", "bin4-5_4_4"), "bin2-3_4_4_0.bin is the first")])
def test_a_gap_is_told_with_the_files_beside_it(given: tuple[str, ...], where: str) -> None:
    assert (f"{len(given)} files do not count from 0 without a gap: {where}", str(FOLDER),
            "a result is lost or there twice: run the tool again into an empty folder") == refused(folder(*given))


@pytest.mark.parametrize(("given", "named", "odd"), [
    (("a", "b"), ("a", "c"), "there is none of c"), (("a", "b", "d"), ("a", "b"), "d is not named there"),
    (("a", "b"), ("a", "b", "a"), "a name is there twice"), (("a", "b"), ("a", "a"), "b is not named there"),
    (("a",), ("a", "b"), "there is none of b")])
def test_what_an_info_names_and_what_is_there_are_told(given: tuple[str, ...], named: tuple[str, ...], odd: str) -> None:
    assert (f"{len(given)} files, and own.info names {len(named)} inputs: {odd}", str(FOLDER), OTHERS) == refused(
        folder(*given), [info(stems=named)])


def test_what_a_list_names_and_what_is_there_are_told() -> None:
    assert ("2 files, and the list names 2 inputs: there is none of c", str(FOLDER), OTHERS) == refused(
        folder("a", "b"), listed=clips("x/a.avi", "x/c.avi"))
    assert ("1 files, and the list names 2 inputs: a name is there twice", str(FOLDER), OTHERS) == refused(
        folder("a"), listed=clips("x/a.avi", "y/a.avi"))


def test_files_without_numbers_need_a_list() -> None:
    """The first that has none is named."""
    assert ("b_0.bin has no number that says which input it belongs to", str(FOLDER),
            "give --info with benchmark's 'index path width height' lines, or --data with the list of these clips") == refused(
                folder("0", "bin0-0_1", "b", "c"))


def test_a_name_tells_the_first_sample_and_the_labels() -> None:
    assert (16, (4, 4, 17)) == labels_in_name("bin16-31_4_4_17")
    assert [None] * 4 == [labels_in_name(one) for one in ("bin16-31", "bin16_4", "xbin16-31_4", "bin16-31_4x")]


@pytest.mark.parametrize(("text", "what", "line"), [
    ("0 1\nx 2\n", "the line is not as it should be: 'x 2'", ":2"), ("0 1 2\n", "the line is not as it should be: '0 1 2'", ":1"),
    ("0 1\n\n0 2\n", "index 0 is there twice", ":3"), ("0 a 1 2\n0 b 1 2\n", "index 0 is there twice", ":2"),
    ("0 x\n", "'x' is no label", ":1"), ("0 1\n1 b 1 2\n", "the line is not as it should be: '1 b 1 2'", ":2"),
    ("0 a 1 2\n1 3\n", "'3' is no label", ":2"), ("\n", "the file is empty", "")])
def test_a_wrong_info_is_told_by_its_line(tmp_path: Path, text: str, what: str, line: str) -> None:
    path = tmp_path / "own.info"
    path.write_text(text)

    with pytest.raises(ScoreError) as caught:
        read_info(path)
    assert (what, f"{path}{line}") == (caught.value.what, caught.value.where)
    assert str(caught.value.remedy).startswith(("write 'index label' a line, or 'index path width height'", "make the file again"))
