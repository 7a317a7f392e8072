"""The mutation check itself: what it changes, which tests it asks, and its status."""

from __future__ import annotations

import py_compile
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.mutate import EQUIVALENT, INTERRUPTED, TOO_FEW, equivalent, main, sampled, share
from suites.selftest.mutation.operators import KINDS, Mutant, mutants
from suites.selftest.mutation.suite import QUICK, SLOW, TORCH, Suite
from suites.selftest.mutation.trial import Outcome, Trial, write
from tools.spec.settings import ROOT

LINES = {  # kind of change -> a line in a function, and what it may become
    "comparison": ("return a < b", "return a <= b"), "arithmetic": ("return a + b", "return a - b"),
    "and or": ("return a and b", "return a or b"), "not": ("return not a", "return a"),
    "condition": ("b = 'é' if a else b", "b = 'é' if not a else b"),
    "number": ("b = 'é', 7", "b = 'é', 8"), "boolean": ("b = True", "b = False"), "call": ("b = min(a, b)", "b = max(a, b)"),
    "return": ("return a", "return None"), "statement": ("print(a)", "pass"),
}
UNTOUCHED = '''"""Says 1 < 2."""
from dataclasses import dataclass
__all__ = ["A"[0:1]]
@dataclass(frozen=True)
class A:
    """Has 3."""
    b: "tuple[int, 3]"
    def c(self, d: "1 < 2") -> "not 3":
        """Gives 4."""
        assert 1 < 2
        if d:
            raise ValueError("no", 5,
                             6)
        e = f"{7}"
if TYPE_CHECKING:
    f = 8
if __name__ == "__main__":
    print(9)
'''
EQUIVALENT_ROW = """
[[mutant]]
path = "tools/two/words.py"
within = "longer"
line = "return a > b"
becomes = "return None"
why = "nobody asks"
"""


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_change_changes_one_line(kind: str) -> None:
    """And leaves something that Python reads, and reads otherwise than before."""
    line, becomes = LINES[kind]
    source = f"def f(a, b):\n    {line}\n"
    found = [one for one in mutants("tools/a.py", source) if one.kind == kind]

    assert [f"    {becomes}"] == [one.after for one in found]
    assert [("f", 2, f"    {line}")] == [(one.within, one.line, one.before) for one in found]
    assert found[0].applied(source) == source.replace(line, becomes)
    assert found[0].changes(source)


def test_an_operator_is_found_on_either_line_and_never_in_a_comment() -> None:
    source = "x = (a  # and b\n     and b +\n     c)\n"

    assert {(2, "     or b +"), (2, "     and b -")} == {(one.line, one.after) for one in mutants("tools/a.py", source)}


def test_what_no_test_should_see_is_not_changed() -> None:
    """Annotations, docstrings, decorators, assertions, messages, texts, `__all__`, and what runs by hand."""
    assert ["        if not d:"] == [one.after for one in mutants("tools/a.py", UNTOUCHED)]


def test_a_change_that_does_not_parse_or_says_the_same_is_no_mutant() -> None:
    assert not Mutant("tools/a.py", "", 1, "number", "a = 1", "a = (").changes("a = 1")
    assert not Mutant("tools/a.py", "", 1, "number", "a = 1", "a = (1)").changes("a = 1")


