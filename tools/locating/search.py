"""From a whole network to the node whose own error is not that of its neighbours."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import gcd, inf, log2, sqrt
from statistics import median_low
from typing import TYPE_CHECKING, Any

from tools.locating import grouping
from tools.locating.cutting import cut, with_outputs
from tools.locating.difference import beside, rows_of, worst
from tools.locating.grouping import grouped
from tools.locating.values import Difference, Found, Kind, Runs, Seen, Span, Tensors
from tools.locating.whole import Whole

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

FLOOR = {"fp32": 2e-5, "tf32": 4e-3, "fp16": 4e-3}  # own errors that a precision may have by itself
USUAL = {"fp32": 1e-4, "tf32": 8e-3, "fp16": 8e-3}  # beyond which half of the parts err by more than rounding
FACTOR = 8  # how many times the usual error of its neighbours an error is news from
FEW = 2  # errors, of which nobody knows which is usual
BOTH = 2  # errors of each part, each by a graph of its own
ALIKE = 0.5  # the share of the worst error from which an earlier part is taken for where it begins
Say = Callable[[str], None]


@dataclass
class Search:
    """One search: a *whole* graph with the *feeds* of a batch, on a *device* that computes in *precision*."""

    whole: Whole
    feeds: Tensors
    reference: Runs
    device: Runs
    precision: str = "fp32"
    at_once_bytes: int = field(default_factory=grouping.at_once_bytes)
    say: Say = lambda text: None
    compilations: int = field(default=0, init=False)

    def found(self) -> Found:
        """Where an error is that others do not inherit.

        Parts of the network first, then every node of the part that errs by itself. If none of them does,
        what errs is the fewest nodes that do so together. If no part errs, every node is looked at by itself.
        """
        parts = self.whole.segments()
        self.say(f"{_counted(len(self.whole.nodes), 'node')} in {_counted(len(parts), 'part')}: at most {self.most} graphs for the device")
        seen = self._parts(parts)
        limit, usual = limit_of(seen, self.precision)
        guilty = loudest(seen, limit)
        if guilty is not None:
            return self._inside(seen, guilty, limit, usual)
        return self._everywhere(seen, limit, usual)

    @cached_property
    def most(self) -> int:
        """How many graphs the device is given at most: a bisection's, or what groups of tensors need."""
        nodes = [self.whole.node(number) for number in range(len(self.whole.nodes))]
        parts, alone = (len(list(self._groups(spans))) for spans in (self.whole.segments(), nodes))
        return BOTH * parts + max(alone, bisection(len(nodes)) - BOTH)

    def _parts(self, parts: Sequence[Span]) -> list[Seen]:
        """Both errors of every part."""
        found: list[Seen] = []
        for group, tensors in self._walk(parts, self.feeds):
            together = self._cumulative(group, tensors)
            found += [Seen(span, own, together[span]) for span, own in self._own(group, tensors).items()]
        unknown = [one.span.name for one in found if one.cumulative and one.cumulative.unknown]
        if unknown:
            self.say(f"the reference itself holds NaN from {unknown[0]} on: of these values nothing is said")
        return found

    def _inside(self, seen: Sequence[Seen], guilty: Seen, limit: float, usual: float) -> Found:
        """The node in a part, or the fewest nodes that err together."""
        if len(guilty.span) == 1:
            return self._as_found("node", Seen(self.whole.node(guilty.span.start), guilty.own), guilty.span, limit, usual, seen, ())
        self.say(f"{guilty.span.name} errs by itself: looking at each of its {len(guilty.span)} nodes")
        fed = self.tensors(self.whole.read(guilty.span))
        alone = self._alone(range(guilty.span.start, guilty.span.stop), fed)
        within, neighbours = limit_of(alone, self.precision)
        within = min(within, limit)  # of nodes that all err none is usual
        node = loudest(alone, within)
        if node is not None:
            return self._as_found("node", node, guilty.span, within, neighbours, seen, alone)
        together = self._together(guilty, limit, fed)
        return self._as_found("together", together, guilty.span, limit, usual, seen, alone)

    def _everywhere(self, seen: Sequence[Seen], limit: float, usual: float) -> Found:
        """A node whose own error is news, where no part's was."""
        kind = without_node(seen, self.precision)
        if kind == "everywhere":  # a node would say no more than the part that it is in
            return self._as_found(kind, None, None, limit, usual, seen, ())
        self.say("no part errs by itself: looking at every node by itself")
        alone = self._alone(range(len(self.whole.nodes)), self.feeds)
        within, neighbours = limit_of(alone, self.precision)
        node = loudest(alone, within)
        if node is not None:
            part = next(one.span for one in seen if one.span.start <= node.span.start < one.span.stop)
            return self._as_found("node", node, part, within, neighbours, seen, alone)
        return self._as_found(kind, None, None, limit, usual, seen, alone)

    def _together(self, guilty: Seen, limit: float, fed: Tensors) -> Seen:
        """The fewest nodes of a part that err together, where none errs by itself.

        First the part's end is moved to the front as long as what is left errs, then its beginning back. Once
        the device has been given as many graphs as it may, it is what erred last.
        """
        tried = {(guilty.span.start, guilty.span.stop): guilty}

        def right(start: int, stop: int) -> int:
            if (start, stop) not in tried and self.compilations >= self.most:
                return 1
            if (start, stop) not in tried:
                self.say(f"{guilty.span.name}: {stop - start} of its nodes together")
                tried[start, stop] = self._of(self.whole.range(start, stop), guilty.span, fed)
            return int(not news(tried[start, stop].own, limit))

        start, last = guilty.span.start, guilty.span.stop
        stop = start + 2 + bisect_left(range(start + 2, last), 0, key=lambda stop: -right(start, stop))
        first = start + bisect_left(range(start + 1, stop - 1), 1, key=lambda more: right(more, stop))
        return tried[first, stop]

    def _of(self, span: Span, part: Span, fed: Tensors) -> Seen:
        """The own error of a *span* inside a *part* that is *fed* the reference's tensors."""
        inner = [name for name in (*self.whole.read(span), *self.whole.made(span)) if name not in fed]
        parts = cut(self.whole, [part], fed, inner)
        tensors = {**fed, **self.reference(parts.model, parts.feeds(fed))}
        return Seen(span, self._own([span], tensors)[span])

    def _alone(self, numbers: range, fed: Tensors) -> list[Seen]:
        """The own errors of nodes that follow each other."""
        nodes = [self.whole.node(number) for number in numbers]
        return [Seen(span, own) for group, tensors in self._walk(nodes, fed) for span, own in self._own(group, tensors).items()]

    def _walk(self, spans: Sequence[Span], fed: Tensors) -> Iterator[tuple[list[Span], Tensors]]:
        """Groups of spans that follow each other, with all that the reference feeds them and makes of it.

        The reference runs each node once, and keeps only what is still read. fed: what all the spans read.
        """
        kept = dict(fed)
        for group in self._groups(spans):
            reach = Span(group[0].name, group[0].start, group[-1].stop)
            parts = cut(self.whole, [reach], kept, (name for span in group for name in self.whole.made(span)))
            kept |= self.reference(parts.model, parts.feeds(kept))
            yield group, kept
            kept = {name: tensor for name, tensor in kept.items() if self.whole.last_reader.get(name, -1) >= reach.stop}

    def _cumulative(self, spans: Sequence[Span], theirs: Tensors) -> Mapping[Span, Difference]:
        """The error of what each span makes in the whole graph on the device."""
        ours = self._on_device(with_outputs(self.whole, [name for span in spans for name in self.whole.made(span)]), self.feeds)
        return self._differences(spans, ours, theirs)

    def _own(self, spans: Sequence[Span], theirs: Tensors) -> Mapping[Span, Difference]:
        """The error that each span has where it is fed the reference's tensors."""
        parts = cut(self.whole, spans, theirs)
        return self._differences(spans, self._on_device(parts.model, parts.feeds(theirs)), theirs)

    def _differences(self, spans: Sequence[Span], ours: Tensors, theirs: Tensors) -> Mapping[Span, Difference]:
        return {span: worst([self._difference(span, name, ours[name], theirs) for name in self.whole.made(span)]) for span in spans}

    def _difference(self, span: Span, name: str, ours: NDArray[Any], theirs: Tensors) -> Difference:
        rows = rows_of(theirs[name], batch_of(self.feeds))
        return beside(ours, theirs[name], [theirs[one] for one in self.whole.read(span)], rows)

    def tensors(self, names: Sequence[str]) -> Tensors:
        """The reference's tensors of these names, the graph's inputs among them."""
        inner = [name for name in names if name not in self.feeds]
        given = self.reference(with_outputs(self.whole, inner), self.feeds) if inner else {}
        return {name: self.feeds[name] if name in self.feeds else given[name] for name in names}

    def _on_device(self, model: onnx.ModelProto, feeds: Tensors) -> Tensors:
        self.compilations += 1
        return self.device(model, feeds)

    def _as_found(self, kind: Kind, one: Seen | None, part: Span | None, limit: float, usual: float, seen: Sequence[Seen],
                  closer: Sequence[Seen]) -> Found:
        span, own = (one.span, one.own) if one is not None else (None, None)
        return Found(kind, span, part, own, usual, limit, tuple(seen), tuple(closer), self.compilations)

    def _groups(self, spans: Sequence[Span]) -> Iterator[list[Span]]:
        """Spans whose tensors may be on a device at once: what they are fed, and what they give."""
        def sizes(span: Span) -> Mapping[tuple[str, str], int]:
            fed, given = ({(side, name): self.whole.bytes_of(name) for name in names}
                          for side, names in (("fed", self.whole.read(span)), ("given", self.whole.made(span))))
            return fed | given

        return grouped(spans, sizes, self.at_once_bytes)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def bisection(nodes: int) -> int:
    """How many graphs a search among *nodes* needs at most, where all tensors may be there at once."""
    return max(BOTH + 1, int(BOTH * log2(max(nodes, 1))))


