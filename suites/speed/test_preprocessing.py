"""Inputs beside mmaction2's pipeline and normalisation, on one core each.

SlowFast has 32 frames of an MP4, TSM 8 of a folder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

import numpy as np
import pytest

from suites.selftest.specs import recogniser_spec
from suites.speed import guides
from suites.speed.conftest import Find, Paired, Replay, alternate
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.measuring.recogniser import fill
from tools.media.decode import Clip, read_frames
from tools.media.preprocess import Floats, Frames, crops, frame_indices, normalise
from tools.pytorch import networks
from tools.pytorch import pipeline as peer
from tools.spec.model import ListFormat, ModelSpec
from tools.spec.settings import MODELS

SPEC, TSM = recogniser_spec(MODELS, "slowfast"), recogniser_spec(MODELS, "tsm")
LENGTHS = (64, 90, 150, 250)
BLOCKS = 60  # of one clip each
AT_LEAST = 1.0  # median of theirs / ours; 1.5 is what we aim at


@pytest.fixture(scope="module", autouse=True)
def one_core() -> Iterator[None]:
    """Both sides have one and the same core, whatever threads their libraries start."""
    import cv2
    import torch

    cores, cv_threads, torch_threads = os.sched_getaffinity(0), cv2.getNumThreads(), torch.get_num_threads()
    os.sched_setaffinity(0, {max(cores)})
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    yield
    os.sched_setaffinity(0, cores)
    cv2.setNumThreads(cv_threads)
    torch.set_num_threads(torch_threads)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Clip]:
    """Made MP4 clips of 320 x 240, of 64 to 250 frames."""
    folder = tmp_path_factory.mktemp("mp4")
    made = [Clip(f"v{frames}", folder / f"v{frames}.mp4", 0, frames) for frames in LENGTHS]
    for clip in made:
        encode.write_mp4(render(Recipe(0, clip.frames, (8, clip.frames), noise=4.0, travel=160.0)), clip.path)
    return made


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Clip]:
    """Made folders of JPEG frames of 320 x 240, as many as the videos have."""
    folder = tmp_path_factory.mktemp("jpeg")
    made = [Clip(f"v{frames}", folder / f"v{frames}", 0, frames) for frames in LENGTHS]
    for clip in made:
        encode.write_jpegs(render(Recipe(0, clip.frames, (8, clip.frames), noise=4.0, travel=160.0)), clip.path)
    return made


Side = Callable[[int], Floats]


def compared(ours: Side, theirs: Side, apart: float = 0.0) -> Paired:
    """Seconds of both sides for a clip, one clip a block in turn; inputs differ by at most *apart*."""
    seen: dict[Side, Floats] = {}

    def timed(side: Side) -> Callable[[], float]:
        turn = cycle(range(len(LENGTHS)))

        def once() -> float:
            number = next(turn)
            start = time.perf_counter()
            seen[side] = side(number)
            return time.perf_counter() - start

        return once

    for number in range(len(LENGTHS)):
        assert np.abs(ours(number) - theirs(number)).max() <= apart
    paired = alternate(timed(ours), timed(theirs), BLOCKS)
    assert np.abs(seen[ours] - seen[theirs]).max() <= apart
    return paired


def place(spec: ModelSpec = SPEC) -> Floats:
    """Where our input goes: like a batch's memory, there before the clip is and used again and again."""
    return np.zeros(spec.network.input.shape, np.float32)


@pytest.fixture(scope="module")
def whole(clips: Sequence[Clip]) -> Paired:
    """From file to input: decode, sample, resize, crop, normalise."""
    return from_files(clips, SPEC, "videos")


@pytest.fixture(scope="module")
def rawframes(folders: Sequence[Clip]) -> Paired:
    """The same from JPEG frames, which is what UCF-101's models read."""
    return from_files(folders, TSM, "rawframes")


