"""Where a graph made of another one begins to compute something else, by the tensors that both name."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.locating.closeness import comparable, news_in, squeezed
from tools.locating.cutting import with_outputs
from tools.locating.difference import difference
from tools.locating.grouping import grouped
from tools.locating.on_cpu import as_written
from tools.locating.values import Difference, Runs, Span, Tensors
from tools.locating.whole import OWN, Whole

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

AT_ONCE_BYTES = 2**30  # of tensors of one side
FOLDED = 4  # nodes at most that a rewrite makes part of the one before
Tell = Callable[[Sequence[str]], Tensors]  # the tensors of these names


@dataclass(frozen=True, slots=True)
class Fed:
    """A graph, what is fed to it, and what runs it on the CPU."""

    whole: Whole
    feeds: Tensors
    runs: Runs = as_written

    def tensors(self, names: Sequence[str]) -> Tensors:
        """What it makes by these names, on the CPU."""
        found = self.runs(with_outputs(self.whole, names), self.feeds)
        return {name: found[name] for name in names}


@dataclass(frozen=True, slots=True)
class Counterpart:
    """What a tensor of the later graph is before: one of *names*, the first unless a rewrite moved it.

    reads: what is known of the tensors that its node reads, each with its name before.
    """

    names: tuple[str, ...]
    bytes: int
    reads: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Begins:
    """The nodes that make something else of what agrees, and how far that lies apart; None: of the scores."""

    span: Span
    difference: Difference | None = None


def first_difference(before: onnx.ModelProto, after: onnx.ModelProto, feeds: Tensors, limit: float,
                     after_feeds: Tensors | None = None) -> tuple[Span, Difference] | None:
    """The first nodes of *after* whose tensor differs from its namesake in *before*; None if none does.

    limit: the difference that is news. after_feeds: what *after* is fed, where it takes something else.
    """
    earlier, later = Fed(Whole(before), feeds), Fed(Whole(after), feeds if after_feeds is None else after_feeds)
    found = begins(later, counterparts(earlier.whole, later.whole), earlier.tensors, limit)
    return None if found is None or found.difference is None else (found.span, found.difference)


def counterparts(earlier: Whole, later: Whole) -> dict[str, Counterpart]:
    """The tensors of *later* that *earlier* has as well, in the later graph's order.

    A name with a module's path means the same in both. A simplifier's own names are counted anew in every
    graph, so that such a name counts only where the same operator makes it of tensors of the same names. What
    both give counts where the same operator makes it.
    """
    known = {_called(name): name for name in earlier.maker}
    found: dict[str, Counterpart] = {}
    for node in later.nodes:
        for name in node.output:
            there = known.get(_called(name), "")
            maker = earlier.nodes[earlier.maker[there]] if there else None
            given = name in later.outputs and there in earlier.outputs
            if maker and (name.startswith("/") or (maker.op_type == node.op_type and (given or _of_the_same(node, maker, later, found)))):
                found[name] = Counterpart((there, *_folded(earlier, there)), later.bytes_of(name))
    return found


def begins(later: Fed, counterparts: Mapping[str, Counterpart], before: Tell, limit: float, end: str | None = None) -> Begins | None:
    """Where the *later* graph begins to differ from what *before* tells of its counterparts.

    limit: the difference that is news. end: a tensor that is known to differ, if no other does before it.
    """
    agreed = set(later.feeds)
    for group in grouped(counterparts, lambda name: {name: counterparts[name].bytes}, AT_ONCE_BYTES):
        ours, theirs = later.tensors(group), before([counterparts[name].names[0] for name in group])
        for name in group:
            there = counterparts[name]
            news = news_in(ours[name], theirs[there.names[0]], limit)
            if news is not None and not _moved(ours[name], there, before, limit):
                return _at(later, name, there, news, agreed, before, limit)
            if comparable(ours[name], theirs[there.names[0]]):
                agreed.add(name)
    return Begins(between(later.whole, agreed, end)) if end is not None and counterparts else None


def _at(later: Fed, name: str, there: Counterpart, news: Difference, agreed: set[str], before: Tell, limit: float) -> Begins:
    """The nodes behind a tensor that differs, or behind one that its node reads, if that does already."""
    reads = {read: was for read, was in there.reads if read not in agreed}
    ours, theirs = (later.tensors([*reads]), before([*reads.values()])) if reads else ({}, {})
    for read, was in reads.items():
        earlier = news_in(ours[read], theirs[was], limit)
        if earlier is not None:
            return Begins(between(later.whole, agreed, read), earlier)
        if comparable(ours[read], theirs[was]):
            agreed.add(read)
    return Begins(between(later.whole, agreed, name), news)


def between(whole: Whole, agreed: Container[str], name: str) -> Span:
    """The nodes that make the tensor *name* of those that agree; what they make of constants alone aside."""
    fixed = _fixed(whole)
    numbers, left = set[int](), [name]
    while left:
        made = left.pop()
        number = None if made in fixed else whole.maker.get(made)
        if number is not None and number not in numbers:
            numbers.add(number)
            left += [one for one in whole.nodes[number].input if one not in agreed]
    return named(whole, min(numbers, default=0), max(numbers, default=0) + 1)


def _fixed(whole: Whole) -> set[str]:
    """The tensors that are made of constants alone."""
    fixed = {*whole.constants, ""}
    for node in whole.nodes:
        if fixed.issuperset(node.input):
            fixed.update(node.output)
    return fixed


def named(whole: Whole, start: int, stop: int) -> Span:
    """The span of nodes from number *start* up to *stop*, by the names of its ends."""
    first, last = whole.node(start), whole.node(stop - 1)
    return first if stop - start == 1 else Span(f"{first.name} to {last.name}", start, stop)


def changed_constants(earlier: Whole, later: Whole, span: Span) -> dict[str, Difference]:
    """The weights that nodes of *span* in *later* read, and that hold something else in *earlier*."""
    from onnx import numpy_helper

    found = {}
    for name in (name for node in later.nodes[span.start : span.stop] for name in node.input):
        if name in later.constants and name in earlier.constants:
            ours, theirs = (numpy_helper.to_array(graph.constants[name]) for graph in (later, earlier))
            same = ours.dtype == theirs.dtype and ours.dtype.kind == "f" and squeezed(ours) == squeezed(theirs)
            if same and ours.tobytes() != theirs.tobytes():
                found[name] = difference(ours, theirs)
    return found


def _moved(ours: NDArray[Any], there: Counterpart, before: Tell, limit: float) -> bool:
    """Whether a tensor is what the earlier graph makes of its namesake in the next nodes.

    So it is where a factor became part of a convolution's weights.
    """
    theirs = before(there.names[1:]) if there.names[1:] else {}
    return any(comparable(ours, value) and news_in(ours, value, limit) is None for value in theirs.values())


def _folded(whole: Whole, name: str) -> Iterator[str]:
    """What follows a tensor, as long as a single node reads it and nothing else but constants."""
    for _ in range(FOLDED):
        readers = [node for node in whole.nodes if name in node.input]
        if len(readers) != 1 or {*readers[0].input} - {*whole.constants, name, ""}:
            return
        name = readers[0].output[0]
        yield name


def _called(name: str) -> str:
    """A tensor's name without that of the module which only we put around a network."""
    return name.removeprefix(f"/{OWN}") if name.startswith(f"/{OWN}/") else name


def _of_the_same(one: onnx.NodeProto, other: onnx.NodeProto, whole: Whole, known: Container[str]) -> bool:
    """Whether a node of *whole* reads what another graph's does: its inputs, constants, *known* tensors."""
    same = [*map(_called, one.input)] == [*map(_called, other.input)]
    return same and all(name in known or name not in whole.maker for name in one.input)
