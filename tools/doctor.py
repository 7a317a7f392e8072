"""Says what this machine has for measuring, what is missing, and what to do."""

from __future__ import annotations

import argparse
import io
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

from tools.engines import host
from tools.engines.ascend import findings
from tools.engines.findings import MISSING, Finding, attempt
from tools.machine import events
from tools.spec.settings import OPTIONS, Settings

if sys.version_info < (3, 11):  # noqa: UP036 - the modules below cannot be read by an older one
    sys.exit(f"wrong    Python {sys.version.split()[0]} in {sys.executable}\n         "
             "./tools/setup with PYTHON=/path/to/python3.11 or newer, then . .venv/bin/activate")


Look = Callable[[Settings], list[Finding]]
PYTHON: dict[str, Look] = {"Python": host.python, "packages": host.packages, "CPU": host.cpu}
MACHINE: dict[str, Look] = {"cores": host.cores, "memory": host.free_memory, "artifacts folder": host.artifacts}
ASCEND: dict[str, Look] = {"device nodes": findings.nodes, "npu-smi": findings.chips, "driver libraries": findings.driver,
                           "CANN toolkit": findings.toolkit, "aclruntime": findings.runtime}
COMPILING = ("atc", "atc's python3")
TAKEN = ("--artifacts", "--atc-python")


def present(parts: Sequence[Finding]) -> bool:
    """Whether there is anything of Ascend here, be it broken."""
    return any(one.word != MISSING for one in parts)


def status(ours: Sequence[Finding], parts: Sequence[Finding]) -> int:
    """1 if something of *ours* is missing or wrong, or if of Ascend's *parts* some are there and not all are right."""
    return int(not all(one.good for one in (*ours, *(parts if present(parts) else ()))))


def measurable(ours: Sequence[Finding], parts: Sequence[Finding], rules: Sequence[Finding]) -> str:
    """The devices that can be measured on with what was found, and how --device names them."""
    bad = {one.thing for one in (*ours, *parts, *rules) if not one.good}
    chips = [one for one in parts if one.thing.startswith("npu:")]
    shared = bad - {one.thing for one in chips} - set(COMPILING)
    names = ["cpu"] if not bad & {"CPU", "artifacts folder"} else []
    names += [one.thing for one in chips if one.good and not shared]
    if not names:
        return "nothing can be measured on here"
    compiled = " (npu: only what is compiled already)" if bad & set(COMPILING) and len(names) > 1 else ""
    return f"can be measured on here: {', '.join(names)}; say --device {','.join(name.split()[0] for name in names)}{compiled}"


def _shown(title: str, settings: Settings, looks: dict[str, Look]) -> list[Finding]:
    """The findings of a group, printed as soon as they are made."""
    print(title)
    found = []
    for thing, look in looks.items():
        made = attempt(thing, partial(look, settings))
        print("\n".join(line for one in made for line in one.lines()), flush=True)
        found += made
    print()
    return found


def _settings(arguments: Sequence[str]) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m tools.doctor", description=f"{__doc__} Exit status 1 if something there is broken.")
    for flag, default, metavar, text in OPTIONS:
        if flag in TAKEN:
            parser.add_argument(flag, default=default, metavar=metavar, help=text)
    return Settings.parse(vars(parser.parse_args(arguments)))


def main(arguments: Sequence[str]) -> int:
    """Examine this machine: python -m tools.doctor."""
    settings = _settings(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever a path or a variable holds
    ours = [*_shown("this Python", settings, PYTHON), *_shown("this machine", settings, MACHINE)]
    parts = _shown("Ascend", settings, ASCEND)
    rules = _shown("what aclruntime asks", settings, {"rules": lambda settings: findings.rules(settings, present(parts))})
    if not present(parts):
        print("nothing of Ascend is here, and --device cpu needs none of it")
    print(measurable(ours, parts, rules))
    return status([*ours, *rules], parts)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader that has seen enough
    raise SystemExit(events.run_command(main))
