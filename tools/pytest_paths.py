"""Lets `pytest --data /elsewhere/list.txt` work; tools/setup copies this file into .venv, which runs it.

pytest looks for a pytest.ini beside every existing path among its arguments, before it knows our options.
It would take the value of `--data` for the project's place, but not that of `--data=/elsewhere/list.txt`.
So the arguments are joined like that before pytest sees them. Which options have a value is read from the
text of tools/spec/options.py: importing it here would load our `tools` into any other project's pytest.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection
from pathlib import Path

OPTIONS = Path(sys.prefix).parent / "tools" / "spec" / "options.py"  # .venv lies beside tools/


def value_options(options: Path = OPTIONS) -> list[str]:
    """The flags of all options that have a value; none where the project is not there."""
    if not options.is_file():
        return []
    calls = [node for node in ast.walk(ast.parse(options.read_text())) if isinstance(node, ast.Call)
             and getattr(node.func, "id", "") == "Option" and {"yes"}.isdisjoint(getattr(one.value, "value", "") for one in node.keywords)]
    return [str(call.args[0].value) for call in sorted(calls, key=lambda call: call.lineno) if isinstance(call.args[0], ast.Constant)]


def join_paths(arguments: list[str], options: Collection[str]) -> list[str]:
    """The arguments with each of *options* and its value as one word."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in options:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


if any(part.endswith(("pytest", "py.test")) for part in sys.orig_argv[:4]):
    sys.argv[1:] = join_paths(sys.argv[1:], value_options())
