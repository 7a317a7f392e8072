"""Tensors that a device left in a folder, in place of the device: where its error begins, from them alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.errors import OptionError
from tools.locating import causes
from tools.locating.between import Between, between, model_of, up_to
from tools.locating.difference import beside, difference, rows_of
from tools.locating.dump_names import names
from tools.locating.grouping import at_once_bytes, grouped
from tools.locating.search import FLOOR, batch_of, limit_of, loudest, without_node
from tools.locating.values import Cause, Difference, Found, Kind, Runs, Seen, Span, Tensors
from tools.locating.whole import Whole
from tools.machine import reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONVERT = "convert it with `msaccucmp.py convert -f NCHW`, or take it out of the folder"
COPY = "copy it again whole from where it was dumped, or take it out of the folder"
ONE_RUN = "leave the dumps of one run of one batch in the folder"
NAMED = "name each file NODE.OUTPUT.TIME.npy, TYPE.NODE.TASK.STREAM.TIME.output.OUTPUT.npy, or TENSOR.npy with _ for / and ."


@dataclass(frozen=True, slots=True)
class Dumps:
    """A *folder* of dumps: the file of each tensor that it has, which is read when it is asked for.

    unknown: the files that name nothing of the graph; unclear: those that may name several tensors of it;
    lacking: the tensors that none holds.
    """

    folder: Path
    files: Mapping[str, Path]
    unknown: tuple[str, ...]
    unclear: tuple[str, ...]
    lacking: tuple[str, ...]

    def tensor(self, name: str, like: NDArray[Any]) -> NDArray[Any]:
        """A dumped tensor in the type and shape of the reference's; axes of size 1 do not count.

        Raises:
            OptionError: the file is damaged, or holds a tensor of another shape or kind.
        """
        path = self.files[name]
        given = reading.load_npy(path, OptionError, "the dump", COPY)
        if given.dtype.kind not in {"f": "f", "b": "bui"}.get(like.dtype.kind, "iu"):
            raise OptionError(f"the dump of {name} holds {given.dtype}, and the graph says {like.dtype}", where=str(path), remedy=CONVERT)
        if [size for size in given.shape if size != 1] != [size for size in like.shape if size != 1]:
            raise OptionError(f"the dump of {name} has the shape {list(given.shape)}{_layout(given.shape, like.shape)}, "
                             f"and the graph says {list(like.shape)}", where=str(path), remedy=CONVERT)
        with np.errstate(over="ignore"):
            return given.reshape(like.shape).astype(like.dtype)


def read(folder: Path, whole: Whole) -> Dumps:
    """What the `.npy` files in *folder* and below it are of, by their names; none is opened yet.

    Raises:
        OptionError: there is no such folder, no file names anything of the graph, or two name one tensor.
    """
    known, files = names(whole), dict[str, Path]()
    unknown, unclear = list[str](), list[str]()
    for path in _arrays(folder):
        named = known.tensors_of(path.name.removesuffix(".npy"))
        if len(named) == 1 and named[0] in files:
            raise OptionError(f"two files hold the tensor {named[0]}: {files[named[0]].relative_to(folder)} and {path.relative_to(folder)}",
                             where=str(folder), remedy=ONE_RUN)
        if len(named) == 1:
            files[named[0]] = path
        else:
            (unclear if named else unknown).append(str(path.relative_to(folder)))
    made = [name for node in whole.nodes for name in node.output if name]
    if not any(name in files for name in made):
        raise OptionError("no file is named after a tensor or node of the graph", where=str(folder), remedy=NAMED)
    return Dumps(folder, files, tuple(unknown), tuple(unclear), tuple(name for name in made if name not in files))


def from_dumps(whole: Whole, feeds: Tensors, reference: Runs, dumps: Dumps, precision: str, scores: str = "") -> Found:
    """Where the error begins that others inherit, and its causes, without a device.

    scores: the tensor that holds them; without it nothing is said of them, nor where it is not dumped.

    Each dumped tensor is compared twice: with the reference's (cumulative), and with what the reference makes
    of the tensors that the device dumped before it (own), so that nothing is inherited.

    Raises:
        OptionError: a dump cannot be used, or is of another input than *feeds*.
    """
    _require_input(whole, feeds, dumps, precision)
    parts = between(whole, [name for name in dumps.files if name in whole.maker])
    seen, spans, of_scores = list[Seen](), dict[Span, Between](), None
    for group in grouped(parts, lambda part: {name: whole.bytes_of(name) for name in (*part.read, part.made)}, at_once_bytes()):
        for part, own, together in _compared(whole, group, feeds, reference, dumps):
            seen.append(Seen(part.span, own, together))
            spans[part.span] = part
            if part.made == scores:
                of_scores = together
    limit, usual = limit_of(seen, precision)
    guilty = loudest(seen, limit)
    if guilty is None:
        return Found(without_node(seen, precision), None, None, None, usual, limit, tuple(seen), (), 0, scores=of_scores)
    segment = next(one for one in whole.segments() if one.start <= guilty.span.start < one.stop)
    kind: Kind = "node" if len(spans[guilty.span].nodes) == 1 else "between"
    found = Found(kind, guilty.span, segment, guilty.own, usual, limit, tuple(seen), (), 0, scores=of_scores,
                  among=len(spans[guilty.span].nodes))
    why = _causes(whole, found, spans[guilty.span], feeds, reference, dumps, precision)
    return replace(found, causes=(*_of_input(spans[guilty.span], feeds, dumps), *why))


def _of_input(part: Between, feeds: Tensors, dumps: Dumps) -> tuple[Cause, ...]:
    """That what errs reads inputs alone, of which nobody knows whether the device was given these."""
    if dumps.files.keys() & feeds.keys() or not feeds.keys() >= {*part.read}:
        return ()
    return (Cause("input", "it reads the input, which is not among the dumps and may be another one"),)


def _compared(whole: Whole, parts: Sequence[Between], feeds: Tensors, reference: Runs,
              dumps: Dumps) -> Iterator[tuple[Between, Difference, Difference]]:
    """Each part with the error of its own and what has come together."""
    names = dict.fromkeys(name for part in parts for name in (*part.read, part.made) if name not in feeds)
    theirs = up_to(whole, list(names), feeds, reference)
    given = _given(names, feeds, theirs, dumps)
    model, fed = model_of(whole, parts, given)
    own = reference(model, fed)
    batch = batch_of(feeds)
    for part in parts:
        made, rows = given[part.made], rows_of(theirs[part.made], batch)
        yield part, beside(made, own[part.made], [given[name] for name in part.read], rows), difference(made, theirs[part.made], rows)


def _causes(whole: Whole, found: Found, part: Between, feeds: Tensors, reference: Runs, dumps: Dumps,
            precision: str) -> tuple[Cause, ...]:
    """What is known of why one node errs, which was fed what the device dumped."""
    names = [name for name in (*part.read, part.made) if name not in feeds]
    theirs = up_to(whole, names, feeds, reference)
    given = _given(names, feeds, theirs, dumps)
    model, fed = model_of(whole, [part], given)
    inputs = {name: given[name] for name in part.read}
    return causes.known(causes.seen(whole, part.nodes, inputs, reference(model, fed), given, reference, precision, found.limit))


def _given(names: Iterable[str], feeds: Tensors, theirs: Tensors, dumps: Dumps) -> Tensors:
    """What the device had: its own tensors, its input too where that was dumped."""
    own = {name: dumps.tensor(name, theirs[name]) for name in names}
    return {**feeds, **{name: dumps.tensor(name, feeds[name]) for name in feeds if name in dumps.files}, **own}


def _require_input(whole: Whole, feeds: Tensors, dumps: Dumps, precision: str) -> None:
    """Check that the device was given the same input, as far as *precision* tells and it dumped that too."""
    most = FLOOR.get(precision, FLOOR["fp16"])
    for name in whole.inputs:
        if name in dumps.files and difference(dumps.tensor(name, feeds[name]), feeds[name]).weight > most:
            raise OptionError(f"the dumps are of another input: {name} is not that of these clips", where=str(dumps.files[name]),
                             remedy="dump a run of the same clips in the same order")


def _layout(given: Sequence[int], graph: Sequence[int]) -> str:
    """What a shape looks like that is another layout of the graph's."""
    if len(given) == 5 and len(graph) == 4 and given[0] == graph[0] and tuple(given[2:4]) == tuple(graph[2:]):
        return ", NC1HWC0 by the look of it"
    return ", its axes in another order" if sorted(given) == sorted(graph) else ""


def _arrays(folder: Path) -> list[Path]:
    """The `.npy` files in a folder and below it."""
    if not folder.is_dir():
        raise OptionError("there is no such folder of dumps", where=str(folder), remedy="give the folder that holds the .npy files")
    return sorted(Path(place) / name for place, _, found in os.walk(folder) for name in found if name.endswith(".npy"))
