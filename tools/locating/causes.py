"""Why a node errs, where it can be known: a cause explains what the device gives, or is a fact of values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

import numpy as np

from tools.locating import interpretations, moved, ranges, roundings, weights
from tools.locating.between import up_to
from tools.locating.cutting import cut
from tools.locating.difference import difference
from tools.locating.evidence import Evidence, Explained, size_of, thinned
from tools.locating.values import Cause, Found, Runs, Tensors
from tools.locating.whole import Whole

MOST = 3  # causes that are told
AS_GOOD = 4  # times what the best explanation leaves, others may leave to be told beside it
NOTHING = 1e-9  # what an exact explanation leaves


def causes(whole: Whole, found: Found, feeds: Tensors, reference: Runs, device: Runs, precision: str) -> tuple[Cause, ...]:
    """What is known of why the nodes of *found* err, the most specific first; nothing is guessed.

    The device runs the nodes once more, fed the reference's tensors.
    """
    if found.span is None:
        return ()
    tensors = up_to(whole, whole.read(found.span), feeds, reference)
    part = cut(whole, [found.span], tensors)
    expected, given = (dict(runs(part.model, part.feeds(tensors))) for runs in (reference, device))
    inputs = {name: tensors[name] for name in whole.read(found.span)}
    nodes = range(found.span.start, found.span.stop)
    return known(seen(whole, nodes, inputs, expected, given, reference, precision, found.limit))


def seen(whole: Whole, nodes: Sequence[int], inputs: Tensors, expected: Tensors, given: Tensors, reference: Runs, precision: str,
         limit: float) -> Evidence:
    """The evidence about nodes, by their numbers, which read *inputs*, of the output that differs most."""
    apart = {name: difference(given[name], value) for name, value in expected.items()}
    output = max(apart, key=lambda name: apart[name].weight)
    return Evidence(whole, tuple(whole.nodes[number] for number in nodes), inputs, output, expected[output], np.asarray(given[output]),
                    apart[output], size_of(expected[output]), reference, precision, limit)


def known(evidence: Evidence) -> tuple[Cause, ...]:
    """The causes, from the evidence alone."""
    if evidence.found.shape != evidence.expected.shape:
        return (Cause("shape", f"its output is {list(evidence.found.shape)} where the graph's is {list(evidence.expected.shape)}"),)
    evidence = thinned(evidence)
    beyond = [one] if (one := ranges.beyond_half(evidence)) else []
    explained = _explained(evidence)
    best = min((one.rms for one in explained), default=0.0)
    told = [one.cause for one in explained if one.rms <= max(AS_GOOD * best, NOTHING)]
    if not told:
        told = [one for one in (roundings.cancelling(evidence), ranges.saturated(evidence)) if one]
    return tuple(dict.fromkeys((*beyond, *told)))[:MOST]


def _explained(evidence: Evidence) -> list[Explained]:
    """All explanations of the most specific sort that has one; later sorts fit what is not theirs as well."""
    sorts = (chain(weights.single(evidence), interpretations.readings(evidence)), moved.elsewhere(evidence),
             islice(weights.scaled(evidence), 1), islice(roundings.coarser(evidence), 1))
    return next((found for sort in sorts if (found := list(sort))), [])
