"""What a model is: frozen values that a file under suites/models fills in, and their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

ListFormat = Literal["rawframes", "videos"]
Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a clip the network sees: *clips* runs of *clip_len* frames, *interval* frames apart."""

    clip_len: int
    interval: int
    clips: int

    @property
    def frames(self) -> int:
        return self.clip_len * self.clips


@dataclass(frozen=True, slots=True)
class Preprocess:
    """RGB uint8 frames to network input: short side, centre crop, then (x - mean) / deviation per channel."""

    short_side: int
    crop: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ProposalSpec:
    """How temporal action proposals are made between and after BSN's two networks; the defaults are the guide's.

    peak_threshold: share of a curve's maximum above which a bin is a candidate boundary, peak or not.
    top: proposals that the second network scores, and rows of its input.
    alpha: decay of soft-NMS, exp(-IoU^2 / alpha), applied where the IoU exceeds low + (high - low) * width.
    keep: detections that remain of a video.
    """

    peak_threshold: float = 0.5
    top: int = 1000
    alpha: float = 0.75
    low: float = 0.65
    high: float = 0.9
    keep: int = 100


@dataclass(frozen=True, slots=True)
class Tensor:
    """A graph's input or output: its name and its shape without the batch axis; always float32."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MiniSpec:
    """How the mini clips and the mini weights of a model are made.

    test_clips: clips that are judged; one less than a multiple of every batch size ends all of them in a short batch.
    train_per_class: clips a class that the head is fitted to; calibration_clips: of these, how many set BatchNorm.
    noise: standard deviation of the grey noise on every frame, in 8-bit steps; raises the difficulty.
    travel: pixels a texture moves from a clip's first frame to its last; lowering it raises the difficulty.
    residual_scale: weight of the last BatchNorm of each residual block; 1 leaves the default initialisation.
    ridge: strengths the cross-validation chooses from, relative to the mean squared feature norm.
    top_probability: mean top softmax probability on the training clips that the head is scaled to.
    floor_top1: what torch must reach on the test clips to be a reference.
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
    floor_top1: float


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One recogniser of the matrix.

    config: the mmaction2 config that builds the network, relative to the package's config folder.
    overrides: dotted keys of its `model` section that this deployment changes.
    classes: outputs of the graph where a checkpoint does not say otherwise.
    softmax: whether the exported graph ends in softmax.
    dataset, list_file: folder and list below `--data-root`; clips: how many a complete list holds.
    """

    name: str
    config: str
    overrides: tuple[tuple[str, str | int | float | bool | None], ...]
    classes: int
    sampling: Sampling
    preprocess: Preprocess
    input: Tensor
    output_name: str
    softmax: bool
    dataset: str
    list_file: str
    frames_folder: str
    clips: int
    list_format: ListFormat
    mini: MiniSpec


def digest(value: Json) -> str:
    """SHA-256 of a value's canonical JSON; equal values have equal digests on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def spec_digest(spec: ModelSpec) -> str:
    """Digest of everything in a spec that shapes a network or its input."""
    return digest({key: value for key, value in asdict(spec).items() if key != "mini"})
