"""Results belong to clips by name first; a BIN file's numbers have the type that makes them scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.exchange.tool_folders import ais_bench, msame
from tools.errors import ScoreError
from tools.exchange import outputs
from tools.exchange.labels import Info, read_info
from tools.exchange.pairing import Scored, pair
from tools.exchange.raw_rows import TYPES, Number
from tools.measuring.metrics import hits
from tools.media.decode import Clip
from tools.media.preprocess import Floats

COUNT, CLASSES = 40, 101
RANDOM = np.random.default_rng(7)
VIDEOS = RANDOM.permutation(COUNT).tolist()  # the list's order; a video's label is its own
LABELS = RANDOM.permutation(CLASSES)[:COUNT].tolist()
SCORES: Floats = np.eye(CLASSES, dtype=np.float32)[LABELS] * 9 + RANDOM.normal(size=(COUNT, CLASSES)).astype(np.float32)


def listed(name: str = "videos/{}.mp4") -> list[Clip]:
    return [Clip(name.format(video), Path(), LABELS[video]) for video in VIDEOS]


def by_video(tmp_path: Path, name: str = "{}") -> Path:
    """Results of one clip a file, named as their videos are."""
    return ais_bench(tmp_path / "out", {name.format(video): SCORES[video : video + 1] for video in range(COUNT)}, "npy")


def by_place(tmp_path: Path) -> Path:
    """Results numbered by the place of their clip in the list."""
    return ais_bench(tmp_path / "out", {str(at): SCORES[video : video + 1] for at, video in enumerate(VIDEOS)}, "npy")


def info(tmp_path: Path, name: str, lines: Sequence[str]) -> Info:
    (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    return read_info(tmp_path / name)


def top1(found: Scored) -> float:
    return float(hits(found.scores, found.labels, 1).mean())


@pytest.mark.parametrize(("name", "clip"), [("{}", "videos/{}.mp4"), ("{:05d}", "a/{}.mp4"), ("{}", "{:03d}.avi"),
                                          ("clip{}", "v/clip{}.mp4")])
def test_names_come_before_numbers(tmp_path: Path, name: str, clip: str) -> None:
    """A number that is a video's name pairs by name, however the list is ordered; ids stay in its order."""
    found = pair(outputs.find(by_video(tmp_path, name)), CLASSES, 1, [], listed(clip))

    assert (1.0, [clip.id for clip in listed(clip)]) == (top1(found), list(found.ids))
    assert np.array_equal(SCORES[VIDEOS], found.scores)


def test_numbers_pair_by_place_where_names_do_not_decide(tmp_path: Path) -> None:
    """Clips that are named otherwise, or numbered from 1, are paired by their place in the list."""
    folder = outputs.find(by_place(tmp_path))
    from_1 = [Clip(f"{video + 1}.mp4", Path(), LABELS[video]) for video in VIDEOS]

    assert 1.0 == top1(pair(folder, CLASSES, 1, [], listed("v_{}.mp4"))) == top1(pair(folder, CLASSES, 1, [], from_1))


def test_an_info_tells_a_place_from_a_name(tmp_path: Path) -> None:
    """Its labels fit the files by number as a video's name, or only as a place in the list."""
    of_videos = info(tmp_path, "videos.info", [f"{video} {label}" for video, label in enumerate(LABELS)])
    of_places = info(tmp_path, "places.info", [f"{at} {LABELS[video]}" for at, video in enumerate(VIDEOS)])

    assert 1.0 == top1(pair(outputs.find(by_video(tmp_path / "a")), CLASSES, 1, [of_videos], listed()))
    assert 1.0 == top1(pair(outputs.find(by_place(tmp_path / "b")), CLASSES, 1, [of_places], listed()))
    with pytest.raises(ScoreError, match="clip 0 has label"):
        pair(outputs.find(by_video(tmp_path / "c")), CLASSES, 1, [info(tmp_path, "x.info", [f"{at} 5" for at in range(COUNT)])], listed())


def test_an_info_of_paths_and_a_list_may_have_two_orders(tmp_path: Path) -> None:
    """Files named in an .info's order keep the labels that the list has for their names."""
    paths = info(tmp_path, "order.info", [f"{video} prep/{video}.bin 2 2" for video in range(COUNT)])

    assert 1.0 == top1(pair(outputs.find(by_video(tmp_path)), CLASSES, 1, [paths], listed()))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marked_texts_are_read(tmp_path: Path, encoding: str) -> None:
    """An .info and results as TXT may start with a byte order mark and have the line ends of Windows."""
    path = tmp_path / "x.info"
    path.write_bytes("".join(f"{number} {label}\r\n" for number, label in enumerate(LABELS)).encode(encoding))
    folder = msame(tmp_path / "out", {str(number): SCORES[number : number + 1] for number in range(COUNT)}, "txt")
    for file in folder.rglob("*.txt"):
        file.write_bytes(file.read_text().replace("\n", "\r\n").encode(encoding))

    assert 1.0 == top1(pair(outputs.find(folder), CLASSES, 1, [read_info(path)], None))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


KINDS: dict[str, np.ndarray] = {"logits": SCORES, "probabilities": softmax(SCORES), "flat": softmax(SCORES / 9),
                              "rounded": SCORES.astype(np.float16), "rectified": np.maximum(SCORES, 0)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(("size", "labelled"), [(4, COUNT), (4, COUNT - 3), (COUNT, COUNT), (COUNT, COUNT // 2)])
def test_a_bin_file_is_read_in_the_type_it_has(tmp_path: Path, kind: str, type: Number, size: int, labelled: int) -> None:
    """Half, single and double precision, padded or not, in one file or many, give the right values."""
    out = tmp_path / "out"
    out.mkdir()
    for number in range(COUNT // size):
        KINDS[kind][number * size : (number + 1) * size].astype(type).tofile(out / f"{number}_output_0.bin")
    labels = info(tmp_path, "x.info", [f"{number} {label}" for number, label in enumerate(LABELS[:labelled])])

    found = pair(outputs.find(out), CLASSES, 1, [labels], None)

    assert np.allclose(KINDS[kind][:labelled], found.scores, rtol=2e-3, atol=1e-3)
    assert (type is not np.float32) == any("the files hold float" in note for note in found.notes)


def test_numbers_that_no_count_and_no_value_tell_apart_are_refused(tmp_path: Path) -> None:
    """Values of half precision whose count fits only single precision are named with both."""
    folder = msame(tmp_path / "out", {}, "bin")
    for number in range(10):
        SCORES[4 * number : 4 * number + 4].astype(np.float16).tofile(folder / "20210727_143344" / f"{number}_output_0.bin")
    labels = info(tmp_path, "x.info", [f"{number} {label}" for number, label in enumerate(LABELS[: COUNT // 2])])

    with pytest.raises(ScoreError, match=r"20 rows of float32 or 40 rows of float16.*20 rows of float32 fit 20 labels.* look like float16"):
        pair(outputs.find(folder), CLASSES, 1, [labels], None)
