"""Charts as Vega-Lite describes them; their colours are names that templates/page.css gives in each theme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tools.errors import visible
from tools.reporting.facts import Speeds

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Spec = dict[str, Json]

WIDE = 25  # times from the slowest to the fastest rate: over it a linear axis would press the slow ones onto the ground
IN_A_ROW = 40  # letters of all names of a legend
WORDS = ("PASS", "RECORDED", "SUSPECT", "NO VERDICT", "FAIL", "ERROR", "SKIPPED", "XFAIL")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke", "stroke")
LINES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")


def speed_chart(lines: Sequence[Speeds]) -> Spec:
    """Throughput against batch size, one line for each of *lines*; what was measured with its spread."""
    names = [line_name(line) for line in lines]
    y: Spec = {"field": "rate", "type": "quantitative", "title": "clips/s", "scale": {"zero": True}}
    rates = [point.clips_per_s for line in lines for point in line.points if point.clips_per_s > 0]
    if rates and max(rates) > WIDE * min(rates):
        decades: list[Json] = [10.0**power for power in range(math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates))) + 1)]
        y |= {"title": "clips/s (logarithmic)", "scale": {"type": "log", "nice": True}, "axis": {"values": decades}}
    of: Spec = {"field": "of", "type": "nominal", "title": None, "sort": names, "legend": _legend(names)}
    colour = of | {"scale": {"domain": names, "range": [_line_colour(index, lines) for index in range(len(lines))]}}
    shape = of | {"scale": {"domain": names, "range": [LINES[index % len(LINES)] for index in range(len(lines))]}}
    x: Spec = {"field": "batch", "type": "ordinal", "title": "batch size", "axis": {"labelAngle": 0}}
    return {"width": "container", "height": 240, "encoding": {"x": x, "color": colour}, "layer": _speed_layers(lines, y, shape)}


def _speed_layers(lines: Sequence[Speeds], y: Spec, shape: Spec) -> list[Json]:
    """The marks of a chart of speeds; without those that would have no data, since each would only warn."""
    points: list[Json] = [{"of": line_name(line), "measured": line.measured, "batch": point.batch, "rate": _short(point.clips_per_s),
                           "low": _short(point.low), "high": _short(point.high)} for line in lines for point in line.points]
    spread: list[Json] = [{"of": line_name(line), "batch": point.batch, "low": _short(point.low), "high": _short(point.high)}
                          for line in lines if line.measured for point in line.points if point.low is not None and point.high is not None]
    low_to_high: Spec = {"y": y | {"field": "low"}, "y2": {"field": "high"}}
    tooltip: list[Json] = [{"field": "of", "title": "of"}, {"field": "batch"}, {"field": "rate", "title": "clips/s"},
                           {"field": "low", "title": "5th percentile"}, {"field": "high", "title": "95th percentile"}]
    layers: list[Json] = []
    if spread:
        layers += [{"data": {"values": spread}, "mark": {"type": "area", "opacity": 0.13}, "encoding": low_to_high},
                   {"data": {"values": spread}, "mark": {"type": "rule", "strokeWidth": 6, "opacity": 0.25, "strokeCap": "round"},
                    "encoding": low_to_high}]
    looks: tuple[tuple[bool, Spec], ...] = ((False, {"type": "line", "strokeWidth": 1.5, "strokeDash": [4, 3]}),
                                            (True, {"type": "line", "strokeWidth": 2.5}))
    for measured, mark in looks:
        if any(line.measured is measured and line.points for line in lines):
            layers.append({"data": {"values": points}, "transform": [{"filter": {"field": "measured", "equal": measured}}], "mark": mark,
                           "encoding": {"y": y}})
    return [*layers, {"data": {"values": points}, "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                      "encoding": {"y": y, "shape": shape, "tooltip": tooltip}}]


def latency_chart() -> Spec:
    """A histogram of a network's times; the page gives its data: bars, their median, and warm-up calls."""
    x: Spec = {"field": "from", "type": "quantitative", "title": "ms a batch", "scale": {"zero": False, "nice": False}}
    return {"width": "container", "height": 150, "layer": [
        {"data": {"name": "bars"}, "mark": {"type": "bar", "color": "var(--accent)", "binSpacing": 1}, "encoding": {
            "x": x | {"bin": "binned"}, "x2": {"field": "to"},
            "y": {"field": "count", "type": "quantitative", "title": "iterations", "axis": {"tickMinStep": 1}},
            "tooltip": [{"field": "range", "title": "ms"}, {"field": "count", "title": "iterations"}]}},
        {"data": {"name": "median"}, "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.5, "strokeDash": [5, 3]},
         "encoding": {"x": x}},
        {"data": {"name": "warm"}, "mark": {"type": "point", "shape": "triangle-down", "filled": True, "size": 60, "opacity": 1,
         "color": "var(--warm)", "y": 6}, "encoding": {"x": x, "tooltip": [{"field": "from", "title": "warm-up, ms"}]}}]}


