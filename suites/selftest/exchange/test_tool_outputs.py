"""Other tools' result folders: rows in the order of their inputs, padding cut, unfitting counts refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.exchange.tool_folders import LAYOUTS, NAMES, ais_bench, batches_of, benchmark, msame, raw, text
from tools.errors import ScoreError
from tools.exchange import outputs
from tools.exchange.labels import Info, read_info
from tools.exchange.pairing import Scored, pair
from tools.measuring.metrics import hits, mean_of_views, ties
from tools.media.decode import Clip
from tools.media.preprocess import Floats

RANDOM = np.random.default_rng(5)
LABELS = RANDOM.integers(0, 101, 150)
SCORES: Floats = RANDOM.random((150, 101)).astype(np.float32) + 0.02 * (np.arange(101) == LABELS[:, None]).astype(np.float32)
Layout = Callable[[Path, Mapping[str, Floats], str], Path]


def info(tmp_path: Path, lines: list[str]) -> Info:
    path = tmp_path / "ucf101.info"
    path.write_text("".join(f"{line}\n" for line in lines))
    return read_info(path)


def labelled(tmp_path: Path, count: int = 150, step: int = 1) -> Info:
    return info(tmp_path, [f"{step * number} {label}" for number, label in enumerate(LABELS[:count])])


def scored(folder: Path, *infos: Info, views: int = 1, classes: int = 101, clips: list[Clip] | None = None) -> Scored:
    return pair(outputs.find(folder), classes, views, infos, clips)


def right(scores: Floats, k: int = 5) -> list[bool]:
    return [bool(hit) for hit in hits(scores, LABELS[: len(scores)], k)]


@pytest.mark.parametrize(("layout", "ending"), LAYOUTS, ids=NAMES)
@pytest.mark.parametrize("size", [1, 16])
def test_every_layout_gives_the_accuracy_of_the_scores_themselves(tmp_path: Path, layout: Layout, ending: str, size: int) -> None:
    """BIN, NPY and TXT of each tool, a row or a batch a file, are read in numeric order.

    They are judged as the matrix itself.
    """
    folder = layout(tmp_path / "out", batches_of(SCORES, size), ending)

    found = scored(folder, labelled(tmp_path))

    assert np.allclose(SCORES, found.scores, atol=5e-6 if ending == "txt" else 0)
    assert right(SCORES) == right(found.scores)
    assert LABELS.tolist() == found.labels.tolist()
    assert (size > 1) == bool(found.notes)


def test_views_are_averaged_and_labels_taken_from_names(tmp_path: Path) -> None:
    """R(2+1)D's names carry the labels and say the order; a clip's three rows of logits are averaged."""
    rows: Floats = RANDOM.normal(size=(3 * 38, 400)).astype(np.float32)
    names = {f"bin{start}-{start + 15}_{'_'.join(map(str, LABELS[start : min(start + 16, 38)]))}": batch
             for start, batch in zip((0, 16, 32), batches_of(rows, 48).values(), strict=True)}

    found = scored(ais_bench(tmp_path / "out", names, "bin"), views=3, classes=400)

    assert np.array_equal(mean_of_views(rows, 3), found.scores)
    assert LABELS[:38].tolist() == found.labels.tolist()


def test_one_video_a_file_is_ordered_by_its_first_number(tmp_path: Path) -> None:
    """bin2-2_7 comes before bin10-10_3, whatever the labels.

    The last batch of a script that does not pad is shorter.
    """
    names = {f"bin{number}-{number}_{LABELS[number]}": SCORES[number : number + 1] for number in range(12)}
    short = {"bin0-7_" + "_".join(map(str, LABELS[:8])): SCORES[:8], "bin8-15_" + "_".join(map(str, LABELS[8:12])): SCORES[8:12]}

    assert np.array_equal(SCORES[:12], scored(msame(tmp_path / "single", names, "bin")).scores)
    assert np.array_equal(SCORES[:12], scored(msame(tmp_path / "short", short, "bin")).scores)


def test_an_info_of_paths_says_the_order(tmp_path: Path) -> None:
    """Benchmark names results by their inputs.

    'index path width height' lines order them, another .info labels them.
    """
    stems = [f"v_{'zyx'[number % 3]}_{number}" for number in range(9)]
    folder = benchmark(tmp_path / "result", {stem: SCORES[number : number + 1] for number, stem in enumerate(stems)}, "bin")
    paths = tmp_path / "order.info"
    paths.write_text("".join(f"{number} ./prep/{stem}.bin 224 224\n" for number, stem in enumerate(stems)))

    assert np.array_equal(SCORES[:9], scored(folder, labelled(tmp_path, 9), read_info(paths)).scores)


def test_a_list_labels_and_orders_by_its_clips_names(tmp_path: Path) -> None:
    """Results named after clips need no .info: the list says their order, labels and ids."""
    clips = [Clip(f"Yo/v_{9 - number}", tmp_path, int(LABELS[number])) for number in range(5)]
    folder = ais_bench(tmp_path / "out", {f"v_{9 - number}": SCORES[number : number + 1] for number in range(5)}, "npy")

    found = scored(folder, clips=clips)

    assert np.array_equal(SCORES[:5], found.scores)
    assert tuple(clip.id for clip in clips) == found.ids


def test_a_jumping_info_counts_the_first_row_of_each_file(tmp_path: Path) -> None:
    """The guide's script puts one video and B - 1 empty ones into a file.

    It does so beside an mmaction2 that overrides its batch size.
    """
    files = {str(number): np.concatenate([SCORES[number : number + 1], RANDOM.random((3, 101)).astype(np.float32)]) for number in range(7)}

    found = scored(msame(tmp_path / "out", files, "txt"), labelled(tmp_path, 7, step=4))

    assert right(SCORES[:7]) == right(found.scores)
    assert "only the first 1 of 4 clips of a file count" in found.notes[0]


def broken(files: dict[str, Floats], how: str) -> dict[str, Floats]:
    """Nine files of sixteen rows and one of six and padding, with one fault."""
    if how == "lost file":
        del files["4"]
    elif how == "lost row":
        files["4"] = files["4"][:-1]
    elif how == "one file more":
        files["10"] = files["9"]
    elif how == "wide":
        files = {stem: np.concatenate([rows, rows[:, :1]], axis=1) for stem, rows in files.items()}
    elif how == "named":
        files["clip"] = files.pop("9")
    return files


@pytest.mark.parametrize(("how", "count", "words"), [
    ("lost file", 150, ("9 files do not count from 0 without a gap", "5_0.npy follows 3_0.npy")),
    ("lost row", 150, ("4_0.npy has 15 rows, 0_0.npy has 16",)),
    ("one file more", 150, ("150 labels in ucf101.info, 176 clips' rows in 11 files", "9_0.npy has rows of 16 clips and labels of 6")),
    ("", 130, ("130 labels in ucf101.info, 160 clips' rows in 10 files", "8_0.npy has rows of 16 clips and labels of 2 of them")),
    ("short", 150, ("150 labels in ucf101.info, 144 clips' rows in 9 files", "clip 149 has a label and no row", "8_0.npy is the last")),
    ("wide", 150, ("a row has 102 scores, not 101", "--classes N")),
    ("named", 150, ("clip_0.npy has no number",)),
])
def test_rows_and_labels_that_do_not_fit_are_one_error(tmp_path: Path, how: str, count: int, words: tuple[str, ...]) -> None:
    """A lost file or row, another run's files, or another list's labels: file, rows and labels are named."""
    files = broken(batches_of(SCORES[:144] if how == "short" else SCORES, 16), how)
    folder = ais_bench(tmp_path / "out", files, "npy")

    with pytest.raises(ScoreError) as raised:
        scored(folder, labelled(tmp_path, count))

    assert {} == {word: str(raised.value) for word in words if word not in str(raised.value)}


def test_a_gap_inside_the_labels_is_an_error(tmp_path: Path) -> None:
    """A line that is missing in an .info shifts nothing: the file whose row has no label is named."""
    lines = [f"{number} {label}" for number, label in enumerate(LABELS) if number != 40]

    with pytest.raises(ScoreError, match=r"2_0\.bin has rows of 16 clips and labels of 15 of them"):
        scored(ais_bench(tmp_path / "out", batches_of(SCORES, 16), "bin"), info(tmp_path, lines))


def test_labels_of_two_sources_must_agree(tmp_path: Path) -> None:
    """Lists are shuffled when built: an .info and a list of another order are told apart, not averaged."""
    clips = [Clip(f"v_{number}", tmp_path, int(label)) for number, label in enumerate(reversed(LABELS))]

    with pytest.raises(ScoreError, match=r"clip 0 has label \d+ in ucf101.info and \d+ in the list"):
        scored(ais_bench(tmp_path / "out", batches_of(SCORES, 16), "bin"), labelled(tmp_path), clips=clips)


@pytest.mark.parametrize(("lines", "words"), [
    (["0 4", "1"], "ucf101.info:2"), (["0 4", "0 5"], "index 0 is there twice"), (["0 x"], "'x' is no label"),
    (["0 4", "1 a.bin 2 2"], "not as it should be"), ([], "the file is empty"), (["0 101"], "label 101 is outside the model's classes"),
])
def test_a_bad_info_is_an_error_that_names_the_line(tmp_path: Path, lines: list[str], words: str) -> None:
    """Lines of other fields, a number twice, a label that is none or no class."""
    folder = ais_bench(tmp_path / "out", batches_of(SCORES[:1], 1), "bin")

    with pytest.raises(ScoreError) as raised:
        scored(folder, info(tmp_path, lines))

    assert words in str(raised.value)


@pytest.mark.parametrize(("fault", "words"), [
    ("empty.txt", "it is empty"), ("half.bin", "bytes are no whole number of rows"), ("words.txt", "could not convert"),
    ("pickle.npy", "Object arrays"), ("mixed", "of several kinds"), ("two runs", "2 folders of results are in it"),
    ("nothing", "no file is named as a result is"), ("gone", "no such folder"),
])
def test_a_folder_that_cannot_be_read_is_one_error(tmp_path: Path, fault: str, words: str) -> None:
    """Empty, cut and foreign files, files of two formats or runs, and folders that hold no results."""
    out = tmp_path / "out"
    out.mkdir()
    if fault == "two runs":
        msame(out / "a", {"0": SCORES[:1]}, "bin")
        msame(out / "b", {"0": SCORES[:1]}, "bin")
    elif fault == "mixed":
        raw(out / "0_0.bin", SCORES[:1])
        text(out / "1_0.txt", SCORES[:1])
    elif fault == "pickle.npy":
        np.save(out / "0_0.npy", np.array([None]), allow_pickle=True)
    elif "." in fault:
        (out / f"0_0.{fault.rpartition('.')[2]}").write_text({"empty": "", "half": "xyz", "words": "a b c\n"}[fault.partition(".")[0]])

    with pytest.raises(ScoreError) as raised:
        scored(tmp_path / "none" if fault == "gone" else out, labelled(tmp_path, 1))

    assert words in str(raised.value)


def test_a_tie_across_rank_k_is_undecided() -> None:
    """The label ties with classes on both sides of rank k.

    A tie that lies wholly within the k largest decides nothing.
    """
    rows: Floats = np.array([[3, 1, 1, 0], [1, 1, 0, 0], [1, 2, 3, 4], [2, 2, 2, 2]], np.float32)
    labels = np.array([1, 0, 0, 3])

    assert [True, False, False, True] == ties(rows, labels, 2).tolist()
    assert [False, True, False, True] == ties(rows, labels, 1).tolist()
