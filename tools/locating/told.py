"""What was found, as people read it: short names of nodes, sentences, and a table of layers; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median_low

from tools.judging.rows import align
from tools.locating.between import INPUT, around
from tools.locating.search import FACTOR
from tools.locating.values import Difference, Found, Located, Span, StageSeen
from tools.locating.whole import OWN, Whole

Names = Mapping[str, str]  # what people call a span, by the name that it has
FRAME = "backbone"  # the module that a network of mmaction2 consists of, which says nothing of where in it a node is
WRAPPED = ("conv", "net")  # how mmcv's ConvModule and TSM's shift call the convolution that they wrap
ALL_NAN = "all values are NaN in the reference itself"
MOST = 20  # parts that a table shows
COLUMNS = ("part", "own error", "largest", "cosine", "unusual", "up to here", "largest", "cosine")


@dataclass(frozen=True, slots=True)
class Layer:
    """A part of the network with both of its errors. guilty: whether the node that was found is in it."""

    name: str
    own: Difference | None
    cumulative: Difference | None
    guilty: bool = False


def names(whole: Whole, found: Found) -> dict[str, str]:
    """What people call the parts and the nodes that were looked at."""
    parts = [one.span for one in found.seen] + ([found.segment] if found.segment else [])
    nodes = [one.span for one in found.halves] + ([found.span] if found.span else [])
    return {span.name: of_module(span.name) for span in parts if not _is_of_nodes(whole, span)} | {
        span.name: _nodes(whole, span) for span in (*parts, *nodes) if _is_of_nodes(whole, span)} | _between(whole, (*parts, *nodes))


def _between(whole: Whole, spans: Iterable[Span]) -> dict[str, str]:
    """What people call the spans that are named by the tensors around them."""
    before = {whole.node(number).name: _node(whole, number) for number in range(len(whole.nodes))} | {INPUT: INPUT}
    return {span.name: around(short, _node(whole, span.stop - 1)) for span in spans if len(span) > 1
            for name, short in before.items() if span.name == around(name, whole.node(span.stop - 1).name)}


def _is_of_nodes(whole: Whole, span: Span) -> bool:
    """Whether a span has its name of its nodes, not of a module."""
    first, last = whole.node(span.start).name, whole.node(span.stop - 1).name
    return span.name == (first if len(span) == 1 else f"{first} to {last}")


def _nodes(whole: Whole, span: Span) -> str:
    first, last = _node(whole, span.start), _node(whole, span.stop - 1)
    return first if len(span) == 1 else f"{first} to {last}"


def _node(whole: Whole, number: int) -> str:
    """A node by its module, its operator and its number: `layer3.2.conv2 (Conv_71)`."""
    node = whole.nodes[number]
    return f"{_dotted(whole.modules[number]) or node.name or node.output[0]} ({node.op_type}_{number})"


def of_other(span: Span) -> str:
    """The same of a graph that is not at hand: the exporter's name of a node has all but its number."""
    if len(span) > 1:
        return span.name
    *path, operator = span.name.removeprefix(f"/{OWN}").split("/")
    module = _dotted(part for part in path if part)
    return f"{module} ({operator.partition('_')[0]}_{span.start})" if module else f"{span.name} (node {span.start})"


def _dotted(path: Iterable[str]) -> str:
    kept = list[str]()
    for part in path:
        while kept and part.startswith(f"{kept[-1]}."):  # layer3, then layer3.2
            kept.pop()
        kept.append(part)
    return of_module(".".join(kept))


def of_module(name: str) -> str:
    """A torch module's name without what all share: of backbone.layer3.2.conv2.conv it is layer3.2.conv2."""
    parts = name.split(".")
    parts = parts[1:] if len(parts) > 1 and parts[0] == FRAME else parts
    while len(parts) > 1 and parts[-1] in WRAPPED:
        parts.pop()
    return ".".join(parts)


def layers(found: Found, called: Names) -> tuple[Layer, ...]:
    """The parts in the network's order."""
    return tuple(Layer(called.get(one.span.name, one.span.name), one.own, one.cumulative, one.span == found.segment) for one in found.seen)


def named_any(located: Located) -> bool:
    """Whether anything was found to differ."""
    return any(one.differs for one in located.steps) or any(one.differs for one in located.stages) or (
        located.found is not None and located.found.kind != "nothing")


def sentences(located: Located, called: Names) -> tuple[str, ...]:
    """What was found, what comes first first: a step on the host, a stage of the graph, a node."""
    steps = [f"{one.name} of {one.clip}: {one.sentence or _apart(one.difference)}" for one in located.steps if one.differs]
    stages = [_stage(one) for one in located.stages if one.differs]
    return (*steps[:1], *stages[:1], *([result(located.found, called)] if located.found else []))


def _stage(one: StageSeen) -> str:
    first = f"; first in {of_other(one.first)}" if one.first else ""
    return f"{one.name}: the scores differ by {_weight(one)}, where {one.limit:.0e} is usual{first}{_more(one)}"


def _agrees(one: StageSeen) -> str:
    """A stage that does not differ, as far as that is known."""
    if one.difference is None:
        return f"{one.name}: {one.sentence}"
    if one.difference.unknown == 1:
        return f"{one.name}: not compared: {ALL_NAN}"
    return "; ".join([f"{one.name}: the scores agree, to {_weight(one)}", *_unknown(one.difference),
                      *([one.sentence] if one.sentence else [])])


def _weight(one: StageSeen) -> str:
    return f"{one.difference.weight:.1e}" if one.difference else "-"


def _more(one: StageSeen) -> str:
    return f"; {one.sentence}" if one.sentence else ""


def _apart(found: Difference | None) -> str:
    return f"differs by {found.relative:.1e} of the range" if found else "was not compared"