def from_files(clips: Sequence[Clip], spec: ModelSpec, kind: ListFormat) -> Paired:
    out, load = place(spec), guides.clip_loader(spec, kind)

    def ours(number: int) -> Floats:
        fill(clips[number], kind, spec, out)
        return out

    return compared(ours, lambda number: load(clips[number]), guides.tolerance(spec, kind))


@pytest.fixture(scope="module")
def decoded(clips: Sequence[Clip]) -> Paired:
    """From decoded frames to input: resize, crop, normalise."""
    frames = [read_frames(clip, "videos", frame_indices(clip.frames, SPEC.sampling)) for clip in clips]
    out, load = place(), after_decoding()

    def ours(number: int) -> Floats:
        normalise(crops(frames[number], SPEC.preprocess), SPEC.preprocess, out)
        return out

    return compared(ours, lambda number: load(frames[number]))


def after_decoding() -> Callable[[Frames], Floats]:
    """The same of mmaction2: what follows DecordInit, SampleFrames and DecordDecode; its normalisation."""
    import torch

    networks.import_mmaction()
    from mmaction.models import ActionDataPreprocessor
    from mmengine.dataset import Compose

    how, sampling = SPEC.preprocess, SPEC.sampling
    pipeline = Compose(peer.after_decoding(SPEC))
    normaliser = ActionDataPreprocessor(mean=list(how.mean), std=list(how.deviation), format_shape=how.layout)

    def load(frames: Frames) -> Floats:
        packed = pipeline({"imgs": list(frames), "img_shape": frames.shape[1:3], "original_shape": frames.shape[1:3], "modality": "RGB",
                           "num_clips": sampling.clips, "clip_len": sampling.clip_len, "label": 0})
        with torch.inference_mode():
            normal = normaliser({"inputs": [packed["inputs"]], "data_samples": [packed["data_samples"]]})["inputs"]
        return np.asarray(normal[0].numpy(), np.float32)

    return load


def judged(paired: Paired) -> str:
    """Both medians and their ratio as a sentence; ours may not be the slower one."""
    ours_ms, theirs_ms = (1000 * float(np.median(series)) for series in (paired.ours, paired.theirs))
    assert np.median(np.array(paired.theirs) / np.array(paired.ours)) >= AT_LEAST
    return (f"{ours_ms:.1f} ms a clip, {1000 / ours_ms:.1f} clips/s a core; mmaction2 {theirs_ms:.1f} ms, {1000 / theirs_ms:.1f} clips/s; "
            f"mmaction2 over ours: {paired.ratio()}")


@pytest.mark.benchmark(group="SlowFast's input from an MP4")
def test_ours(whole: Paired, replay: Replay, find: Find) -> None:
    """Decord, OpenCV and a table of the 256 values a pixel can have."""
    replay(whole.ours)
    find(judged(whole))


@pytest.mark.benchmark(group="SlowFast's input from an MP4")
def test_mmaction2(whole: Paired, replay: Replay) -> None:
    """mmaction2's transforms and data preprocessor."""
    replay(whole.theirs)


@pytest.mark.benchmark(group="TSM's input from JPEG frames")
def test_ours_from_jpegs(rawframes: Paired, replay: Replay, find: Find) -> None:
    """OpenCV and the table."""
    replay(rawframes.ours)
    find(judged(rawframes))


@pytest.mark.benchmark(group="TSM's input from JPEG frames")
def test_mmaction2_from_jpegs(rawframes: Paired, replay: Replay) -> None:
    """mmaction2's transforms and data preprocessor."""
    replay(rawframes.theirs)


@pytest.mark.benchmark(group="SlowFast's input from decoded frames")
def test_ours_without_decoding(decoded: Paired, replay: Replay, find: Find) -> None:
    """OpenCV and the table."""
    replay(decoded.ours)
    find(judged(decoded))


@pytest.mark.benchmark(group="SlowFast's input from decoded frames")
def test_mmaction2_without_decoding(decoded: Paired, replay: Replay) -> None:
    """Its transforms after decoding, and its data preprocessor."""
    replay(decoded.theirs)
