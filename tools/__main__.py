"""Lists the commands: python -m tools."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
UNKNOWN = 2  # the exit status for a wrong command line, here and in every command


def commands() -> dict[str, str]:
    """What each command does, by its name; the files of this folder are read for it, and none is imported."""
    parsed = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("[!_]*.py"))}
    return {name: (ast.get_docstring(tree) or "").partition("\n")[0] for name, tree in parsed.items() if _runs(tree)}


def _runs(tree: ast.Module) -> bool:
    """Whether a file does something when it is run and not imported."""
    return any(isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in tree.body)


def main(arguments: Sequence[str]) -> int:
    """Print a line for each command; an argument is refused, with what was probably meant."""
    found = commands()
    unmeant = next((word for word in arguments if word not in ("-h", "--help")), None)
    if unmeant is None:
        print("The everyday command is pytest -m MODEL -k bs16. Its parts by hand (--help behind each says more):")
        print("\n".join(f"python -m tools.{name:<11} {about}" for name, about in found.items()))
        return 0
    meant = f"python -m tools.{unmeant}" if unmeant in found else "python -m tools lists the commands"
    print(f"no such command: python -m tools {unmeant}\n  remedy  {meant}", file=sys.stderr)
    return UNKNOWN


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
