"""The commands that measure one case again, without pytest or on a cluster with it, and that look into it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from tools.spec.case import COUNTED, Case


def again(case: Case, arguments: Sequence[str], cluster: Sequence[str] = ()) -> str:
    """The whole command line; *arguments*: the options of the run, but for its history.

    cluster: the options that name one, where its nodes have measured the case.
    """
    if cluster:
        return shlex.join(["pytest", "-m", case.model, "-k", f"bs{case.batch}", "--device", str(case.device), *cluster, *arguments])
    return shlex.join(["python", "-m", "tools.measure", case.model, "--batch", str(case.batch), "--device", str(case.device), *arguments])


def locating(case: Case, arguments: Sequence[str]) -> str:
    """The command that looks for where the device of *case* begins to compute something else.

    A cluster has given its case any device of a family: here it is the first one of a machine.
    """
    counted = case.device.family in COUNTED and case.device.index is None
    device = replace(case.device, index=0) if counted else case.device
    return shlex.join(["python", "-m", "tools.locate", case.model, "--batch", str(case.batch), "--device", str(device), *arguments])
