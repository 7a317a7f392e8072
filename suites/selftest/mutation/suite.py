"""The tests of a project, and which of them belong to a module."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from suites.selftest.whole.test_arrow import imported

TESTS = Path("suites/selftest")
SOURCES = "/".join(("tools", "**", "*.py"))  # all modules, as a test that reads their sources names them
COMMAND = 2  # parts in the path of a command; its tests lie in the rooms it calls, named for it
QUICK, TORCH, SLOW = "not torch and not slow", "torch and not slow", "slow"


@dataclass(frozen=True, slots=True)
class Suite:
    """The files of tests by their path from the root.

    names: the dotted names that each or a helper of it imports. words: those that stand in it.
    users: the modules of tools that import each module.
    """

    names: Mapping[str, set[str]]
    words: Mapping[str, set[str]]
    users: Mapping[str, set[str]]

    @classmethod
    def read(cls, root: Path) -> Suite:
        known = {_dotted(path.relative_to(root)) for folder in ("tools", TESTS) for path in (root / folder).rglob("*.py")}
        direct = {str(path.relative_to(root)): set(_named(ast.parse(path.read_text(encoding="utf-8")), known))
                  for path in sorted((root / TESTS).rglob("*.py"))}
        helpers = {_dotted(Path(path)): names for path, names in direct.items() if not Path(path).name.startswith(("test_", "conftest"))}
        names = {path: own.union(*(helpers[one] for one in own if one in helpers)) for path, own in direct.items()}
        tests = {path: found for path, found in names.items() if Path(path).name.startswith("test_")}
        users: dict[str, set[str]] = {}
        for path in (root / "tools").rglob("*.py"):
            for used in imported(ast.parse(path.read_text(encoding="utf-8")), known):
                users.setdefault(used, set()).add(_dotted(path.relative_to(root)))
        words = {path: set(re.findall(r"\w+", (root / path).read_text(encoding="utf-8"))) for path in tests}
        return cls(tests, words, users)

    def stages(self, path: str, about: Collection[str]) -> list[tuple[str, tuple[str, ...]]]:
        """Which tests are asked about a module, in turn, as a marker expression and files.

        Files that import it and have a name *about* it or are of its room (of a command: or are called by
        its name, `test_record_runs.py` of `record`), then the rest of its room, then
        what needs torch in both. Then other files that import it, those of whole/ as the last, and files
        outside of whole/ that import a module which imports it. At the very last come slow tests: of its
        room, and of other importers that have all names *about* it. Those of whole/ take minutes, and are
        asked only where the module's own name stands as well.
        """
        module, room, whole = _dotted(Path(path)), str(TESTS / Path(path).parts[1]), f"{TESTS}/whole/"
        named = {one: len(self.words[one].intersection(about)) for one in self.names}
        importing = sorted((one for one, names in self.names.items() if module in names),
                           key=lambda one: (one.startswith(whole), -named[one], not one.startswith(f"{room}/")))
        called = tuple(one for one in self.names if re.fullmatch(rf"test_{Path(path).stem}(_\w+)?", Path(one).stem))
        near = tuple(one for one in importing if (named[one] and not one.startswith(whole)) or one.startswith(f"{room}/"))
        near += tuple(one for one in called if one not in near and len(Path(path).parts) == COMMAND)
        rest = tuple(one for one in self.names if one.startswith(f"{room}/") and one not in near)
        others = tuple(one for one in importing if one not in near)
        used_by = self.users.get(module, set())
        further = tuple(one for one, names in self.names.items()
                        if names & used_by and one not in (*near, *rest, *others) and not one.startswith(whole))
        own = {module.rpartition(".")[2]}
        slow = tuple(one for one in near + rest + others if one.startswith(f"{room}/")
                     or self.words[one].issuperset({*about, *own} if one.startswith(whole) else about))
        asked = [(QUICK, near), (QUICK, rest), (TORCH, near + rest), (QUICK, others), (TORCH, others),
                 (QUICK, further), (TORCH, further), (SLOW, slow)]
        return [(marks, files) for marks, files in asked if files]


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _named(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """The modules that a file of tests imports, or names in a text; a command's name stands for it there.

    A file that reads the source of all modules is about each.
    """
    yield from imported(tree, known)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from known if node.value == SOURCES else {node.value, f"tools.{node.value}"} & known
