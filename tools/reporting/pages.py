"""Writes what is told of runs: the pages, report.md and junit.xml, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from tools.errors import ClipgateError, MeasureError
from tools.machine.events import say
from tools.machine.files import write_whole
from tools.reporting import compare, index
from tools.reporting.gather import gathered
from tools.reporting.junit import junit
from tools.reporting.markdown import markdown
from tools.storage import runs

PAGE, SUMMARY, JUNIT, SIDE_BY_SIDE, ALL = "report.html", "report.md", "junit.xml", "compare.html", "index.html"
CHARTS = "charts"  # below the artifacts: the script that draws charts, which is made once


def artifacts_of(run: Path, otherwise: Path) -> Path:
    """The artifacts folder of a run; *otherwise* for one that lies elsewhere."""
    return run.absolute().parent.parent if run.absolute().parent.name == runs.FOLDER else otherwise


def write(run: Path, out: Path, artifacts: Path) -> list[Path]:
    """Write report.md, junit.xml and report.html of *run* into *out*; what was written, the page last.

    Raises:
        MeasureError: there is no such run, or it cannot be written.
    """
    from tools.reporting.page import html

    report = gathered(run)
    made = {SUMMARY: markdown(report).encode(), JUNIT: junit(report), PAGE: html(report, _charts(artifacts)).encode()}
    try:
        remove(out)  # else an older one would lie beside a newer one where the disk is full
    except OSError as error:
        raise _unwritable(error, out) from error
    for name, content in made.items():
        _write(out / name, content)
    return [out / name for name in made]


def remove(folder: Path) -> None:
    """Take a report away, whole; an OSError where that cannot be."""
    for name in (SUMMARY, JUNIT, PAGE):
        (folder / name).unlink(missing_ok=True)


def write_comparison(first: Path, second: Path, out: Path) -> tuple[list[str], Path]:
    """Write compare.html of two runs into *out*; the table for a terminal, and the page.

    Raises:
        MeasureError: as for `write`.
    """
    from tools.reporting.page import comparison_html

    found = compare.compared(gathered(first, pictures=False), gathered(second, pictures=False))
    _write(out / SIDE_BY_SIDE, comparison_html(found).encode())
    return compare.table(found), out / SIDE_BY_SIDE


def write_index(artifacts: Path, out: Path) -> tuple[int, Path]:
    """Write index.html over all runs of an artifacts folder into *out*; how many there are, and the page.

    Raises:
        MeasureError: as for `write`.
    """
    from tools.reporting.page import index_html

    found = index.lines(artifacts, out.absolute())
    _write(out / ALL, index_html(found).encode())
    return len(found), out / ALL


def _charts(artifacts: Path) -> str:
    """The script that draws charts; empty where it cannot be had, which the page then says."""
    from tools.reporting.scripts import charts_script

    try:
        return charts_script(artifacts / CHARTS)
    except ImportError:
        return ""
    except ClipgateError as error:
        say(f"the page has no charts: {error.what}")
        return ""


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: file.write(content))
    except OSError as error:
        raise _unwritable(error, path) from error


def _unwritable(error: OSError, path: Path) -> MeasureError:
    return MeasureError(f"the report cannot be written: {error.strerror or error}", where=str(path),
                        remedy="make room, or choose another folder: python -m tools.report RUN --out DIR")
