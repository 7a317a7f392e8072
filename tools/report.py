# PYTHON_ARGCOMPLETE_OK
"""Builds the report of a run again, compares two, or makes one page over all."""

from __future__ import annotations

import argparse
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from tools.errors import OptionError
from tools.judging.rows import RESULTS
from tools.machine import events
from tools.reporting import pages
from tools.spec.command_line import parsed, with_places
from tools.spec.options import ARTIFACTS, CONFIG, UsualPath
from tools.storage import runs

STATUS = "Exit status: 0 if it was written, whatever the verdict is; 1 if a run cannot be read or nothing be written; 2 for wrong options."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.report", epilog=STATUS,
                                     description="Write report.html, report.md and junit.xml of a run, or show two runs side by side.")
    parser.add_argument("run", nargs="?", metavar="RUN", help="last, a name in artifacts/runs, or a folder, copied from elsewhere too")
    parser.add_argument("other", nargs="?", metavar="RUN2", help="compare RUN with it: compare.html, and a table here")
    parser.add_argument("--index", action="store_true", help="one page over all runs of the artifacts folder: runs/index.html")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write; the folder of the run without it")
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    parser.add_argument("--artifacts", type=Path, default=UsualPath(ARTIFACTS), metavar="DIR", help="the folder that holds runs/")
    CONFIG.add_to(parser.add_argument)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Write what is asked for, and say where it is."""
    options = with_places(parsed(_parser(), arguments))
    if options.index == bool(options.run):
        raise OptionError("either a run or --index is wanted", where="python -m tools.report", remedy="name a run, for example last")
    page = _index(options) if options.index else _compared(options) if options.other is not None else _report(options)
    if options.open and not webbrowser.open(page.absolute().as_uri()):
        print(f"no browser was found: open {page} yourself")
    return 0


def _index(options: argparse.Namespace) -> Path:
    count, page = pages.write_index(options.artifacts, options.out or options.artifacts / runs.FOLDER)
    print(f"{count} runs: {page}")
    return page


def _report(options: argparse.Namespace) -> Path:
    run = found(options.artifacts, options.run)
    *others, page = pages.write(run, options.out or run, pages.artifacts_of(run, options.artifacts))
    print("\n".join(f"report: {path}" for path in (page, *others)))
    return page


def _compared(options: argparse.Namespace) -> Path:
    first, second = (found(options.artifacts, name) for name in (options.run, options.other))
    lines, page = pages.write_comparison(first, second, options.out or second)
    print("\n".join([*lines, f"report: {page}"]))
    return page


def found(artifacts: Path, name: str) -> Path:
    """The folder of the run *name*: the last one, one of *artifacts*, or a path.

    Raises:
        OptionError: there is none, or the folder is no run's.
    """
    folder = artifacts / runs.FOLDER
    files = (RESULTS, runs.ASKED)
    there = sorted({path.parent for file in files for path in folder.glob(f"*/{file}") if runs.NAME.fullmatch(path.parent.name)})
    if name == runs.LAST and there:
        return there[-1]
    remedy = f"choose {', '.join(path.name for path in there[-3:])}, or name a folder" if there else "run pytest first"
    if name == runs.LAST:
        raise OptionError("no run is here", where=str(folder), remedy=remedy)
    try:
        named = [path for path in (folder / name, Path(name)) if path.is_dir() and name]
        run = next((path for path in named if any((path / file).exists() for file in files)), None)
    except OSError as error:  # too long for a name, or nobody lets us look
        raise OptionError(f"no run is called {name!r}: {error.strerror}", where=str(folder), remedy=remedy) from error
    if run is None:
        what = f"{name!r} is no run: the folder has neither {runs.ASKED} nor {RESULTS}" if named else f"no run is called {name!r}"
        raise OptionError(what, where=str(named[0] if named else folder), remedy=remedy)
    return run


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
