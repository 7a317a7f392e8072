"""What a person says of graphs of their own: `--graph`, `--graph-input`, `--graph-output`, `--atc-flags`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tools.errors import OptionError
from tools.spec.case import BATCHES
from tools.spec.model import LocaliserSpec, Network, Spec

FLAG = "--graph"
ONNX, OM = ".onnx", ".om"
SUFFIXES = (ONNX, OM)
BATCH = "{batch}"
GRAPH = "graph"  # whose weights they are, of a model that is an ONNX file alone
Scale = Literal["softmax", "logits", "log-softmax"]
OWN = {  # flags of atc that clipgate gives itself, and what sets them
    "--model": "--graph names the file", "--output": "clipgate keeps the model in its store", "--framework": "it is ONNX",
    "--input_shape": "the batch size and the graph say it", "--soc_version": "give it with --soc-version",
}
PRECISION = ("--precision_mode", "--precision_mode_v2")  # flags of atc that --precision stands for
PLACES = f"a file, a folder or a pattern with {BATCH}, for example --graph 'om/tsm_bs{BATCH}.om'"


@dataclass(frozen=True, slots=True)
class GraphPlaces:
    """Where a person's graphs are: a file, a folder or a pattern; for several networks one each, by name."""

    places: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> GraphPlaces:
        """From `FILE|DIR|PATTERN`, or from `tem=...,pem=...`; no text gives none.

        Raises:
            OptionError: a network is named twice, or nothing is there.
        """
        if not text:
            return cls()
        named = [re.fullmatch(r"([a-z_][a-z0-9_]*)=(.+)", part) for part in text.split(",")]
        pairs = [(match[1], match[2]) for match in named if match] if all(named) else [("", text)]
        for name, _ in pairs:
            if [one for one, _ in pairs].count(name) > 1:
                raise OptionError(f"{name} is given twice in {text!r}", where=FLAG, remedy="name one file for each network")
        return cls(tuple((name, _there(place)) for name, place in pairs))

    def __str__(self) -> str:
        return ",".join(f"{name}={place}" if name else place for name, place in self.places)

    def __bool__(self) -> bool:
        return bool(self.places)

    def require(self, networks: Sequence[str], model: str) -> None:
        """Check that each of the *networks* of *model* has one; an OptionError if not."""
        names = [name for name, _ in self.places]
        if sorted(names) == sorted(networks) or (names == [""] and len(networks) == 1):
            return
        wanted = ",".join(f"{name}=..." for name in networks) if len(networks) > 1 else "..."
        raise OptionError(f"{model} has the network{'s' * (len(networks) > 1)} {' and '.join(networks)}, and {FLAG} names "
                          f"{' and '.join(filter(None, names)) or 'one file'}", where=FLAG,
                          remedy=f"give {FLAG} {wanted}; models of other networks want a run of their own")

    def file(self, network: str, batch: int) -> Path:
        """The graph of *network* at *batch*.

        Raises:
            OptionError: there is none, or a folder has several.
        """
        place = next(place for name, place in self.places if name in ("", network))
        path = Path(place.replace(BATCH, str(batch)))
        if not _is(Path.is_dir, path):
            return _usable(path, batch)
        graphs = [one for one in sorted(path.iterdir()) if one.suffix in SUFFIXES]
        if not graphs:
            raise OptionError(f"this folder has no graph: no file that ends in {ONNX} or {OM}", where=str(path), remedy=f"give {PLACES}")
        found = [one for one in graphs if _is_of(one, batch)]
        if len(found) != 1:
            have = ", ".join(one.name for one in found) or f"none of its {len(graphs)} graphs"
            raise OptionError(f"batch {batch} wants one graph that is named *bs{batch}.onnx or *bs{batch}.om, and there is {have}",
                              where=str(path), remedy=f"name one file, such as {FLAG} {graphs[0]}, or a pattern: "
                                                      f"{FLAG} '{path}/NAME_bs{BATCH}{graphs[0].suffix}'")
        return _usable(found[0], batch)


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    """Whether *path* is that; what the system cannot even look at, such as too long a name, is not."""
    try:
        return kind(path)
    except (OSError, ValueError):
        return False


def _there(place: str) -> str:
    """The absolute path of what *place* names; of a pattern only its folder has to be there."""
    path = Path(place).absolute()
    if not (_is(Path.is_dir, path.parent) if BATCH in path.name else BATCH in place or _is(Path.exists, path)):
        raise OptionError(f"no such file or folder: {place}", where=FLAG, remedy=f"give {PLACES}")
    return str(path)


