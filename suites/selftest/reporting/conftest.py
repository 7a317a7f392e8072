"""A browser, and pages of a large run and of harmful names in its tabs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.reporting.sample import HOSTILE, comparison, index, sample, with_names
from tools.reporting import page
from tools.reporting.scripts import charts_script

CHROMIUM = os.environ.get("CHROME_PATH") or shutil.which("chromium")
KINDS = ("report", "small", "comparison", "index", "hostile", "hostile-comparison", "hostile-index")


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


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each kind of page, of a large run and of one whose names mean harm."""
    folder = tmp_path_factory.mktemp("pages")
    script, report = charts_script(folder / "cache"), sample()
    harmed = with_names(report)
    some = replace(report, cases=(*(case for case in report.cases if case.word in ("FAIL", "SUSPECT")), *report.cases[:1]))
    texts = (page.html(report, script), page.html(some, script), page.comparison_html(comparison(report)),
             page.index_html(index()), page.html(harmed, script), page.comparison_html(comparison(harmed)),
             page.index_html(index(HOSTILE)))
    for kind, text in zip(KINDS, texts, strict=True):
        (folder / f"{kind}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no chromium on PATH or at CHROME_PATH")
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