def batch_of(feeds: Tensors) -> int:
    """The items of a batch, as far as the first axis of all that is fed tells."""
    return gcd(*(tensor.shape[0] for tensor in feeds.values() if tensor.ndim))


def news(one: Difference | None, limit: float) -> bool:
    """Whether an error is beyond what is usual here."""
    return one is not None and one.weight > limit


def limit_of(seen: Sequence[Seen], precision: str) -> tuple[float, float]:
    """The own error that is news, and the usual one: half of the finite ones have no more."""
    own = [one.own.rms for one in seen if one.own is not None and not one.own.unusual]
    usual = median_low(own) if own else 0.0
    floor = FLOOR.get(precision, FLOOR["fp16"])
    return max(floor, FACTOR * usual if len(own) > FEW else 0.0), usual


def without_node(seen: Sequence[Seen], precision: str) -> Kind:
    """What is wrong where no part stands out: all of them, more than they add up to, or nothing."""
    limit, usual = limit_of(seen, precision)
    if len(seen) > FEW and usual > USUAL.get(precision, inf):
        return "everywhere"
    added = FACTOR * sqrt(sum(one.own.weight ** 2 for one in seen if one.own))
    return "inherited" if any(news(one.cumulative, max(limit, added)) for one in seen) else "nothing"


def loudest(seen: Sequence[Seen], limit: float) -> Seen | None:
    """The one whose own error is news and largest; of those about as large, the first."""
    loud = [(one, one.own.weight) for one in seen if one.own is not None and news(one.own, limit)]
    most = max((weight for _, weight in loud), default=0.0)
    return next((one for one, weight in loud if weight >= ALIKE * most), None)
