"""Makes pictures of a page: python -m suites.selftest.reporting.screenshots PAGE OUT [--top]."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

CHROMIUM = os.environ.get("CHROME_PATH") or shutil.which("chromium") or ""
REST_MS = 1500  # until charts in view are drawn
LOOKS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "light": (1280, 1280, {"color_scheme": "light"}), "dark": (1280, 1280, {"color_scheme": "dark"}),
    "narrow": (360, 1400, {"color_scheme": "light", "device_scale_factor": 2})}


def pictures(page: Path, out: Path, *, top: bool) -> None:
    """Light, dark and narrow, whole or only the *top*, and what printing gives, each into a file of *out*."""
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for look, (width, height, options) in LOOKS.items():
            tab = browser.new_page(viewport={"width": width, "height": height}, **options)
            tab.goto(page.resolve().as_uri())
            for step in range(0, 1 if top else tab.evaluate("document.body.scrollHeight"), height // 2):
                tab.evaluate(f"scrollTo({{top: {step}, behavior: 'instant'}})")
                tab.wait_for_timeout(120)
            tab.wait_for_timeout(REST_MS)
            tab.evaluate("scrollTo({top: 0, behavior: 'instant'})")
            tab.screenshot(path=out / f"{look}.png", full_page=not top)
            _quantised(out / f"{look}.png")
            if look == "light":
                tab.pdf(path=out / "print.pdf", format="A4", print_background=True)
            tab.close()
        browser.close()


def _quantised(path: Path) -> None:
    """A picture of 256 colours, which nobody tells from the one before, and of a third of its size."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="a report.html")
    parser.add_argument("out", type=Path, help="the folder for the pictures")
    parser.add_argument("--top", action="store_true", help="only what is seen first, not the whole page")
    given = parser.parse_args()
    pictures(given.page, given.out, top=given.top)
