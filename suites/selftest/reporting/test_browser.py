"""Pages in a real browser: they open at once, fetch nothing, sort, filter, print, and shut nobody out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from suites.selftest.reporting.sample import HOSTILE, comparison, index, sample, with_names
from tools.reporting import page
from tools.reporting.scripts import charts_script

CHROMIUM = os.environ.get("CHROME_PATH") or shutil.which("chromium")
MOST_CPU_S = 1.0  # of the tab, until a run of 540 numbers can be used; on a quiet machine that is its time too
KINDS = ("report", "small", "comparison", "index", "hostile", "hostile-comparison", "hostile-index")

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.skipif(not CHROMIUM, reason="no chromium on PATH or at CHROME_PATH")]


@dataclass
class Tab:
    """A page in a tab, and whatever it said or asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def opened(self, path: Path, fragment: str = "") -> Any:
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url.partition("#")[0]))
        self.page.goto(path.as_uri() + fragment)
        return self.page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each kind of page, of a large run and of one whose names mean harm."""
    folder = tmp_path_factory.mktemp("pages")
    script, report = charts_script(folder / "cache"), sample()
    harmed = with_names(report)
    some = replace(report, cases=(*(case for case in report.cases if case.word in ("FAIL", "SUSPECT")), *report.cases[:5]))
    texts = (page.html(report, script), page.html(some, script), page.comparison_html(comparison(report), script), page.index_html(index(), script),
             page.html(harmed, script), page.comparison_html(comparison(harmed), script), page.index_html(index(HOSTILE), script))
    for kind, text in zip(KINDS, texts, strict=True):
        (folder / f"{kind}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: ./tools/setup --tests")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield Tab(context.new_page())
    context.close()


def shown(tab: Any, selector: str) -> int:
    return int(tab.locator(selector).evaluate_all("parts => parts.filter(part => part.checkVisibility()).length"))


def drawn(tab: Any, within: str = "body") -> int:
    return int(tab.locator(f"{within} [data-state=drawn] svg").count())


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_says_nothing_wrong_and_asks_for_itself_only(kind: str, pages: Path, tab: Tab) -> None:
    """Charts included: nothing lands in the console, no dialog opens, and no request is made but for the file."""
    path = pages / f"{kind}.html"
    opened = tab.opened(path)
    for chart in opened.locator("[data-chart]:visible").all()[:6]:
        chart.scroll_into_view_if_needed()
        chart.locator("svg").wait_for()

    assert [] == tab.said
    assert {path.as_uri()} == set(tab.asked)
    assert [] == opened.evaluate("[...document.querySelectorAll('script')].filter(each => each.src || /alert/.test(each.text)).map(each => each.text)")


def test_a_large_run_can_be_used_within_a_second(pages: Path, tab: Tab) -> None:
    """Until its filters answer, with 540 numbers and 400 nights of 77 cases: by the tab's own CPU time, so that load is no fault."""
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    opened = tab.opened(pages / "report.html")
    used = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    opened.locator("#filters [name=word]").select_option("FAIL")

    assert used["TaskDuration"] < MOST_CPU_S
    assert opened.locator("#shown").input_value().startswith("2 of 540")


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


@pytest.mark.parametrize("name", ["tsm-bs16-cpu", HOSTILE[3]])
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


def test_everything_works_by_keyboard(pages: Path, tab: Tab) -> None:
    """The first step leads to the content; a column sorts, a case opens and its command is copied without a mouse."""
    opened = tab.opened(pages / "report.html")
    opened.keyboard.press("Tab")
    assert "Skip to the content" == opened.evaluate("document.activeElement.textContent")
    opened.locator("th[data-sort=measured] button").focus()
    opened.keyboard.press("Enter")
    assert "ascending" == opened.locator("th[data-sort=measured]").get_attribute("aria-sort")
    case = opened.locator("details[data-case='tsm-bs1-cpu']")
    case.locator("> summary").focus()
    opened.keyboard.press("Enter")
    opened.keyboard.press("Tab")
    assert "Copy the command that repeats tsm-bs1-cpu" == opened.evaluate("document.activeElement.ariaLabel")
    opened.keyboard.press("Enter")
    opened.locator("#said").get_by_text("Copied").wait_for(state="attached")
    assert 0 == opened.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count()


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


def test_a_theme_is_chosen_and_kept(pages: Path, tab: Tab) -> None:
    opened = tab.opened(pages / "index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    opened.emulate_media(color_scheme="dark")
    dark = opened.evaluate(ground)
    opened.get_by_role("button", name="Theme").click()
    light = opened.evaluate(ground)
    opened.reload()

    assert dark != light == opened.evaluate(ground)
    opened.get_by_role("button", name="Theme").click()
    assert dark == opened.evaluate(ground)


@pytest.mark.parametrize("kind", KINDS)
def test_a_narrow_screen_needs_no_sideways_step(kind: str, pages: Path, tab: Tab) -> None:
    """At 360 px; wide tables scroll in themselves."""
    opened = tab.opened(pages / f"{kind}.html")
    opened.set_viewport_size({"width": 360, "height": 800})
    opened.evaluate("document.querySelectorAll('details').forEach((part, at) => { part.open = at < 12; })")

    assert opened.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["small", "comparison", "index"])
def test_axe_finds_no_violation(kind: str, scheme: str, pages: Path, tab: Tab) -> None:
    """WCAG A and AA and good practice, cases open and charts drawn."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: ./tools/setup --tests")
    opened = tab.opened(pages / f"{kind}.html")
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate("document.querySelectorAll('details.case').forEach((part, at) => { part.open = at < 3; if (at > 5) part.remove(); })")
    found = axe.Axe().run(opened).response["violations"]

    assert [] == [(each["id"], node["html"][:200], node["failureSummary"]) for each in found for node in each["nodes"][:2]]


def test_without_scripts_it_is_still_a_page(pages: Path, browser: Any) -> None:
    """Numbers and cases are there, controls that would do nothing are not, and each chart says what it needs."""
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto((pages / "report.html").as_uri())

    assert opened.get_by_role("heading", name="FAIL: 4 of 77 cells").is_visible()
    assert 540 == opened.locator("#all tbody tr").count()
    assert not opened.locator("#filters").is_visible()
    assert opened.locator("#throughput .undrawn").first.is_visible()
    context.close()
