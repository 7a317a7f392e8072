"""A part of a network as a graph of its own, and what is found in it as of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from tools.errors import OptionError
from tools.locating import told
from tools.locating.cutting import cut
from tools.locating.rewritten import Fed
from tools.locating.values import Found, Seen, Span
from tools.locating.whole import Whole


def part_of(whole: Whole, name: str) -> Span:
    """The part of the network that people call *name*.

    Raises:
        OptionError: none is called so.
    """
    parts = {told.of_module(one.name): one for one in whole.segments()}
    if name not in parts:
        near = get_close_matches(name, parts, cutoff=0.4) or list(parts)
        raise OptionError(f"the network has no part {name!r}", where="--part", remedy=f"choose {', '.join(near)}")
    return parts[name]


def alone(fed: Fed, part: Span) -> Fed:
    """A part as a graph of its own, in which tensors keep their names, and what the reference feeds it."""
    inner = [name for name in fed.whole.read(part) if name not in fed.feeds]
    tensors = {**fed.feeds, **(fed.tensors(inner) if inner else {})}
    own = cut(fed.whole, [part], tensors)
    called = dict(own.fed)
    for one in own.model.graph.input:
        one.name = called[one.name]
    for node in own.model.graph.node:
        node.input[:] = [called.get(name, name) for name in node.input]
    return Fed(Whole(own.model), {name: tensors[name] for name in called.values()}, fed.runs)


def shifted(found: Found, by: int) -> Found:
    """What was found in a part, numbered as in the whole graph; what comes together there is no score."""
    def moved(span: Span) -> Span:
        return Span(span.name, span.start + by, span.stop + by)

    def all_moved(seen: Sequence[Seen]) -> tuple[Seen, ...]:
        return tuple(replace(one, span=moved(one.span), cumulative=None) for one in seen)

    return replace(found, span=moved(found.span) if found.span else None, segment=moved(found.segment) if found.segment else None,
                   seen=all_moved(found.seen), halves=all_moved(found.halves))
