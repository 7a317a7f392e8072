"""Videos of every kind: a frame's index means the same picture however it is read, to us and to OpenCV."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.media.made_videos import LOW_DELAY, REFUSED, VIDEOS, Made, make
from tools.datasets.examine import examine
from tools.errors import DataError
from tools.media import decode, video
from tools.media.decode import Clip, Indices
from tools.media.preprocess import Frames, frame_indices
from tools.media.proof import prove
from tools.pytorch import frames as torch_side
from tools.spec.model import Sampling

SOME = (0, 1, 2, 3, 5, 8, 13, 19, 20, 21, 23, 24, 25, 34)  # near the first frame, near key frames, and between
SAMPLINGS = (Sampling(32, 2, 1), Sampling(1, 1, 8), Sampling(16, 1, 3))  # SlowFast's, TSM's and R(2+1)D's


def each_sampling(frames: int) -> Sequence[Indices]:
    return [frame_indices(frames, sampling) for sampling in SAMPLINGS]


def sampled(frames: int) -> Indices:
    return np.concatenate(each_sampling(frames))


def sequential(path: Path, wanted: Collection[int]) -> tuple[int, dict[int, Frames]]:
    """How many frames decoding from the first packet to the end gives, and the wanted ones."""
    with video.opened(path) as one:
        plain = one.decoded(wanted)
    return plain.frames, plain.pictures


@pytest.fixture(scope="module", params=VIDEOS)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of each kind, made once for all that is asked of it."""
    return make(VIDEOS[request.param], tmp_path_factory.mktemp("videos") / "video")


@pytest.mark.parametrize("alone", [SOME, pytest.param(range(1000), marks=pytest.mark.slow)], ids=["some alone", "each alone"])
def test_a_frame_is_the_same_however_it_is_read(path: Path, alone: Collection[int]) -> None:
    """Any frames, alone, together, spread or repeated, are those that decoding from the start gives.

    The check accepts the video: OpenCV shows the same pictures.
    """
    number, plain = sequential(path, range(1000))
    assert list(range(number)) == sorted(plain)
    asked = [*each_sampling(number), np.arange(number), np.array([number - 1, 0, number - 1, 0])]
    asked += [np.array([index]) for index in (*alone, number - 1) if index < number]

    assert number == prove(Clip("v", path, 0), sampled).frames
    for indices in asked:
        assert wrong(plain, indices, decode.read_frames(Clip("v", path, 0, number), "videos", indices)) == []


def test_the_torch_side_reads_the_same_frames(path: Path) -> None:
    """Torch's own reader, which shares no code with ours, counts as many frames and shows the same bits."""
    number, plain = sequential(path, range(1000))
    theirs = torch_side.read(path, np.arange(number))

    assert number == torch_side.count(path)
    assert wrong(plain, np.arange(number), np.stack([theirs[index] for index in range(number)])) == []


def test_key_packets_are_enough(path: Path, request: pytest.FixtureRequest) -> None:
    """Where times tell frames apart, each comes from a key packet on, unless that is none to begin at."""
    number, _ = sequential(path, ())
    asked = [*each_sampling(number), *np.arange(0, number, 5)[:, None]]
    missing = 0
    for indices in asked:
        with video.opened(path) as one:
            if one.is_timed(number):
                missing += len(set(indices.tolist()) - set(one.by_time(np.unique(indices).tolist()).pictures))
    assert (missing > 0) == ("refreshed" in request.node.name)


def test_frames_of_two_sizes_are_refused(tmp_path: Path) -> None:
    """A video whose sampled frames differ in size is refused; one that changes elsewhere is read."""
    parts = [make(Made(container="h264", options=LOW_DELAY, frames=20, size=size), tmp_path / f"{size[0]}").read_bytes()
             for size in ((128, 96), (160, 96))]
    both = tmp_path / "both"
    both.write_bytes(b"".join(parts))

    assert 40 == prove(Clip("v", both, 0), lambda frames: np.arange(12)).frames
    with pytest.raises(DataError, match="has frames of different sizes"):
        prove(Clip("v", both, 0), lambda frames: np.arange(0, frames, 5))
    with pytest.raises(DataError, match="has frames of different sizes"):
        decode.read_frames(Clip("v", both, 0, 40), "videos", np.arange(0, 40, 5))


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=["SlowFast", "TSM", "R(2+1)D"])
def test_what_is_sampled_later_is_what_the_check_decoded(path: Path, sampling: Sampling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sampled frames of a checked video are those of the check: one neighbour instead is refused by name."""
    clip = examine(Clip("v", path, 0), "videos", sampling)
    indices = frame_indices(clip.frames, sampling)
    assert np.array_equal(decode.read_frames(clip, "videos", indices), decode.sampled_frames(clip, "videos", sampling))
    if clip.frames == 1:
        return
    indices[-1] += 1 if indices[-1] == 0 else -1
    monkeypatch.setattr(decode, "frame_indices", lambda total, sampling: indices)

    with pytest.raises(DataError, match="clip v gives other frames now than when it was decoded from its start"):
        decode.sampled_frames(clip, "videos", sampling)


def wrong(plain: dict[int, Frames], indices: Indices, frames: Frames) -> list[int]:
    return [index for index, frame in zip(indices.tolist(), frames, strict=True) if not np.array_equal(plain[index], frame)]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_judged_is_refused(name: str, tmp_path: Path) -> None:
    """A video that OpenCV cannot show, or that is askew or lacks frames, is refused with what helps."""
    how, words = REFUSED[name]
    path = make(how, tmp_path / "video")

    with pytest.raises(DataError, match=words) as caught:
        prove(Clip("v", path, 0), sampled)
    assert ("restore the file" if "frames decode" in words else "ffmpeg -i FILE -c:v libx264") in str(caught.value.remedy)
