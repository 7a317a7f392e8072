# PYTHON_ARGCOMPLETE_OK
"""Says what a machine or a cluster has for measuring, what is missing, what to do."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the modules below cannot be read by an older one
    sys.exit(f"wrong    Python {sys.version.split()[0]} in {sys.executable}\n         "
             "./tools/setup with PYTHON=/path/to/python3.11 or newer, then . .venv/bin/activate")

import argparse
import io
import signal
from collections.abc import Mapping, Sequence
from functools import partial

from tools import engines
from tools.engines.findings import Examination, Finding, Look, attempt
from tools.machine import events
from tools.spec.command_line import parsed
from tools.spec.options import USES, add_arguments
from tools.spec.settings import Settings

CPU_NEEDS = ("CPU", "artifacts folder", "folder of locks")


def status(host: Examination, others: Sequence[Examination]) -> int:
    """1 if something that every machine needs is not right, or something of a family that is here."""
    return int(not (all(part.good for part in host.parts) and all(family.good for family in others)))


def measurable(host: Examination, others: Sequence[Examination]) -> str:
    """The devices that can be measured on, and how --device names them."""
    bad = {part.thing for part in host.parts if not part.good}
    usable = {chip.thing: chip.device for family in others for chip in family.usable(host.parts)}
    names = {**({"cpu": "cpu"} if not bad & set(CPU_NEEDS) else {}), **usable}
    if not names:
        return "nothing can be measured on here"
    return f"can be measured on here: {', '.join(names)}; say --device {','.join(names.values())}{_limits(host, others)}"


def _limits(host: Examination, others: Sequence[Examination]) -> str:
    """Of families that lack what measuring can do without, what they can measure all the same."""
    found = [f"{chips[0].device.partition(':')[0]}: {family.without}" for family in others if (chips := family.usable(host.parts))
             and any(part.thing in family.beside and not part.good for part in family.parts)]
    return f" ({'; '.join(found)})" if found else ""


def _show(settings: Settings, title: str, looks: Mapping[str, Look]) -> list[Finding]:
    """The findings of a group, each printed as soon as it is there."""
    print(title)
    findings = []
    for thing, look in looks.items():
        new = attempt(thing, partial(look, settings))
        for finding in new:
            print("\n".join(finding.lines()), flush=True)
        findings += new
    print()
    return findings


def _of_cluster(settings: Settings) -> int:
    """Examine the nodes of `--ray` in this machine's place."""
    from tools.cluster import findings  # the room of those who ask for a cluster

    cluster = findings.examine(settings, partial(_show, settings))
    print(cluster.summary)
    return int(not cluster.good)


def main(arguments: Sequence[str]) -> int:
    """Examine this machine, or the nodes of a cluster; the status is 1 if something is not right."""
    parser = argparse.ArgumentParser(prog="python -m tools.doctor", description=f"{__doc__} Exit status 1 if something there is broken.")
    add_arguments(parser, USES["doctor"])
    settings = Settings.of(parsed(parser, arguments))
    if settings.configured:
        events.say(f"options {settings.configured}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever a path or a variable holds
    if settings.ray:
        return _of_cluster(settings)
    host, *others = (engines.named(name).examine(settings, partial(_show, settings)) for name in reversed(engines.FAMILIES))
    for family in others:
        if not family.present:
            print(f"nothing of {family.family} is here, and --device cpu needs none of it")
    print(measurable(host, others))
    return status(host, others)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader that has seen enough
    raise SystemExit(events.run_command(main))
