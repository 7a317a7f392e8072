"""The curves are a picture that stands alone: valid XML whatever the names are, all errors in its frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from suites.selftest.locating.found_ones import apart, found
from suites.selftest.reporting.sample import HOSTILE
from tools.locating import curves, told
from tools.locating.told import Layer

SVG = "{http://www.w3.org/2000/svg}"
LIMIT = 4e-3


def drawn(layers: Sequence[Layer], limit: float = LIMIT, about: str = "about it") -> ET.Element:
    return ET.fromstring(curves.svg(layers, limit, about))


def layers(own: Sequence[float], together: Sequence[float] | None = None, guilty: int = -1) -> list[Layer]:
    return [Layer(f"part{number}", apart(one), apart(all_of_it), number == guilty)
            for number, (one, all_of_it) in enumerate(zip(own, together or own, strict=True))]


def dots(picture: ET.Element, kind: str) -> list[tuple[float, float]]:
    return [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in picture.iter(f"{SVG}circle") if one.attrib["class"] == kind]


def test_both_errors_of_every_layer_are_there_and_the_guilty_one_is_marked() -> None:
    """A dot for each with its number in words, in the network's order; a ground below the guilty part."""
    picture = drawn(told.layers(found(), {}))
    titles = [one.text for one in picture.iter(f"{SVG}title")]
    [ground] = [one for one in picture.iter(f"{SVG}rect") if one.attrib.get("class") == "guilty"]

    assert [4, 4] == [len(dots(picture, kind)) for kind in ("own", "sum")]
    assert {"backbone.layer3.2: own error 3.1e-01", "backbone.layer3.2: up to here 3.0e-01", "own errors up to 4e-03 are usual here"
            } <= set(titles)
    assert float(ground.attrib["x"]) < dots(picture, "own")[2][0] < float(ground.attrib["x"]) + float(ground.attrib["width"])
    assert sorted(dots(picture, "own")) == dots(picture, "own")
    assert "about it" == picture.attrib["aria-label"]


def test_the_axis_is_logarithmic_and_larger_is_higher() -> None:
    """A factor of ten is as high everywhere; each power of ten has its line."""
    heights = [height for _, height in dots(drawn(layers([1e-6, 1e-5, 1e-4, 1e-1])), "own")]
    steps = [before - after for before, after in pairwise(heights)]

    assert steps[0] == pytest.approx(steps[1], abs=0.2)
    assert steps[2] == pytest.approx(3 * steps[0], abs=0.4)
    assert ["1e-6", "1e-5", "1e-4", "1e-3", "1e-2", "1e-1"] == [one.text for one in drawn(layers([1e-6, 1e-5, 1e-4, 1e-1])).iter(
        f"{SVG}text") if one.attrib.get("text-anchor") == "end" and "transform" not in one.attrib]


@pytest.mark.parametrize("own", [[0.0, 0.0], [math.inf, 1e-4], [1e-300, 1e300], [], [LIMIT], [5e-324, math.inf, 0.0]], ids=str)
def test_no_error_leaves_the_frame(own: list[float]) -> None:
    """None at all, one without bounds, or one too small to be drawn: each has its place at the edge."""
    picture = drawn(layers(own))
    right, bottom = curves.WIDTH - curves.RIGHT, curves.HEIGHT - curves.BOTTOM

    for kind in ("own", "sum"):
        assert len(own) == len(dots(picture, kind))
        assert all(curves.LEFT <= across <= right and curves.TOP <= up <= bottom for across, up in dots(picture, kind))


def test_what_was_not_looked_at_has_no_dot() -> None:
    one = [Layer("a", None, apart(0.1)), Layer("b", apart(0.1), None)]

    assert [1, 1] == [len(dots(drawn(one), kind)) for kind in ("own", "sum")]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_is_text_and_nothing_else(name: str) -> None:
    """Whatever it holds, there is no element and no attribute that was not drawn."""
    picture = drawn([Layer(name, apart(0.1), apart(0.1), guilty=True)], about=name)
    kinds = {one.tag.removeprefix(SVG) for one in picture.iter()}

    assert {"svg", "style", "rect", "path", "text", "polyline", "circle", "title"} == kinds
    assert not any(attribute.startswith("on") or "href" in attribute for one in picture.iter() for attribute in one.attrib)


def test_of_many_parts_some_are_named_and_the_guilty_one_is() -> None:
    """So that names do not lie over each other."""
    picture = drawn(layers([1e-4] * 100, guilty=7))
    named = [one.text for one in picture.iter(f"{SVG}text") if "transform" in one.attrib]

    assert len(named) <= curves.LABELS + 1
    assert "part7" in named


def test_a_picture_in_a_page_takes_the_pages_colours() -> None:
    """It has no ground and no scheme of its own there, and its style is for it alone."""
    inside, alone = (curves.svg(layers([0.1]), LIMIT, "x", alone=one) for one in (False, True))

    assert "color-scheme" in alone
    assert "color-scheme" not in inside
    assert all(line.startswith(".lc ") for line in curves.STYLE.strip().splitlines())