def _usable(path: Path, batch: int) -> Path:
    if not _is(Path.is_file, path):
        raise OptionError(f"there is no graph of batch {batch}: no such file", where=str(path),
                          remedy=f"make it, or choose the batch sizes that you have with -k, such as -k bs{BATCHES[0]}")
    if path.suffix not in SUFFIXES:
        raise OptionError(f"a graph's name ends in {ONNX} or {OM}, not in {path.suffix or 'nothing'}", where=str(path),
                          remedy="export the network to ONNX, or compile it with atc")
    return path


def _is_of(path: Path, batch: int) -> bool:
    return re.search(rf"(?:bs|batch)_?{batch}(?![0-9])", path.stem) is not None


@dataclass(frozen=True, slots=True)
class Said:
    """A tensor that a person names, and what they say of it; both empty where nothing is said."""

    name: str = ""
    word: str = ""

    @classmethod
    def parse(cls, text: str, flag: str, example: str) -> Said:
        """From `NAME=WORD`, or WORD alone; a name may hold anything, since the last `=` divides.

        Raises:
            OptionError: there is no word.
        """
        name, _, word = text.rpartition("=")
        if text and not word:
            raise OptionError(f"{text!r} does not say what {name} is", where=flag, remedy=f"for example {flag} {example}")
        return cls(name, word)

    def __str__(self) -> str:
        return "=".join(filter(None, (self.name, self.word)))


NOTHING_SAID = Said()


def said_input(text: str) -> Said:
    """What `--graph-input` says: a layout of the letters N, V, T, C, P, H and W."""
    said = Said.parse(text, "--graph-input", "video=NCTHW")
    if said.word and not re.fullmatch(r"N(?!.*(.).*\1)[VTCPHW]+", said.word):
        raise OptionError(f"{said.word!r} is no layout", where="--graph-input",
                          remedy="N for the batch first, then T, C, H and W in the graph's order (V: views), for example video=NCTHW")
    return said


def said_output(text: str) -> Said:
    """What `--graph-output` says: the scores' name, on which scale they are, or both."""
    if text and "=" not in text and text not in get_args(Scale):
        return Said(text)
    said = Said.parse(text, "--graph-output", "scores=softmax")
    if said.word and said.word not in get_args(Scale):
        raise OptionError(f"{said.word!r} is no scale of scores", where="--graph-output",
                          remedy=f"choose {', '.join(get_args(Scale))}, for example scores=softmax")
    return said


def atc_flags(text: str, precision: str = "") -> tuple[str, ...]:
    """The flags of `--atc-flags`, each as `--name=value`, with the absolute path of each file they name.

    precision: what `--precision` asks for, which is a flag of atc too.

    Raises:
        OptionError: a quote is not closed, a word is no flag, or it is one that clipgate gives itself.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise OptionError(f"the flags cannot be read: {error}", where="--atc-flags", remedy="close every quote") from error
    flags: list[str] = []
    for word in words:
        if word.startswith("--"):
            flags.append(word)
        elif flags and "=" not in flags[-1]:
            flags[-1] = f"{flags[-1]}={word}"
        else:
            raise OptionError(f"{word!r} is no flag of atc", where="--atc-flags",
                              remedy="for example --atc-flags='--precision_mode=force_fp16'")
    if precision and (twice := [name for flag in flags if (name := flag.partition("=")[0]) in PRECISION]):
        raise OptionError(f"{twice[0]} and --precision {precision} both say in which numbers a compiled model computes",
                          where="--atc-flags", remedy="leave one of them out")
    return tuple(_own_flag(flag) for flag in flags)


def _own_flag(flag: str) -> str:
    name, equals, value = flag.partition("=")
    if name in OWN:
        raise OptionError(f"{name} is not for a person to give: {OWN[name]}", where="--atc-flags", remedy="leave it out")
    return f"{name}={Path(value).absolute()}" if equals and _is(Path.is_file, Path(value)) else flag


def axes(spec: Spec, network: Network) -> str:
    """The axes of one item of a network's input: V views, T frames, C channels, P proposals, H, W.

    TSM's [8, 3, 224, 224] is TCHW, SlowFast's [1, 3, 32, 224, 224] VCTHW, TEM's [400, 100] CT.
    """
    if isinstance(spec, LocaliserSpec):
        return "CT" if network.name == spec.tem.name else "PC"
    return "TCHW" if spec.preprocess.layout == "NCHW" else "VCTHW"


def is_file_alone(spec: Spec) -> bool:
    """Whether the model is nothing but an ONNX file: no torch network, no weights beside it."""
    return any(network.graph for network in spec.networks)


def reference_name(spec: Spec) -> str:
    """What computes the reference of a model, as sentences name it."""
    return "ONNX Runtime" if is_file_alone(spec) else "torch"
