"""A run, two runs side by side, or all runs of a folder, each as one page that needs nothing beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import visible
from tools.locating import curves
from tools.locating.told import worst_first
from tools.reporting import layout, verdict
from tools.reporting.along import LocatedFacts
from tools.reporting.charts import line_name, slug
from tools.reporting.compare import Comparison
from tools.reporting.facts import CaseFacts, Report
from tools.reporting.index import RunLine
from tools.reporting.packed import charts_data, packed, shown_nights, speed_groups

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
MOST_BYTES = 2_000_000  # of a page: what a mail or a CI's artifact view still takes
NIGHTS: tuple[int | None, ...] = (None, 200, 100, 50)  # of a case, step by step until the page is small enough
CLIPS = (6, 2, 0)  # of a case, with thumbnails, where fewer nights have not been enough
LOCATED = (10, 0)  # cases with curves, the worst, where no thumbnails have not been enough
NO_CHARTS = "Charts are missing: the package that draws them is not installed. Run ./tools/setup, then build this page again."


def html(report: Report, scripts: str) -> str:
    """The page of a run. scripts: what `charts_script` gives; without it the page says that it has no charts.

    A page that would be larger than MOST_BYTES shows fewer nights, then fewer thumbnails, then fewer curves,
    and says so.
    """
    told = report if scripts else replace(report, missing=(*report.missing, NO_CHARTS))
    page = _run_page(told, scripts, None)
    for most in NIGHTS[1:]:
        if len(page.encode()) > MOST_BYTES:
            page = _run_page(_with_fewer_nights(told, most), scripts, most)
    for clips in CLIPS:
        if len(page.encode()) > MOST_BYTES:
            page = _run_page(_with_fewer_clips(_with_fewer_nights(told, NIGHTS[-1]), clips), scripts, NIGHTS[-1])
    for cases in LOCATED:
        if len(page.encode()) > MOST_BYTES:
            few = _with_fewer_clips(_with_fewer_nights(told, NIGHTS[-1]), CLIPS[-1])
            page = _run_page(_with_fewer_curves(few, cases), scripts, NIGHTS[-1])
    return page


def comparison_html(comparison: Comparison) -> str:
    """The page of two runs side by side."""
    return _page("comparison.html.j2", comparison=comparison, first=comparison.first, second=comparison.second)


def index_html(rows: Sequence[RunLine]) -> str:
    """The page over all runs of a folder, a line each."""
    return _page("index.html.j2", rows=rows)


def _run_page(report: Report, scripts: str, most_nights: int | None) -> str:
    ordered = replace(report, cases=tuple(layout.worst_first(report.cases)))
    return _page("report.html.j2", scripts, report=report, cases=ordered.cases, opened=layout.opened(ordered),
                 printed=layout.printed(report), matrix=layout.matrix(report), batches=layout.batches(report),
                 counts=verdict.counts(report.cases), intervals=layout.intervals(report.cases), speeds=speed_groups(report.speeds),
                 data=packed(charts_data(ordered, most_nights)), charts=packed(scripts) if scripts else "")


def _page(template: str, scripts: str = "", **facts: object) -> str:
    """A page from its template. It may run scripts whose digests it names, and load nothing at all."""
    own = "\n".join(_source(name) for name in ("page.js", "table.js", *(["charts.js"] if scripts else [])))
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in (own, scripts) if script)
    style = _source("page.css") + _source("parts.css")
    return _environment().get_template(template).render(facts, script=_trusted(own), style=_trusted(style), allowed=allowed)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, finalize=_shown,
                              trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(layout=layout, line_name=line_name)
    environment.filters.update(slug=slug, anchor=layout.anchor, curves=_curves,
                               worst_first=worst_first, percent=partial(_points, digits=2), ms=_ms)
    return environment


def _shown(value: object) -> object:
    """What an expression of a template becomes: characters that nobody would see are shown as escapes."""
    return visible(value) if type(value) is str and not value.isprintable() else value


def _trusted(text: str) -> object:
    """A script, style sheet or picture of ours, which is no text to escape."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 -- a file of this room, or drawn by us


def _curves(found: LocatedFacts) -> object:
    """The picture of both errors over the network, in which names are text already."""
    return _trusted(curves.svg(found.layers, found.limit, " ".join(found.sentences), alone=False))


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _points(share: float, digits: int, *, sign: bool = False) -> str:
    """A share in percent, or a difference of two in percentage points."""
    return f"{100 * share:{'+' if sign else ''}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _ms(value: float) -> str:
    return f"{value:.4g}"


def _with_fewer_nights(report: Report, most: int | None) -> Report:
    """The same, saying how many of the nights its charts show."""
    shown, there = shown_nights(report.cases, most), shown_nights(report.cases, None)
    if shown == there:
        return report
    said = (f"The charts of history show {shown} of {there} nights, so that this page stays below {MOST_BYTES // 1_000_000} MB: "
            "every step, every night that was not good, and of the others each n-th.")
    return replace(report, missing=(*report.missing, said))


def _with_fewer_clips(report: Report, most: int) -> Report:
    """The same with thumbnails of at most *most* clips a case, saying so."""
    def thinner(case: CaseFacts) -> CaseFacts:
        return replace(case, flips=tuple(clip if index < most else replace(clip, thumbnails=()) for index, clip in enumerate(case.flips)))

    said = (f"Frames are shown of at most {most} flipped clips a case, so that this page stays below {MOST_BYTES // 1_000_000} MB." if most
            else f"No frames of flipped clips are shown, so that this page stays below {MOST_BYTES // 1_000_000} MB.")
    return replace(report, cases=tuple(map(thinner, report.cases)), missing=(*report.missing, said))


def _with_fewer_curves(report: Report, most: int) -> Report:
    """The same with the curves and tables of the *most* worst cases that were looked into, saying so."""
    kept = {case.name for case in [case for case in layout.worst_first(report.cases) if case.located][:most]}

    def thinner(case: CaseFacts) -> CaseFacts:
        return case if case.name in kept else replace(case, located=tuple(replace(one, layers=()) for one in case.located))

    said = f"Errors along the network are shown of {most or 'no'} cases, so that this page stays below {MOST_BYTES // 1_000_000} MB."
    return replace(report, cases=tuple(map(thinner, report.cases)), missing=(*report.missing, said))
