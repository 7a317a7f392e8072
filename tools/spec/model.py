"""What a model is: frozen values that a file under suites/models fills in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from tools.errors import OptionError
from tools.spec.bins import USUAL_BINS, Bins
from tools.spec.figures import LOCALISATION, RECOGNITION
from tools.spec.mini import NO_MINI, MiniSpec, MiniVideos
from tools.spec.sources import Own

if TYPE_CHECKING:
    from torch import nn

ListFormat = Literal["rawframes", "videos"]
Views = Literal["centre", "three"]
Layout = Literal["NCHW", "NCTHW"]
Surgery = Literal["conv1d-to-conv2d", "constant-shift"]
Surgeries = Literal["needed", "all"]
ModelKind = Literal["recogniser", "localiser"]


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
    """RGB uint8 frames to network input: short side, crop, then (x - mean) / deviation per channel.

    views: `centre` cuts one square; `three` cuts left, right and middle, in order; *crop* is the short side.
    layout: `NCHW` [frames, 3, crop, crop] for 2D, `NCTHW` [views * clips, 3, clip_len, crop, crop] for 3D.
    """

    short_side: int
    crop: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    views: Views = "centre"
    layout: Layout = "NCHW"

    @property
    def view_count(self) -> int:
        return 3 if self.views == "three" else 1


@dataclass(frozen=True, slots=True)
class ProposalSpec:
    """How proposals are made between and after BSN's two networks; the defaults are the guide's.

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
class Atc:
    """What a model's guide tells Ascend's compiler: the input's format, and how to tune, if at all."""

    input_format: str = "ND"
    auto_tune: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One graph of a model: what torch exports and a device runs.

    config: the mmaction2 config that builds it: your own, by its path from the model's file, or one of the
        package, by its path from the package's config folder.
    module: instead of a config, `my_net:build`: the function `build` of the module `my_net`, beside the
        model's file or installed, returns a torch module that maps [B, *input] to logits [B * rows, *output].
    own: what is known of the files of these two; `load_spec` fills it in.
    overrides: dotted keys of its `model` section that this deployment changes.
    graph: instead of a config, the ONNX file that is the network, relative to the models folder; a folder or
        a pattern with `{batch}` has one a batch size. graph_input, graph_output: what its shapes and values
        do not tell, as `--graph-input` and `--graph-output` say it.
    output: one row of the graph's output; a checkpoint's head may give a recogniser another length.
    rows: rows of output for each item of the batch: the views, where the graph does not average them.
    softmax: whether the exported graph ends in softmax, which is put behind the network's logits.
    surgery: rewrites of a batch size's ONNX graph with equal outputs; tools/deployment/surgery.py names them.
    optional_surgery: rewrites that only `--surgery all` applies, after those.
    export_form: changes the torch network in place for the export, with equal outputs; never the reference.
    atc: how it is compiled for an Ascend chip.
    """

    name: str
    config: str = ""
    overrides: tuple[tuple[str, str | int | float | bool | None], ...] = ()
    input: Tensor
    output: Tensor
    rows: int = 1
    softmax: bool = False
    surgery: tuple[Surgery, ...] = ()
    optional_surgery: tuple[Surgery, ...] = ()
    export_form: Callable[[nn.Module], None] | None = None
    atc: Atc = Atc()
    graph: str = ""
    graph_input: str = ""
    graph_output: str = ""
    module: str = ""
    own: Own | None = None

    @property
    def packages(self) -> tuple[str, ...]:
        """What a person's own files import, whose versions are parts of keys."""
        return self.own.packages if self.own else ()

    @property
    def built_by(self) -> str:
        """What an error names: the config or the module."""
        return self.module or self.config

    def surgeries(self, which: Surgeries) -> tuple[Surgery, ...]:
        """The rewrites that `--surgery` *which* applies, in their order."""
        return self.surgery + (self.optional_surgery if which == "all" else ())

    def with_outputs(self, classes: int) -> Network:
        """This network as a checkpoint with another number of classes makes it."""
        return replace(self, output=Tensor(self.output.name, (classes,)))


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One recogniser of the matrix.

    dataset, list_file: folder and list below `--data-root`; clips: how many a complete list holds.
    mini: none where the network is an ONNX file alone, which cannot be fitted to the mini clips.
    bins: how its inputs are written for the guide's tools; shapes nothing that is built or measured here.
    """

    kind: ClassVar[ModelKind] = "recogniser"
    items: ClassVar[str] = "clips"
    metrics: ClassVar[tuple[str, ...]] = RECOGNITION

    network: Network
    sampling: Sampling
    preprocess: Preprocess
    dataset: str
    list_file: str
    frames_folder: str
    clips: int
    list_format: ListFormat
    mini: MiniSpec = NO_MINI
    bins: Bins = USUAL_BINS

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def networks(self) -> tuple[Network, ...]:
        return (self.network,)

    @property
    def files_folder(self) -> str:
        """Folder of the data set's files, beside its list."""
        return self.frames_folder

    @property
    def classes(self) -> int:
        """Outputs of the graph where a checkpoint does not say otherwise."""
        return self.network.output.shape[0]


@dataclass(frozen=True, slots=True)
class LocaliserSpec:
    """A localiser of the matrix: *tem* scores boundaries, *pem* the proposals that are made of them.

    dataset: folder below `--data-root`, which holds list_file, annotations and features_folder.
    clips: how many videos a complete list holds.
    """

    kind: ClassVar[ModelKind] = "localiser"
    items: ClassVar[str] = "videos"
    metrics: ClassVar[tuple[str, ...]] = LOCALISATION

    name: str
    tem: Network
    pem: Network
    proposals: ProposalSpec
    dataset: str
    list_file: str
    annotations: str
    features_folder: str
    clips: int
    mini: MiniVideos

    @property
    def networks(self) -> tuple[Network, ...]:
        return (self.tem, self.pem)

    @property
    def files_folder(self) -> str:
        """Folder of the data set's files, beside its list."""
        return self.features_folder


Spec = ModelSpec | LocaliserSpec


def recogniser(spec: Spec, otherwise: str, remedy: str) -> ModelSpec:
    """*spec*, for what only a recogniser can do.

    Raises:
        OptionError: it is a localiser; *otherwise* says what that does instead.
    """
    if isinstance(spec, LocaliserSpec):
        raise OptionError(f"{spec.name} {otherwise}", remedy=remedy)
    return spec


def localiser(spec: Spec, remedy: str) -> LocaliserSpec:
    """*spec*, for what only a localiser can do.

    Raises:
        OptionError: it is a recogniser.
    """
    if isinstance(spec, ModelSpec):
        raise OptionError(f"{spec.name} is no localiser", remedy=remedy)
    return spec
