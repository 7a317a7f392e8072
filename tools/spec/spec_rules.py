"""What the values of a model's SPEC must be: their types, their ranges, and that they belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, SimpleNamespace, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

from tools.errors import OptionError
from tools.spec.faults import Faults, Place, cut
from tools.spec.given import said_input, said_output
from tools.spec.mini import NO_MINI
from tools.spec.model import LocaliserSpec, ModelSpec, Network, Spec
from tools.spec.ranges import PLAIN

ABOVE_ZERO = {"clip_len", "interval", "clips", "short_side", "crop", "deviation", "rows", "shape", "test_clips", "train_per_class",
              "calibration_clips", "calibration_batch", "ridge", "wave", "test_frames", "train_frames", "test_videos", "train_videos",
              "tem_epochs", "pem_epochs", "top", "keep", "alpha", "actions"}
SHARES = {"top_probability", "reference_top1_at_least", "lengths", "peak_threshold"}
NOT_EMPTY = {"name", "dataset", "list_file", "frames_folder", "features_folder", "annotations"}
IN_ORDER = {"test_frames", "train_frames", "actions", "lengths"}  # the least, then the most
NN = SimpleNamespace(Module=object)  # what the hint of an export form names of torch, which is not imported for it


@cache
def _hints(kind: type[object]) -> dict[str, object]:
    return get_type_hints(kind, localns={"nn": NN})


def check(spec: Spec, faults: Faults) -> None:
    """Note every value of the wrong type or range; where there is none, those that contradict others."""
    before = len(faults.found)
    _check_values(spec, (), faults)
    if len(faults.found) == before:
        _check_network(spec, faults) if isinstance(spec, ModelSpec) else _check_networks(spec, faults)


def _check_values(value: object, at: Place, faults: Faults) -> None:
    hints = _hints(type(value))  # type: ignore[arg-type]
    for field in fields(value):  # type: ignore[arg-type]
        found, hint, place = getattr(value, field.name), hints[field.name], (*at, field.name)
        told = f"{'.'.join(map(str, place))} = {cut(repr(found))}"
        if not _allowed(found, hint):
            faults.add(place, f"{told} has the wrong type ({_words(hint)})")
        elif is_dataclass(found):
            _check_values(found, place, faults)
        elif why := _outside(field.name, found):
            faults.add(place, f"{told} {why}")


def _allowed(value: object, hint: object) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in inner
    if origin in (Union, UnionType):
        return any(_allowed(value, one) for one in inner)
    if origin is tuple:
        each = [inner[0]] * len(value) if isinstance(value, tuple) and inner[-1] is ... else inner
        return isinstance(value, tuple) and len(value) == len(each) and all(map(_allowed, value, each))
    if origin is Callable:
        return callable(value)
    return type(value) is hint or (hint is float and type(value) is int)


def _words(hint: object) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin in (Union, UnionType):
        return " or ".join(_words(one) for one in inner)
    if origin is tuple:
        return f"a tuple, each {_words(inner[0])}" if inner[-1] is ... else f"a tuple of {', '.join(map(_words, inner))}"
    if hint is NoneType:
        return "None"
    return PLAIN.get(hint, f"a {hint.__name__}") if isinstance(hint, type) else "a function"


def _outside(name: str, value: object) -> str:
    """Why a value of the right type cannot be what *name* says; empty where it can."""
    numbers = [one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, int | float)]
    if name in NOT_EMPTY and not value:
        return "is empty"
    if name in ABOVE_ZERO and (value == () or not all(one > 0 for one in numbers)):
        return "is not above 0"
    if name in SHARES and not all(0 <= one < 1 for one in numbers):
        return "is not a share from 0 to below 1"
    if name in IN_ORDER and numbers != sorted(numbers):
        return "is not the least and then the most"
    return "is below 0" if name not in ("alpha", "overrides") and any(one < 0 for one in numbers) else ""


def input_shape(spec: ModelSpec) -> tuple[int, ...]:
    """What sampling and preprocessing make of one clip."""
    how, frames = spec.preprocess, spec.sampling
    if how.layout == "NCHW":
        return (frames.frames * how.view_count, 3, how.crop, how.crop)
    return (how.view_count * frames.clips, 3, frames.clip_len, how.crop, how.crop)


def _check_origin(network: Network, at: Place, faults: Faults) -> None:
    """Check that one thing says what the network is, and nothing is asked of a file that it cannot do."""
    name = ".".join(map(str, at))
    said = [field for field in ("config", "module", "graph") if getattr(network, field)]
    if len(said) != 1:
        faults.add(at, f"{name} has {' and '.join(said) or 'neither config, module nor graph'}: give one, the mmaction2 config or the "
                       "torch module that builds it, or the ONNX file that it is")
    for field in ("overrides", "surgery", "optional_surgery", "export_form") if network.graph else ():
        if getattr(network, field):
            faults.add((*at, field), f"{name}.{field} is for a network that torch builds, and graph names an ONNX file")
    for field in ("graph_input", "graph_output") if not network.graph else ():
        if getattr(network, field):
            faults.add((*at, field), f"{name}.{field} is for a network that is an ONNX file, and no graph is named")
    for field, read in (("graph_input", said_input), ("graph_output", said_output)):
        try:
            read(getattr(network, field))
        except OptionError as error:
            faults.add((*at, field), f"{name}.{field}: {error.what}")


def _check_network(spec: ModelSpec, faults: Faults) -> None:
    _check_origin(spec.network, ("network",), faults)
    if not spec.network.graph and spec.mini == NO_MINI:
        faults.add(("mini",), "mini is missing: how the clips and weights are made that the harness makes itself")
    made = input_shape(spec)
    if spec.network.input.shape != made:
        faults.add(("network", "input"), f"network.input.shape = {spec.network.input.shape}, and sampling and preprocess "
                                         f"make {made} of a clip")
    if len(spec.network.output.shape) != 1:
        faults.add(("network", "output"), f"network.output.shape = {spec.network.output.shape}, and a recogniser's is one "
                                          "number: its classes")
    if spec.preprocess.crop > spec.preprocess.short_side:
        faults.add(("preprocess", "crop"), f"preprocess.crop = {spec.preprocess.crop} is more than short_side = "
                                           f"{spec.preprocess.short_side}")


def _check_networks(spec: LocaliserSpec, faults: Faults) -> None:
    for network, at in ((spec.tem, "tem"), (spec.pem, "pem")):
        _check_origin(network, (at,), faults)
        if network.graph:
            faults.add((at, "graph"), f"{at}.graph: an ONNX file alone can be a recogniser only; judge it with --graph {at}=FILE")
    if spec.tem.name == spec.pem.name:
        faults.add(("pem", "name"), f"pem.name = {spec.pem.name!r} is the name of tem as well")
