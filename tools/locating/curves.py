"""Both errors over the network as an SVG, of a size of its own, light or dark as the page around it; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from tools.errors import on_one_line
from tools.locating.told import Layer
from tools.locating.values import Difference

WIDTH, HEIGHT = 960, 360
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 34, 96  # of the frame, in which the curves are
LEAST, MOST = -9, 3  # powers of ten: smaller errors are drawn at the one, larger ones at the other
LABELS = 24  # parts that have their name below them; of more, every second one, or every third ...
LONGEST = 40  # letters of a name
STYLE = """
.lc text{font:12px system-ui,sans-serif;fill:var(--muted,light-dark(#525c69,#a0abb8))}
.lc .grid{stroke:var(--line,light-dark(#e2e6eb,#262d37))}
.lc .limit{stroke:var(--line-strong,light-dark(#b4bdc8,#46515f));stroke-dasharray:5 4}
.lc .guilty{fill:var(--fail-t,light-dark(#fce3e2,#451619))}
.lc polyline{fill:none;stroke-width:2}
.lc .own{stroke:var(--accent,light-dark(#2f52c9,#8fa9ff))} .lc circle.own{fill:var(--accent,light-dark(#2f52c9,#8fa9ff))}
.lc .sum{stroke:var(--warm,light-dark(#b4530a,#f0a35e));stroke-dasharray:7 3}
.lc circle.sum{fill:var(--warm,light-dark(#b4530a,#f0a35e));stroke-dasharray:none}
"""


def svg(layers: Sequence[Layer], limit: float, about: str, *, alone: bool = True) -> str:
    """The own and the cumulative error of each layer, over the network, on a logarithmic axis.

    about: what a reader who sees no picture is told. alone: as a file of its own, on a ground of its own.
    """
    errors = [one.weight for layer in layers for one in (layer.own, layer.cumulative) if one]
    powers = [math.log10(error) for error in (*errors, limit) if 0 < error < math.inf]
    low, high = max(LEAST, math.floor(min(powers, default=-7))), min(MOST, math.ceil(max(powers, default=0)))
    high = max(high, low + 1)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(layers))

    def across(number: int) -> float:
        return round(LEFT + step * (number + 0.5), 1)

    def up(error: float) -> float:
        power = high if error == math.inf else low if error <= 0 else min(max(math.log10(error), low), high)
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - power) / (high - low), 1)

    parts = [*_frame(layers, step, up, range(low, high + 1), limit),
             *_curve([one.cumulative for one in layers], layers, "sum", "up to here", across, up),
             *_curve([one.own for one in layers], layers, "own", "own error", across, up),
             *_labels(layers, across), *_key()]
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" style="fill:light-dark(#fff,#151a21)"/>' if alone else ""
    more = ' xmlns="http://www.w3.org/2000/svg" style="color-scheme:light dark"' if alone else ""
    return (f'<svg class="lc" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label={quoteattr(on_one_line(about))}{more}>'
            f"<style>{STYLE}</style>{ground}{''.join(parts)}</svg>")


def _frame(layers: Sequence[Layer], step: float, up: Callable[[float], float], powers: range, limit: float) -> Iterator[str]:
    """The guilty part's ground, a line for each power of ten, and the limit beyond which an error is news."""
    bottom = HEIGHT - BOTTOM
    for number, layer in enumerate(layers):
        if layer.guilty:
            yield f'<rect class="guilty" x="{LEFT + step * number:.1f}" y="{TOP}" width="{step:.1f}" height="{bottom - TOP}"/>'
    for power in powers:
        height = up(10.0**power)
        yield f'<path class="grid" d="M{LEFT} {height}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{height + 4}" text-anchor="end">1e{power}</text>'
    yield f'<path class="limit" d="M{LEFT} {up(limit)}H{WIDTH - RIGHT}"><title>own errors up to {limit:.0e} are usual here</title></path>'


def _curve(values: Sequence[Difference | None], layers: Sequence[Layer], kind: str, what: str, across: Callable[[int], float],
           up: Callable[[float], float]) -> Iterator[str]:
    seen = [(number, one.weight) for number, one in enumerate(values) if one]
    yield f'<polyline class="{kind}" points="{" ".join(f"{across(number)},{up(error)}" for number, error in seen)}"/>'
    for number, error in seen:
        told = f"{layers[number].name}: {what} {error:.1e}"
        yield f'<circle class="{kind}" cx="{across(number)}" cy="{up(error)}" r="3"><title>{_text(told)}</title></circle>'


def _labels(layers: Sequence[Layer], across: Callable[[int], float]) -> Iterator[str]:
    """Names below the parts, turned; the guilty one's in any case."""
    every = math.ceil(len(layers) / LABELS) or 1
    for number, layer in enumerate(layers):
        if number % every == 0 or layer.guilty:
            place = f"{across(number) + 4},{HEIGHT - BOTTOM + 14}"
            name = layer.name if len(layer.name) <= LONGEST else f"{layer.name[:LONGEST]}..."
            yield f'<text transform="translate({place}) rotate(-40)" text-anchor="end">{_text(name)}</text>'


def _key() -> Iterator[str]:
    for place, kind, words in ((LEFT, "own", "own error: fed the reference's tensors"),
                               (LEFT + 300, "sum", "up to here: fed what the device made")):
        yield f'<polyline class="{kind}" points="{place},16 {place + 26},16"/><text x="{place + 34}" y="20">{words}</text>'


def _text(text: str) -> str:
    return escape(on_one_line(text))