def test_the_same_seed_gives_the_same_sample() -> None:
    """Another one gives another, and every mutant of tools/ that is drawn changes its module."""
    one, again, other = (sampled(ROOT, ["judging", "tools.spec.chips"], 20, seed) for seed in (1, 1, 2))

    assert one == again
    assert one != other
    assert {True} == {each.changes((ROOT / each.path).read_text()) for each in one + other}
    assert all(each.path.startswith("tools/judging/") or each.path == "tools/spec/chips.py" for each in one + other)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A project of two modules with a line to change in each: a test looks at one of them."""
    files = {"tools/one/sums.py": "def double(a):\n    return a + a\n", "tools/two/words.py": "def longer(a, b):\n    return a > b\n",
             "suites/selftest/one/test_sums.py": "from tools.one.sums import double\n\ndef test_it():\n    assert double(3) == 6\n",
             "suites/selftest/two/test_words.py": "from tools.two.words import longer\n\ndef test_it():\n    assert longer(3, 2)\n",
             "suites/selftest/two/test_none.py": "def test_it():\n    raise ValueError\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_noticed_change_is_killed_and_another_survives(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The test that fails without any change kills nothing, and the project itself stays as it is."""
    equivalents = toy / EQUIVALENT
    equivalents.parent.mkdir(parents=True)
    equivalents.write_text(EQUIVALENT_ROW)
    before = {path: path.read_text() for path in toy.rglob("*.py")}

    assert main([f"--root={toy}", "--only=one", "--only=two", "--sample=9"]) == TOO_FEW

    said = capsys.readouterr().out
    assert "killed by suites/selftest/one/test_sums.py::test_it: tools/one/sums.py:2 arithmetic" in said
    assert "survived: tools/two/words.py:2 comparison" in said
    assert "tests: suites/selftest/two/test_words.py suites/selftest/two/test_none.py" in said
    assert "equivalent: tools/two/words.py:2 return" in said
    assert "left out, it fails without any change: suites/selftest/two/test_none.py::test_it" in said
    assert "66.7% of 3 killed" in said
    assert before == {path: path.read_text() for path in toy.rglob("*.py")}


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the mutants of a run end as given."""

    def let(*outcomes: Outcome | BaseException) -> None:
        left = list(outcomes)

        def of(_trial: Trial, _mutant: Mutant) -> Outcome:
            if isinstance(one := left.pop(0), BaseException):
                raise one
            return one

        monkeypatch.setattr(Trial, "of", of)

    return let


def test_an_interrupted_check_says_what_it_knows(toy: Path, ending: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    ending(Outcome("a test", ()), KeyboardInterrupt())

    assert main([f"--root={toy}"]) == INTERRUPTED
    assert "100.0% of 1 killed; sample 4" in capsys.readouterr().out


@pytest.mark.parametrize(("least", "status"), [("50", 0), ("50.1", TOO_FEW)])
def test_enough_is_the_share_that_was_asked_for(toy: Path, ending: Callable[..., None], least: str, status: int) -> None:
    ending(Outcome("a test", ()), Outcome("", ("a test",)))

    assert main([f"--root={toy}", "--sample=2", f"--least={least}"]) == status
    assert 0 == share([]), "where none was tried, none was noticed"


def test_the_tests_of_a_module_are_asked_near_ones_first(toy: Path) -> None:
    """Importers that name the function, its room, other importers, whole runs of these, and slow tests.

    Before the slow ones come tests of what uses the module. Slow ones are asked of the room and where the
    function is named, of whole runs where the module is, too.
    """
    texts = {"one/test_longer": "from tools.two.words import longer", "one/test_words": "from tools.two import words",
             "whole/helper": "from tools.two import words", "whole/test_all": "from suites.selftest.whole import helper",
             "whole/test_both": "from tools.two import words; words.longer", "whole/test_other": "",
             "one/test_user": "from tools.two import user"}
    (toy / "tools/two/user.py").write_text("from tools.two.words import longer\n")
    (toy / "suites/selftest/whole").mkdir()
    for name, text in texts.items():
        (toy / f"suites/selftest/{name}.py").write_text(text)
    near, room, others = (tuple(f"suites/selftest/{name}.py" for name in names) for names in (
        ("two/test_words", "one/test_longer"), ("two/test_none",), ("one/test_words", "whole/test_both", "whole/test_all")))
    slow, further = (*near, *room, others[1]), ("suites/selftest/one/test_user.py",)
    stages = Suite.read(toy).stages("tools/two/words.py", ("longer",))

    assert [(QUICK, near), (QUICK, room), (TORCH, near + room), (QUICK, others), (TORCH, others),
            (QUICK, further), (TORCH, further), (SLOW, slow)] == stages


def test_whoever_reads_all_sources_is_asked_of_each_module(toy: Path) -> None:
    (toy / "suites/selftest/two/test_sources.py").write_text(f"FILES = {'/'.join(('tools', '**', '*.py'))!r}\n")

    assert (QUICK, ("suites/selftest/two/test_sources.py",)) in Suite.read(toy).stages("tools/one/sums.py", ("double",))


def test_a_changed_line_is_not_read_from_a_compiled_file(tmp_path: Path) -> None:
    """A compiled file is told by the time and size of its source, and both may stay the same."""
    path = tmp_path / "words.py"
    path.write_text("a = 1 < 2")
    compiled = Path(py_compile.compile(str(path)) or "")
    assert compiled.exists()

    write(path, "a = 1 > 2")

    assert "a = 1 > 2" == path.read_text()
    assert not compiled.exists()


def test_what_was_judged_equivalent_is_still_there() -> None:
    """An entry whose line has changed says nothing any more: look at it again."""
    known = equivalent(ROOT)
    there = {one.key for path in {key[0] for key in known} for one in mutants(path, (ROOT / path).read_text(encoding="utf-8"))}

    assert set() == known - there