def history_chart() -> Spec:
    """The nights of a case in their order; the page gives its data: nights, the level, and steps."""
    x: Spec = {"field": "began", "type": "temporal", "title": None,
               "axis": {"format": "%d %b %y", "labelOverlap": "greedy", "labelSeparation": 12}}
    y: Spec = {"field": "rate", "type": "quantitative", "title": "clips/s", "scale": {"zero": False}}
    word: Spec = {"field": "word", "type": "nominal", "title": None}
    tooltip: list[Json] = [{"field": "night"}, {"field": "date"}, {"field": "rate", "title": "clips/s"}, {"field": "word"},
                           {"field": "setup"}, {"field": "run"}]
    colours: list[Json] = [f"var(--{slug(each)})" for each in WORDS]
    return {"width": "container", "height": 190, "data": {"name": "nights"}, "layer": [
        {"data": {"name": "centre"}, "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [2, 3]}, "encoding": {"y": y}},
        {"mark": {"type": "line", "color": "var(--line-strong)", "strokeWidth": 1},
         "encoding": {"x": x, "y": y, "detail": {"field": "setup"}}},
        {"data": {"name": "steps"}, "mark": {"type": "rule", "color": "var(--accent)", "strokeWidth": 1.5, "strokeDash": [6, 3]},
         "encoding": {"x": x, "tooltip": [{"field": "night"}, {"field": "mark"}, {"field": "sentence", "title": "what changed"}]}},
        {"mark": {"type": "point", "filled": True, "opacity": 0.9, "size": 34}, "encoding": {"x": x, "y": y, "tooltip": tooltip,
            "color": word | {"legend": _legend(), "scale": {"domain": list(WORDS), "range": colours}},
            "shape": word | {"legend": _legend(), "scale": {"domain": list(WORDS), "range": list(SHAPES)}}}},
        {"data": {"name": "now"}, "mark": {"type": "point", "size": 190, "filled": False, "strokeWidth": 2,
         "color": "var(--ink)", "shape": "circle"}, "encoding": {"x": x, "y": y, "tooltip": tooltip}}]}


def line_name(line: Speeds) -> str:
    """What a line is called: of what it is, and of how much where that is not a card."""
    return visible(line.of if line.per == "card" else f"{line.of} (one chip)")


def slug(word: str) -> str:
    """A word as the style sheet calls it."""
    return word.lower().replace(" ", "-")


def _legend(names: Sequence[str] = ()) -> Spec:
    """A legend above a chart, in two columns where the names would not fit into a row."""
    return {"orient": "top", "direction": "horizontal", "symbolSize": 70, "symbolOpacity": 1, "labelLimit": 220, "columnPadding": 14,
            "offset": 6, **({"columns": 2} if sum(map(len, names)) > IN_A_ROW else {})}


def _line_colour(index: int, lines: Sequence[Speeds]) -> str:
    """Measured lines in the accent's family, stored ones in quiet tones, each kind in its order."""
    kind = "measured" if lines[index].measured else "stored"
    before = sum(line.measured == lines[index].measured for line in lines[:index])
    return f"var(--{kind}-{before % 4 + 1})"


def _short(number: float | None) -> float | None:
    """Four significant digits: what a chart of some hundred pixels can show."""
    return None if number is None else float(f"{number:.4g}")
