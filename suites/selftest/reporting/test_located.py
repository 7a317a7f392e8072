"""A case's part of the report says where it goes wrong, as far as somebody has looked, and how to look."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.locating.found_ones import PARTS, apart, found, located, network
from suites.selftest.reporting.runs import row, run_of
from suites.selftest.reporting.sample import looked_into, sample
from tools.locating import kept
from tools.locating.told import names
from tools.locating.values import Found, Seen, Span
from tools.reporting import page
from tools.reporting.facts import CaseFacts, Report
from tools.reporting.gather import gathered
from tools.reporting.located import LONGEST, MOST_LAYERS

RED = row(question="fidelity", metric="difference", verdict="FAIL", numbers=None)


def looked(run: Path, one: Found | None, *, complete: bool = True) -> Path:
    """What was found in the run, kept there."""
    return kept.keep(kept.of(located(one), names(network(), one) if one else {}, complete=complete), run)


def case_of(run: Path) -> CaseFacts:
    return gathered(run).cases[0]


def test_only_a_number_that_torch_does_not_share_asks_where(tmp_path: Path) -> None:
    """The command names the run; a number that a later try replaced asks nothing."""
    runs = {name: run_of(tmp_path / name, [one]) for name, one in (
        ("red", RED), ("good", row()), ("replaced", replace(RED, superseded=True)), ("stored", row(verdict="FAIL", numbers=None)))}
    asked = {name: case_of(run).locate for name, run in runs.items()}

    assert asked["red"].startswith(f"python -m tools.locate tiny --batch 4 --device cpu --run {runs['red']}")
    assert {"good": "", "replaced": "", "stored": ""} == {name: line for name, line in asked.items() if name != "red"}
    assert "To find where it goes wrong" in page.html(gathered(runs["red"]), "")
    assert "To find where it goes wrong" not in page.html(gathered(runs["good"]), "")


def test_what_was_found_is_shown_with_its_curves_and_its_table(tmp_path: Path) -> None:
    """The sentence first; the picture in the page itself, in the page's colours; the worst part first."""
    run = run_of(tmp_path, [RED])
    looked(run, found())
    text = page.html(gathered(run), "")
    parts = re.findall(r'<th scope="row">(\S+?)(?: <strong>\(here\)</strong>)?</th>', text.partition("All 4 parts in a table")[2])

    assert '<p class="lead">layer3.2.conv2 (Conv_2): own error 3.1e-01 where its neighbours have 4e-04; since here' in text
    assert 1 == text.count('<svg class="lc"')
    assert "color-scheme:light dark" not in text
    assert ["layer3.2", "conv1", "layer3.1", "cls_head"] == parts[:4]
    assert "--part layer3.2" in text


def test_a_part_that_was_looked_at_alone_is_named(tmp_path: Path) -> None:
    run = run_of(tmp_path, [RED])
    kept.keep(kept.of(replace(located(found()), part="layer3.2"), names(network(), found())), run)

    assert "tiny, layer3.2 alone" == case_of(run).located[0].network


@pytest.mark.parametrize(("complete", "told"), [(True, 0), (False, 1)])
def test_a_search_that_was_ended_says_so(tmp_path: Path, told: int, *, complete: bool) -> None:
    run = run_of(tmp_path, [RED])
    looked(run, None, complete=complete)

    assert told == page.html(gathered(run), "").count("The search was ended before it was done")


def test_a_damaged_file_costs_its_own_part_alone(tmp_path: Path) -> None:
    """It is named with what helps, and all else of the case is there."""
    run = run_of(tmp_path, [RED])
    path = looked(run, found())
    whole = case_of(run)
    path.write_text("{")
    report = gathered(run)
    [said] = report.missing

    assert replace(whole, located=()) == report.cases[0]
    assert said.startswith("tiny-bs4-cpu: where it begins to compute something else is not shown: what was located cannot be read")
    assert str(path) in said


def test_of_very_many_parts_the_worst_are_shown_in_their_order(tmp_path: Path) -> None:
    """With the guilty one in any case, and how many more there are; a name that is endless is cut."""
    seen = tuple(Seen(Span(f"{number}" + "x" * 500, number % 5, number % 5 + 1), apart(1e-4 * (number % 97 + 1)), apart(1e-3))
                 for number in range(150))
    run = run_of(tmp_path, [RED])
    looked(run, found(parts=(Seen(PARTS[2], apart(1e-9), apart(1e-9)), *seen)))
    [one] = case_of(run).located
    numbers = [int(layer.name.partition("x")[0]) for layer in one.layers[1:]]

    assert (MOST_LAYERS + 1, 90) == (len(one.layers), one.hidden)
    assert ("layer3.2", True) == (one.layers[0].name, one.layers[0].guilty)
    assert sorted(numbers) == numbers
    assert min(number % 97 for number in numbers) >= 40
    assert max(len(layer.name) for layer in one.layers) == LONGEST + 3


def test_a_page_that_would_be_too_large_has_fewer_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their sentences stay, and the page says how many are shown."""
    cases = tuple(replace(case, flips=(), past=None, located=(looked_into("x" * 70, 40),)) for case in sample().cases[:14])
    report: Report = replace(sample(), cases=cases)
    small, large = (len(page.html(replace(report, cases=some), "").encode()) for some in (cases[:11], cases))
    monkeypatch.setattr(page, "MOST_BYTES", (small + large) // 2)
    text = page.html(report, "")
    monkeypatch.setattr(page, "MOST_BYTES", 1)
    least = page.html(report, "")

    assert "Errors along the network are shown of 10 cases" in text
    assert 10 == text.count('<svg class="lc"')
    assert 0 == least.count('<svg class="lc"')
    assert "Errors along the network are shown of no cases" in least
    assert 14 == least.count("own error 3.1e-01 where its neighbours have")
