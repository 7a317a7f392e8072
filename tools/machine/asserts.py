"""Some of the harness's checks are asserts, so that it does not run where Python leaves them out."""

from __future__ import annotations

from tools.errors import OptionError


def require() -> None:
    """Refuse an interpreter that leaves asserts out: what they would have caught would be green."""
    if not __debug__:
        raise OptionError("Python leaves asserts out here, and some of the checks are asserts", where="PYTHONOPTIMIZE, or python -O",
                          remedy="unset PYTHONOPTIMIZE and run python without -O")
