"""Lists the commands: python -m tools."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
UNKNOWN = 2  # the exit status for a wrong command line, here and in every command
GROUPS = {  # what stands in none of them, comes last
    "To begin": ("doctor", "fetch", "new_model", "inspect"),
    "The parts of a run by hand": ("measure", "locate", "export", "specialise", "compile", "reference"),
    "Data, and results of other tools": ("data", "score", "evaluate", "record"),
    "To look at and look after what runs leave": (),
}


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
        print("The everyday command is pytest -m MODEL -k bs16. All others, of which --help behind each says more:")
        print("\n".join(_listed(found)))
        return 0
    meant = f"python -m tools.{unmeant}" if unmeant in found else "python -m tools lists the commands"
    print(f"no such command: python -m tools {unmeant}\n  remedy  {meant}", file=sys.stderr)
    return UNKNOWN


def _listed(found: Mapping[str, str]) -> Iterator[str]:
    """The commands in groups, a line each."""
    grouped = {name for names in GROUPS.values() for name in names}
    for title, names in GROUPS.items():
        yield f"\n{title}:"
        yield from (f"python -m tools.{name:<11} {found[name]}" for name in names or [one for one in found if one not in grouped])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
