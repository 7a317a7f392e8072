"""Pages shut nobody out: keyboards, either theme, narrow screens, screen readers, no scripts at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from suites.selftest.reporting.conftest import KINDS, Tab

pytestmark = pytest.mark.xdist_group("browser")


def test_everything_works_by_keyboard(pages: Path, tab: Tab) -> None:
    """The content is one step away; a column sorts, a case opens, its command is copied."""
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


@pytest.mark.parametrize("kind", ["small", "comparison", "index"])
def test_axe_finds_no_violation(kind: str, pages: Path, tab: Tab) -> None:
    """All of its rules in light, and those about colours in dark, with cases open."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: ./tools/setup --tests").Axe()
    opened = tab.opened(pages / f"{kind}.html")
    opened.emulate_media(color_scheme="light")
    opened.evaluate("document.querySelectorAll('details.case').forEach((part, at) => { part.open = at < 2; if (at > 3) part.remove(); })")
    found = axe.run(opened).response["violations"]
    opened.emulate_media(color_scheme="dark")
    found += axe.run(opened, options={"runOnly": ["color-contrast"]}).response["violations"]

    assert [] == [(each["id"], node["html"][:200], node["failureSummary"]) for each in found for node in each["nodes"][:2]]


def test_without_scripts_it_is_still_a_page(pages: Path, browser: Any) -> None:
    """Numbers and cases are there, controls that would do nothing are not; charts say what they need."""
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto((pages / "report.html").as_uri())

    assert opened.get_by_role("heading", name="FAIL: 4 of 77 cells").is_visible()
    assert 540 == opened.locator("#all tbody tr").count()
    assert not opened.locator("#filters").is_visible()
    assert opened.locator("#throughput .undrawn").first.is_visible()
    context.close()
