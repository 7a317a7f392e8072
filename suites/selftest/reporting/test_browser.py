"""Pages in a real browser: they open at once, fetch nothing, sort, filter, lead to cases, draw and print."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from suites.selftest.reporting.conftest import KINDS, Tab
from suites.selftest.reporting.sample import HOSTILE

MOST_CPU_S = 1.0  # of the tab, until a large run can be used; on a quiet machine about 0.4, and that is its time too

pytestmark = pytest.mark.xdist_group("browser")


def shown(tab: Any, selector: str) -> int:
    return int(tab.locator(selector).evaluate_all("parts => parts.filter(part => part.checkVisibility()).length"))


def drawn(tab: Any, within: str = "body") -> int:
    return int(tab.locator(f"{within} [data-state=drawn] svg").count())


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_says_nothing_wrong_and_asks_for_itself_only(kind: str, pages: Path, tab: Tab) -> None:
    """Charts included: the console stays empty, no dialog opens, and nothing but the file is asked for."""
    path = pages / f"{kind}.html"
    opened = tab.opened(path)
    for chart in opened.locator("[data-chart]:visible").all()[:6]:
        chart.scroll_into_view_if_needed()
        chart.locator("svg").wait_for()

    assert [] == tab.said
    assert {path.as_uri()} == set(tab.asked)
    assert 0 == opened.locator("script[src], main script").count()


def test_a_large_run_can_be_used_within_a_second(pages: Path, tab: Tab) -> None:
    """540 numbers, 400 nights of 77 cases: by the tab's own CPU time, so that another's load is no fault."""
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    opened = tab.opened(pages / "report.html")
    used = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    opened.locator("#filters [name=word]").select_option("FAIL")

    assert used["TaskDuration"] < MOST_CPU_S
    assert opened.locator("#shown").inner_text().startswith("2 of 540")


def test_filters_leave_what_fits_and_stay_in_the_address(pages: Path, tab: Tab) -> None:
    opened = tab.opened(pages / "report.html")
    opened.locator("#filters [name=model]").select_option("tsm")
    opened.locator("#filters [name=device]").select_option("npu1")
    assert (35, 5) == (shown(opened, "#all tbody tr"), shown(opened, "details.case"))
    opened.locator("#filters [name=text]").fill("BS16")
    assert (7, 1) == (shown(opened, "#all tbody tr"), shown(opened, "details.case"))
    address = opened.url
    again = opened.context.new_page()
    again.goto(address)

    assert (7, "tsm") == (shown(again, "#all tbody tr"), again.locator("#filters [name=model]").input_value())
    opened.get_by_role("button", name="Clear").click()
    opened.get_by_text("540 of 540 numbers").wait_for()
    opened.locator("#filters [name=text]").fill("no such thing")
    assert opened.get_by_text("No number fits").is_visible()


def test_columns_sort_both_ways_and_say_so(pages: Path, tab: Tab) -> None:
    """By number where there are numbers, and by how bad a word is."""
    opened = tab.opened(pages / "report.html")

    def column(place: int) -> list[str]:
        return list(opened.locator(f"#all tbody tr > :nth-child({place})").all_inner_texts())

    opened.get_by_role("button", name="verdict").click()
    assert ["ERROR", "FAIL", "FAIL", "NO VERDICT", "SUSPECT", "RECORDED"] == [text.strip() for text in column(6)[:6]]
    assert "ascending" == opened.locator("th[data-sort=verdict]").get_attribute("aria-sort")
    opened.get_by_role("button", name="measured").click()
    opened.get_by_role("button", name="measured").click()
    values = [float(text.split("/")[0]) for text in column(4)]
    assert values == sorted(values, reverse=True)
    assert ["descending"] == opened.locator("th[aria-sort]").evaluate_all("heads => heads.map(head => head.ariaSort)")


@pytest.mark.parametrize("name", ["tsm-bs16-cpu", HOSTILE[3]], ids=["plain", "hostile"])
def test_a_link_opens_its_case_and_puts_the_keyboard_there(name: str, pages: Path, tab: Tab) -> None:
    opened = tab.opened(pages / ("report.html" if name.startswith("tsm") else "hostile.html"), f"#case={quote(name, safe='')}")
    active = opened.evaluate("[document.activeElement.tagName, document.activeElement.parentElement.dataset.case, "
                             "document.activeElement.parentElement.open, document.activeElement.getBoundingClientRect().top]")

    assert ["SUMMARY", name, True] == active[:3]
    assert 0 <= active[3] < 900


def test_a_cell_of_the_matrix_leads_to_its_case(pages: Path, tab: Tab) -> None:
    opened = tab.opened(pages / "report.html", "#model=tsm")
    opened.get_by_role("link", name="tsm-bs4-npu0").first.click()

    assert opened.locator("details[data-case='tsm-bs4-npu0']").evaluate("part => part.open")
    assert opened.url.endswith("#model=tsm&case=tsm-bs4-npu0")


def test_charts_are_drawn_once_they_are_looked_at(pages: Path, tab: Tab) -> None:
    opened = tab.opened(pages / "report.html", "#case=tsm-bs1-npu0")
    case = "details[data-case='tsm-bs1-npu0']"
    opened.locator(f"{case} [data-chart^=history]").scroll_into_view_if_needed()
    opened.locator(f"{case} [data-chart^=history][data-state=drawn] svg").wait_for()
    points = opened.locator(f"{case} [data-chart^=history] .mark-symbol.layer_3_marks path").count()

    assert 400 == points
    assert drawn(opened) < 20


def test_printing_opens_what_matters_with_its_charts(pages: Path, tab: Tab) -> None:
    """Cases that are not good, and the charts; afterwards the page is as it was."""
    opened = tab.opened(pages / "report.html")
    before = opened.locator("details[open]").count()
    opened.locator("#throughput").scroll_into_view_if_needed()
    opened.locator("[data-state=drawn]").first.wait_for()
    opened.evaluate("addEventListener('beforeprint', () => { window.printed = document.querySelectorAll('.case[open]').length; })")
    opened.pdf(format="A4")

    assert 5 == opened.evaluate("window.printed")
    assert 5 + 5 * 2 == drawn(opened)
    assert before == opened.locator("details[open]").count()
