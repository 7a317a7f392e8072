"""Lets `pytest --data /elsewhere/list.txt` work; tools/setup copies this file into .venv, which runs it.

pytest looks for a pytest.ini beside every existing path among its arguments, before it knows our options.
It would take the value of `--data` for the project's place, but not that of `--data=/elsewhere/list.txt`.
So the arguments are joined like that before pytest sees them.
"""

from __future__ import annotations

import sys

PATH_OPTIONS = ("--data", "--data-root", "--weights", "--artifacts", "--models")


def join_paths(arguments: list[str]) -> list[str]:
    """The arguments with each path option and its value as one word."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in PATH_OPTIONS:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


if any(part.endswith(("pytest", "py.test")) for part in sys.orig_argv[:4]):
    sys.argv[1:] = join_paths(sys.argv[1:])
