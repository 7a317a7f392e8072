"""The command that measures one case again: without pytest, or on a cluster with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from tools.spec.case import Case


def again(case: Case, arguments: Sequence[str], cluster: Sequence[str] = ()) -> str:
    """The whole command line; *arguments*: the options of the run, but for its history.

    cluster: the options that name one, where its nodes have measured the case.
    """
    if cluster:
        return shlex.join(["pytest", "-m", case.model, "-k", f"bs{case.batch}", "--device", str(case.device), *cluster, *arguments])
    return shlex.join(["python", "-m", "tools.measure", case.model, "--batch", str(case.batch), "--device", str(case.device), *arguments])
