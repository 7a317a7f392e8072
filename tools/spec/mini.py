"""How hard the mini data are, and how the mini weights are made; a model's file fills these values in."""

from __future__ import annotations

from dataclasses import dataclass

RENAMED = {"floor_top1": "reference_top1_at_least", "floor_gain": "reference_gain_at_least",
           "floor_ratio": "reference_ratio_at_least"}  # what a file of an earlier version says -> its name now


@dataclass(frozen=True, slots=True)
class MiniSpec:
    """How the mini clips and the mini weights of a model are made.

    test_clips: clips that are judged; one less than a multiple of all batch sizes ends each in a short one.
    train_per_class: clips of each class that the head is fitted to. calibration_clips of them set BatchNorm,
        calibration_batch at a time.
    noise: standard deviation of the grey noise on every frame, in 8-bit steps; more is harder.
    travel: pixels that a texture moves in *span* frames; where span is 0, in the whole clip, for sampling
        that spreads over it; less is harder.
    wave: length of the texture's waves in pixels; about four times the step between two sampled frames.
    test_frames, train_frames: shortest and longest clip; lengths at which sampling changes are tested too.
    residual_scale: weight of the last BatchNorm of each residual block.
    branch_scale: weight of every BatchNorm that starts at zero, and so of its branch. Non-local blocks cube
        what they see: at 0.3, unusual clips grow a thousandfold.
    ridge: strengths the cross-validation chooses from, relative to the mean squared feature norm.
    top_probability: mean top softmax probability on the training clips that the head is scaled to.
    reference_top1_at_least: what torch itself must reach on the test clips to be a reference; no device is
        judged by it.
    """

    seed: int
    test_clips: int
    train_per_class: int
    calibration_clips: int
    noise: float
    travel: float
    residual_scale: float
    ridge: tuple[float, ...]
    top_probability: float
    reference_top1_at_least: float
    calibration_batch: int = 1
    branch_scale: float = 0.03
    span: int = 0
    wave: float = 80.0
    test_frames: tuple[int, int] = (20, 150)
    train_frames: tuple[int, int] = (20, 40)


@dataclass(frozen=True, slots=True)
class MiniVideos:
    """How the mini videos and the mini weights of a localiser are made.

    actions: fewest and most in a video; lengths: shortest and longest action, as shares of the video.
    noise: deviation of the features; an action adds a vector of length about 1; more is harder.
    tem_epochs, pem_epochs: passes over the training videos.
    reference_gain_at_least, reference_ratio_at_least: what torch itself must reach to be a reference: so much
        more AR@100 than random proposals, and so many times their AR@10. No device is judged by them.
    """

    seed: int
    test_videos: int
    train_videos: int
    actions: tuple[int, int]
    lengths: tuple[float, float]
    noise: float
    tem_epochs: int
    pem_epochs: int
    reference_gain_at_least: float
    reference_ratio_at_least: float
