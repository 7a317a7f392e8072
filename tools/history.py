# PYTHON_ARGCOMPLETE_OK
"""Shows and keeps what earlier nights measured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.errors import HistoryError
from tools.machine import events
from tools.nights import steps, views
from tools.nights.history import DEFAULT, History, now, user
from tools.nights.nights import Nights
from tools.spec.command_line import parsed, with_places
from tools.spec.options import ARTIFACTS, CONFIG, UsualPath

STATUS = "Exit status: 0 if it was done; 1 if the history cannot be read or written, or has not what was asked for; 2 for wrong options."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.history", epilog=STATUS,
                                     description="Look after a history: the records of nights that later nights are judged beside.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--history", type=Path, default=UsualPath(ARTIFACTS / DEFAULT), metavar="DIR", help="artifacts/history without it")
    CONFIG.add_to(shared.add_argument)
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="make a history in a new or an empty folder; pytest --nightly wants one made so")
    init.add_argument("folder", type=Path, metavar="DIR")
    show = commands.add_parser("show", parents=[shared], help="every case with its nights, or every night of one case")
    show.add_argument("case", nargs="?", metavar="CASE")
    commands.add_parser("steps", parents=[shared], help="where the speed of a case has moved for good")
    compare = commands.add_parser("compare", parents=[shared], help="two runs, or two dates, side by side")
    for name in ("A", "B"):
        compare.add_argument(name, help="a run's name, as that of its folder in artifacts/runs, or a date, 2026-11-27")
    accept = commands.add_parser("accept", parents=[shared], help="let what a case does now be what it should do")
    accept.add_argument("case", metavar="CASE|all", help="tsm-bs16-npu0; all: every case whose last night was not found fine")
    accept.add_argument("--why", required=True, metavar="TEXT", help="the reason, for whoever asks later")
    export = commands.add_parser("export", parents=[shared], help="every night of every case, for a spreadsheet")
    export.add_argument("file", type=Path, metavar="FILE.csv")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Make, show or export a history, or accept what a case does now."""
    options = with_places(parsed(_parser(), arguments))
    if options.command == "init":
        print(f"the history is {History.init(options.folder).folder.resolve()}; give it to pytest with --history")
        return 0
    history = History.open(options.history)
    nights = history.nights()
    for line in [*_told(options, history, nights), *nights.skipped.words]:
        print(line)
    return 0


def _told(options: argparse.Namespace, history: History, nights: Nights) -> list[str]:
    if options.command == "show":
        return views.of_case(nights, options.case) if options.case else views.cases(nights)
    if options.command == "steps":
        return [step.sentence for step in steps.steps(nights)] or ["no case has moved"]
    if options.command == "compare":
        return views.compared(nights, options.A, options.B)
    if options.command == "export":
        return [f"{views.export(nights, options.file):,} nights of cases are in {options.file}"]
    return _accept(options, history, nights)


def _accept(options: argparse.Namespace, history: History, nights: Nights) -> list[str]:
    if not options.why.strip():
        raise HistoryError("no reason is given", where="--why", remedy="say what changed, for whoever asks later")
    found = steps.accepted_all(nights, options.case, user(), options.why.strip(), now())
    for one in found:
        history.accept(one)
    return [f"accepted: {one.case} on {one.unit} as it is since run {one.run}" for one in found]


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
