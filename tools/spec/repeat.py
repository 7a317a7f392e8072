"""The command that measures one case again, without pytest."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from tools.spec.case import Case


def again(case: Case, arguments: Sequence[str]) -> str:
    """The whole command line; *arguments*: the options of the run, but for its history."""
    return shlex.join(["python", "-m", "tools.measure", case.model, "--batch", str(case.batch), "--device", str(case.device), *arguments])