def beside(located: Located) -> tuple[str, ...]:
    """What was looked at and agrees, a line for each clip and stage, and what could not be compared."""
    agree = {clip: [one.name for one in steps if one.difference and not one.differs]
             for clip, steps in groupby(located.steps, key=lambda one: one.clip)}
    return (*(f"{clip}: {', '.join(names)}: as mmaction2 has it" for clip, names in agree.items() if names),
            *(f"{one.name}: {one.sentence}" for one in located.steps if one.difference is None),
            *(_agrees(one) for one in located.stages if not one.differs))


def _unknown(found: Difference) -> list[str]:
    """That the reference itself does not know some values."""
    return [f"of {found.unknown:.0%} of the values nothing is said, which are NaN in the reference itself"] if found.unknown else []


def result(found: Found, called: Names) -> str:
    """The line that names the node, with its own error and the causes that are known."""
    if found.span is None or found.own is None:
        return _unnamed(found, called)
    name, several = called.get(found.span.name, found.span.name), len(found.span) > 1
    usual = f"{found.usual:.0e}" if found.usual else "none"
    own = f"own error {found.own.rms:.1e} where {'their' if several else 'its'} neighbours have {usual}"
    together = [_several(found, len(found.span))] if several else []
    unusual = [f"{found.own.unusual:.0%} of its values are not finite or at the end of half precision"] if found.own.unusual else []
    causes = [one.sentence for one in found.causes]
    return f"{name}: {'; '.join([*together, own, *unusual, *_unknown(found.own), *causes, *_since(found), *_others(found, called)])}"


def _several(found: Found, nodes: int) -> str:
    """What is known of several nodes: only where each was tried, that none errs by itself."""
    if found.kind == "between":
        return f"one of these {found.among} nodes, or several: nothing was dumped between them"
    return f"{nodes} nodes err together, none by itself"


def _unnamed(found: Found, called: Names) -> str:
    """Of a search that has named no node: what is known all the same."""
    loudest = max((one for one in found.seen if one.own), key=lambda one: one.own.weight if one.own else 0.0, default=None)
    largest = (f"; the largest is {loudest.own.weight:.1e}, in {called.get(loudest.span.name, loudest.span.name)}"
               if loudest and loudest.own else "")
    scores = found.scores
    apart = f"the scores differ by {scores.weight:.1e}" if scores else "the scores were not compared"
    dark = [one for one in found.seen if any(apart and apart.unknown for apart in (one.own, one.cumulative))]
    if found.kind == "everywhere":
        return (f"half of the parts err by {found.usual:.1e} or more, which is beyond the rounding of what the device computes in; "
                f"none stands out{largest}; {apart}")
    if found.kind == "nothing" and dark:
        return (f"the reference itself holds NaN from {called.get(dark[0].span.name, dark[0].span.name)} on, of which nothing is said: "
                f"no part has an own error beyond {found.limit:.0e} in what is left{largest}")
    if found.kind == "nothing":
        so = "the device computes what its graph says: " if scores else ""
        return f"{so}no part has an own error beyond {found.limit:.0e}{largest}; {apart}"
    yet = f"; yet {apart}" if scores and scores.weight > found.limit else ""
    return (f"no part errs by itself: none has an own error beyond {found.limit:.0e}{largest}{yet}. "
            "Together they err: what is usual of each adds up, or a compiler makes something else of all of them")


def _since(found: Found) -> list[str]:
    """Whether the scores differ, and whether they do since this node."""
    scores = found.scores
    if scores is None or found.span is None:
        return []
    if scores.weight <= found.limit:
        return [f"the scores differ by no more than {scores.weight:.1e} all the same"]
    before = [one.cumulative for one in found.seen if one.span.stop <= found.span.start and one.cumulative]
    already = bool(before) and before[-1].weight > found.limit
    return ["a part of what differs in the scores is there before it"] if already else ["since here the scores differ"]


def _others(found: Found, called: Names) -> list[str]:
    """That other parts err by themselves too, by more than is usual of parts."""
    limit = max(found.limit, FACTOR * median_low([one.own.rms for one in found.seen if one.own and not one.own.unusual] or [0.0]))
    loud = [one.span for one in found.seen if one.own and one.own.weight > limit]
    others = [one for one in loud if not (found.span and one.start <= found.span.start < one.stop)]
    count = "another part is" if len(others) == 1 else f"{len(others)} other parts are"
    return [f"{count} beyond the limit too, first {called.get(others[0].name, others[0].name)}"] if others else []


def table(shown: Iterable[Layer]) -> list[str]:
    """The worst layers as aligned lines, the one with the worst own error first."""
    return align([COLUMNS, *(row(one) for one in worst_first(shown)[:MOST])])


def worst_first(shown: Iterable[Layer]) -> list[Layer]:
    return sorted(shown, key=lambda one: -one.own.weight if one.own else 1.0)


def row(layer: Layer) -> Sequence[str]:
    """A layer in words: by its own error, and by what has come together up to its end."""
    own, all_of_it = layer.own, layer.cumulative
    return f"{layer.name}{' <' if layer.guilty else ''}", *_three(own), _strange(own), *_three(all_of_it)


def _strange(own: Difference | None) -> str:
    """The share of values that are unusual, and of those of which nothing is known."""
    if own is None:
        return ""
    return ", ".join([*([f"{own.unusual:.2%}"] if own.unusual else []), *([f"{own.unknown:.2%} unknown"] if own.unknown else [])])


def _three(found: Difference | None) -> tuple[str, str, str]:
    return ("-", "-", "-") if found is None or found.unknown == 1 else (f"{found.rms:.1e}", f"{found.relative:.1e}", f"{found.cosine:.6f}")
