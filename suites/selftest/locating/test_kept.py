"""What was located is kept as it was found and read back as that; what is damaged is one error."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from suites.selftest.locating.found_ones import TOO_LARGE, apart, found, located, network, quiet
from tools.errors import MeasureError
from tools.locating import kept, told
from tools.locating.kept import Kept
from tools.locating.values import Difference, Found, Span, StageSeen, Step

STEPS = (Step("crop", "a", apart(0.0)), Step("frames", "b", None, "mmaction2 is not installed"))
STAGES = (StageSeen("onnxsim against export", apart(1e-6), 1e-4), StageSeen("surgery against onnxsim", apart(0.1), 1e-4, Span("c", 3, 4)),
          StageSeen("export against torch", None, 1e-4, sentence="not compared: torch not installed"))


def one_of(one: Found | None, run: Path | None = None) -> Kept:
    whole = replace(located(one, run), steps=STEPS, stages=STAGES)
    return kept.of(whole, told.names(network(), one) if one else {})


@pytest.mark.parametrize("one", [found(causes=(TOO_LARGE,)), found("together"), replace(found("between"), among=2),
                                 found("inherited"), quiet(), None,
                                 found(own=Difference(math.inf, math.inf, 0.0, 1.0))],
                         ids=["node", "together", "between", "inherited", "nothing", "unlooked", "unbounded"])
def test_what_is_kept_is_read_back(tmp_path: Path, one: Found | None) -> None:
    """Every value of it, those without bounds too; the file is JSON that any program reads."""
    wanted = one_of(one, tmp_path)
    path = kept.keep(wanted, tmp_path)

    assert (wanted,) == kept.read(tmp_path / "tiny-bs4-cpu")
    assert tmp_path / "tiny-bs4-cpu" / "locate" / "tiny.json" == path
    told_ = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert (1, list(wanted.sentences)) == (told_["schema_version"], told_["sentences"])


def test_curves_lie_beside_what_was_searched(tmp_path: Path) -> None:
    """A picture for each network; where nothing was searched there is nothing to draw."""
    kept.keep(one_of(None), tmp_path)
    assert not list(tmp_path.rglob("*.svg"))
    kept.keep(one_of(found()), tmp_path)
    [picture] = tmp_path.rglob("*.svg")

    assert "tiny.svg" == picture.name
    assert "layer3.2.conv2 (Conv_2): own error" in ET.parse(picture).getroot().attrib["aria-label"]


def test_networks_are_kept_beside_each_other(tmp_path: Path) -> None:
    """And what is found later takes the place of what was found before."""
    tem, pem = (replace(one_of(quiet()), located=replace(located(quiet()), network=name)) for name in ("tem", "pem"))
    for one in (replace(tem, complete=False), pem, tem):
        kept.keep(one, tmp_path)

    assert (pem, tem) == kept.read(tmp_path / "tiny-bs4-cpu")


def test_a_part_is_kept_beside_the_whole(tmp_path: Path) -> None:
    """Whatever letters its name has, and however many."""
    whole, names = one_of(found()), ("layer3.2", "layer1 (2)", "/network/a to /network/b", "x" * 400)
    parts = [replace(whole, located=replace(whole.located, part=name)) for name in names]
    for one in (whole, *parts):
        kept.keep(one, tmp_path)

    assert {"", *names} == {one.located.part for one in kept.read(tmp_path / "tiny-bs4-cpu")}
    assert {"tiny.json", "tiny-layer3.2.json", "tiny-layer3.2.svg"} <= {path.name for path in tmp_path.rglob("*.*")}


def test_a_search_that_has_begun_leaves_what_one_has_found_before(tmp_path: Path) -> None:
    """Until it ends; what was cut off is written over."""
    before, after = one_of(found()), one_of(quiet())
    path = kept.keep(before, tmp_path)
    kept.keep(replace(after, complete=False), tmp_path)
    assert (before,) == kept.read(tmp_path / "tiny-bs4-cpu")

    kept.keep(after, tmp_path)
    assert (after,) == kept.read(tmp_path / "tiny-bs4-cpu")
    path.write_text("{")
    kept.keep(replace(before, complete=False), tmp_path)
    assert (replace(before, complete=False),) == kept.read(tmp_path / "tiny-bs4-cpu")


def test_where_nothing_is_drawn_no_picture_of_before_is_left(tmp_path: Path) -> None:
    for one in (found(), None):
        kept.keep(one_of(one), tmp_path)

    assert [] == [*tmp_path.rglob("*.svg")]


def test_where_nobody_has_looked_nothing_is_read(tmp_path: Path) -> None:
    assert () == kept.read(tmp_path / "tiny-bs4-cpu")


def damaged(told_: dict[str, Any], *keys: str | int, value: object) -> str:
    place: Any = told_
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(told_)


@pytest.mark.parametrize(("keys", "value"), [
    (("located", "case"), 3), (("located", "found", "kind"), "guess"), (("located", "found", "seen", 0, "own", "rms"), "large"),
    (("located", "found", "seen", 1, "span", "start"), None), (("located", "found", "causes"), [{"kind": "a"}]), (("sentences",), [3]),
    (("names",), {"a": 3}), (("complete",), "yes"), (("located", "steps", 0, "clip"), []), (("located", "stages", 0, "difference"), 3),
    (("located", "stages", 1, "first", "stop"), "4"), (("located", "found", "limit"), True), (("located", "chosen", "run"), 3),
    (("located",), []), (("located", "found", "halves"), 3), (("located", "found", "more"), 3),
], ids=range(16))
def test_a_file_that_says_something_else_is_one_error(tmp_path: Path, keys: tuple[str | int, ...], value: object) -> None:
    """It names the file and what to do."""
    path = kept.keep(one_of(found()), tmp_path)
    path.write_text(damaged(json.loads(path.read_text()), *keys, value=value))

    with pytest.raises(MeasureError) as caught:
        kept.read(tmp_path / "tiny-bs4-cpu")
    assert (str(path), kept.AGAIN) == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"located": null}', "\x00"], ids=range(5))
def test_a_file_that_is_cut_off_is_one_error(tmp_path: Path, text: str) -> None:
    kept.keep(one_of(found()), tmp_path).write_text(text)

    with pytest.raises(MeasureError, match="what was located cannot be read"):
        kept.read(tmp_path / "tiny-bs4-cpu")


@pytest.mark.parametrize("name", ["tiny.json", "tiny.svg"])
def test_a_folder_in_a_files_place_is_one_error(tmp_path: Path, name: str) -> None:
    """Which names it, and what to do."""
    (tmp_path / "tiny-bs4-cpu" / "locate" / name).mkdir(parents=True)
    with pytest.raises(MeasureError, match="cannot write what was located") as caught:
        kept.keep(one_of(found()), tmp_path)

    assert caught.value.where is not None
    assert name in caught.value.where
    assert caught.value.remedy == "take away what stands there, or name another run with --run DIR"
