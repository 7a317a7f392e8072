"""From a whole network to the node whose own error is not that of its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import TYPE_CHECKING

from tools.locating.cutting import cut, with_outputs
from tools.locating.difference import difference, worst
from tools.locating.values import Difference, Found, Kind, Runs, Seen, Span, Tensors
from tools.locating.whole import Whole

if TYPE_CHECKING:
    import onnx

FLOOR = {"fp32": 2e-5, "tf32": 4e-3, "fp16": 4e-3}  # own errors that a precision may have by itself
FACTOR = 8  # how many times the usual error of its neighbours an error is news from
EARLIEST = 0.05  # the share of the worst error from which an earlier part is taken for where it begins
AT_ONCE_BYTES = 2 * 2**30  # of tensors that a device gives or is fed at once
Say = Callable[[str], None]


@dataclass
class Search:
    """One search: a *whole* graph with the *feeds* of one batch, on a *device* that computes in *precision*."""

    whole: Whole
    feeds: Tensors
    reference: Runs
    device: Runs
    precision: str = "fp32"
    at_once_bytes: int = AT_ONCE_BYTES
    say: Say = lambda text: None
    compilations: int = field(default=0, init=False)

    def found(self) -> Found:
        """Where an error is that others do not inherit.

        Parts of the network first. The earliest whose own error is news is halved, until a node is left, or
        until neither half errs by itself. If no part errs, every node is looked at by itself.
        """
        parts = self.whole.segments()
        self.say(f"{len(self.whole.nodes)} nodes in {len(parts)} parts")
        seen = self._seen(parts)
        limit, usual = self.limit(seen)
        guilty = earliest(seen, limit)
        if guilty is not None:
            return self._halved(seen, guilty, limit, usual)
        if not any(news(one.cumulative, limit) for one in seen):
            return Found("nothing", None, None, None, usual, limit, tuple(seen), (), self.compilations)
        return self._node_by_node(seen, limit, usual)

    def limit(self, seen: Sequence[Seen]) -> tuple[float, float]:
        """The own error that is news, and the usual one, of which half the parts have no more."""
        own = [one.own.weight for one in seen if one.own is not None]
        usual = median_low(own) if own else 0.0
        floor = FLOOR.get(self.precision, FLOOR["fp16"])
        return max(floor, FACTOR * usual if len(own) > 2 else 0.0), usual

    def _seen(self, parts: Sequence[Span]) -> list[Seen]:
        """Both errors of every part, group by group."""
        found: list[Seen] = []
        for group in self._groups(parts):
            together = self._cumulative(group)
            found += [Seen(span, own, together[span]) for span, own in self._own(group).items()]
        return found

    def _cumulative(self, spans: Sequence[Span]) -> Mapping[Span, Difference]:
        names = [name for span in spans for name in self.whole.made(span)]
        model = with_outputs(self.whole, names)
        theirs, ours = self.reference(model, self.feeds), self._on_device(model, self.feeds)
        return {span: worst([difference(ours[name], theirs[name]) for name in self.whole.made(span)]) for span in spans}

    def _own(self, spans: Sequence[Span]) -> dict[Span, Difference]:
        """The error that each span has where it is fed the reference's tensors."""
        tensors = self.tensors([name for span in spans for name in self.whole.read(span)])
        parts = cut(self.whole, spans, tensors)
        theirs, ours = self.reference(parts.model, parts.feeds(tensors)), self._on_device(parts.model, parts.feeds(tensors))
        return {span: worst([difference(ours[name], theirs[name]) for name in self.whole.made(span)]) for span in spans}

    def tensors(self, names: Sequence[str]) -> Tensors:
        """The reference's tensors of these names, the graph's inputs among them."""
        inner = [name for name in dict.fromkeys(names) if name not in self.feeds]
        given = self.reference(with_outputs(self.whole, inner), self.feeds) if inner else {}
        return {**self.feeds, **given}

    def _on_device(self, model: onnx.ModelProto, feeds: Tensors) -> Tensors:
        self.compilations += 1
        return self.device(model, feeds)

    def _halved(self, seen: Sequence[Seen], guilty: Seen, limit: float, usual: float) -> Found:
        """The node in a part, or the fewest nodes that err together."""
        now, halves = guilty, list[Seen]()
        while len(now.span) > 1:
            middle = (now.span.start + now.span.stop) // 2
            sides = [self._range(now.span.start, middle), self._range(middle, now.span.stop)]
            self.say(f"halving {now.span.name}: {len(now.span)} nodes")
            both = [Seen(span, own) for span, own in self._own(sides).items()]
            halves += both
            worse = earliest(both, limit)
            if worse is None:
                break
            now = worse
        kind: Kind = "node" if len(now.span) == 1 else "together"
        return Found(kind, now.span, guilty.span, now.own, usual, limit, tuple(seen), tuple(halves), self.compilations)

    def _node_by_node(self, seen: Sequence[Seen], limit: float, usual: float) -> Found:
        """A node whose own error is news, where no part's was."""
        self.say("no part errs by itself: looking at every node by itself")
        nodes = [self.whole.node(number) for number in range(len(self.whole.nodes))]
        alone = [Seen(span, own) for group in self._groups(nodes) for span, own in self._own(group).items()]
        guilty = earliest(alone, self.limit(alone)[0])
        if guilty is None:
            return Found("inherited", None, None, None, usual, limit, tuple(seen), (), self.compilations)
        part = next(one.span for one in seen if one.span.start <= guilty.span.start < one.span.stop)
        return Found("node", guilty.span, part, guilty.own, *reversed(self.limit(alone)), tuple(seen), tuple(alone), self.compilations)

    def _range(self, start: int, stop: int) -> Span:
        if stop - start == 1:
            return self.whole.node(start)
        return Span(f"{self.whole.node(start).name} to {self.whole.node(stop - 1).name}", start, stop)

    def _groups(self, spans: Sequence[Span]) -> Iterator[list[Span]]:
        """Spans whose tensors may be on a device at once."""
        group, size = list[Span](), 0
        for span in spans:
            more = sum(self.whole.bytes_of(name) for name in (*self.whole.read(span), *self.whole.made(span)))
            if group and size + more > self.at_once_bytes:
                yield group
                group, size = [], 0
            group.append(span)
            size += more
        if group:
            yield group


def news(one: Difference | None, limit: float) -> bool:
    """Whether an error is beyond what is usual here."""
    return one is not None and one.weight > limit


def earliest(seen: Sequence[Seen], limit: float) -> Seen | None:
    """The first whose own error is news, small ones before a far larger one left aside."""
    loud = [one for one in seen if news(one.own, limit)]
    most = max((one.own.weight for one in loud if one.own), default=0.0)
    return next((one for one in loud if one.own and one.own.weight >= min(EARLIEST * most, most)), None)
