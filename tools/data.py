"""Checks a data set or a list of your own, extracts frames, writes a model's inputs."""

from __future__ import annotations

import importlib
import sys

from tools.datasets import manifest
from tools.datasets.clips import CLIPS, clip_list, source
from tools.errors import OptionError
from tools.machine import events
from tools.spec.model import LocaliserSpec
from tools.storage.stages import parse
from tools.storage.store import Store

# `python -m tools.data <command>` -> the module whose main it is
COMMANDS = {"check": "tools.datasets.check", "rawframes": "tools.datasets.rawframes", "dump": "tools.exchange.dump"}


def _check_clips() -> None:
    """Check the clips of a run's own list and write their manifest into the store."""
    options, settings, spec = parse(f"data {CLIPS}", _check_clips.__doc__, lambda parser: parser.add_argument(
        "classes", type=int, nargs="?", help="classes the labels may name; the model's own without it"))
    if isinstance(spec, LocaliserSpec):
        raise OptionError(f"{spec.name} reads features, not clips", remedy=f"python -m tools.datasets.videos {spec.name}")
    if source(settings, spec) == "full":
        raise OptionError("a full data set is checked as a whole", remedy=f"python -m tools.data check {spec.dataset}")
    listed = clip_list(settings, spec, options.classes or spec.classes, events.forward)
    entry = Store(settings.store, events.say).build(manifest.key(listed), lambda folder: manifest.build(listed, folder))
    print(f"{entry.facts['clips']} clips, {entry.facts['frames']} frames: {entry.file(manifest.FILE)}")


def main() -> int:
    """Run the command that the first argument names."""
    command = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if command in ("-h", "--help"):
        print(f"usage: python -m tools.data {{{','.join((*COMMANDS, CLIPS))}}} ... (--help behind one says more)")
        return 0
    if command == CLIPS:
        _check_clips()
        return 0
    if command not in COMMANDS:
        raise OptionError(f"no such command: python -m tools.data {command}".rstrip(),
                          remedy=f"choose {', '.join(COMMANDS)} (--help behind it says more), or {CLIPS} MODEL for a list of your own")
    status: int = importlib.import_module(COMMANDS[command]).main()
    return status


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
