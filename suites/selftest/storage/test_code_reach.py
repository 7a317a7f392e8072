"""What a digest of code reaches: each way in which one piece of code can shape what another one makes."""

from __future__ import annotations

import ast
import gc
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from suites.selftest.storage.test_code import PLACES
from tools.deployment import export
from tools.deployment.weights import Weights
from tools.errors import TruthError
from tools.spec import settings
from tools.spec.catalog import load_spec
from tools.spec.settings import ROOT
from tools.storage import code, syntax

Way = tuple[str, str, str, str, str]
Digests = Callable[[Way], tuple[str, str]]
MAKE, OTHER, BASE = "make.py", "other.py", "base.py"
WAYS: dict[str, Way] = {  # the modules make.py, other.py and base.py of a project, and one of their texts that is changed to another
    "a default argument": ("def build(size=2): return size", "", "", "size=2", "size=3"),
    "a decorator's argument": ("import functools\n@functools.lru_cache(1)\ndef build(): return 1", "", "", "(1)", "(2)"),
    "a decorator of another module": ("from tools.other import twice\n@twice\ndef build(): return 1",
                                      "def twice(f): return lambda: 2 * f()", "", "2 *", "3 *"),
    "a class attribute": ("from tools.other import made\ndef build(): return made().scale",
                          "class Made:\n    scale = 2\ndef made(): return Made()", "", "scale = 2", "scale = 3"),
    "a dataclass's default": ("from tools.other import made\ndef build(): return made().size",
                              "import dataclasses\n@dataclasses.dataclass\nclass Made:\n    size: int = 2\ndef made(): return Made()", "",
                              "int = 2", "int = 3"),
    "a method of a base class": ("from tools.other import Made\ndef build(made: Made): return made.size()",
                                 "from tools import base\nclass Made(base.Base): pass",
                                 "class Base:\n    def size(self): return 2", "return 2", "return 3"),
    "a class of another module by its instance": ("from tools.other import made\ndef build(): return [one.size() for one in made()]",
                                                  "from tools.base import Base\ndef made() -> list[Base]: ...",
                                                  "class Base:\n    def size(self): return 2", "return 2", "return 3"),
    "a property's argument": ("def build(given: Given): return given.size\nclass Given:\n    @property\n    def size(self): return 2",
                              "", "", "return 2", "return 3"),
    "a module's constant": ("from tools import other\ndef build(): return other.SIZE", "SIZE = 2", "", "SIZE = 2", "SIZE = 3"),
    "a constant made of another": ("from tools.other import SIZE\ndef build(): return SIZE", "from tools import base\nSIZE = base.HALF * 2",
                                   "HALF = 1", "HALF = 1", "HALF = 2"),
    "a module as a value": ("from tools import other\ndef build(): return vars(other)", "SIZE = 2", "", "SIZE = 2", "SIZE = 3"),
    "a module by its whole name": ("import tools.other\ndef build(): return tools.other.SIZE", "SIZE = 2", "", "SIZE = 2", "SIZE = 3"),
    "a function in a table": ("from tools.other import double\nTABLE = {'a': double}\ndef build(): return TABLE['a'](1)",
                              "def double(x): return 2 * x", "", "2 *", "3 *"),
    "a table filled after it is made": ("from tools.other import double\nTABLE = {}\nTABLE['a'] = double\ndef build(): return TABLE",
                                        "def double(x): return 2 * x", "", "2 *", "3 *"),
    "a table filled by a loop": ("TABLE = {}\nfor key in 'ab':\n    TABLE[key] = 2\ndef build(): return TABLE['a']", "", "", "= 2", "= 3"),
    "a table filled by another module's loop": ("from tools.other import TABLE\ndef build(): return TABLE",
                                                "TABLE = {}\nfor key in 'ab':\n    TABLE[key] = 2", "", "= 2", "= 3"),
    "a function with arguments bound": (
        "from functools import partial\nfrom tools import other\ndef build(): return map(partial(other.f, 1), [1])",
                                        "def f(a, b): return a + b", "", "a + b", "a - b"),
    "a bound argument": ("from functools import partial\nfrom tools import other\ndef build(): return map(partial(other.f, 1), [1])",
                         "def f(a, b): return a + b", "", "f, 1)", "f, 2)"),
    "a function made under a condition": ("from tools.other import f\ndef build(): return f()",
                                          "if 1 + 1 == 2:\n    def f(): return 2", "", "return 2", "return 3"),
    "the name of a file": ("def build(number): return f'{number + 1}.npz'", "", "", "number + 1", "number - 1"),
    "the layout of a name": ("def build(number): return f'{number:03d}.npz'", "", "", "03d", "04d"),
    "the type of an error": ("def build():\n    try:\n        f()\n    except ValueError:\n        pass\ndef f(): raise ValueError('a')",
                             "", "", "raise ValueError", "raise KeyError"),
    "what is asserted": ("def build(size):\n    assert size > 2, 'small'", "", "", "size > 2", "size > 3"),
    "a default of the argument's own name": ("size = 2\ndef build(size=size): return size", "", "", "size = 2", "size = 3"),
    "a lambda's default of its argument's name": (
        "size = 2\ndef build(): return (lambda size=size: size)()", "", "", "size = 2", "size = 3"),
    "a decorator that a variable is named like": ("def twice(f): return 2\n@twice\ndef build():\n    twice = 1\n    return twice", "", "",
                                                  "return 2", "return 3"),
    "a type that an argument is named like": ("from tools import other\ndef build(other: other.Other): return other.size()",
                                              "class Other:\n    def size(self): return 2", "", "return 2", "return 3"),
    "what a comprehension's variable is named like": ("x = [2]\ndef build(): return [x for x in x]", "", "", "[2]", "[3]"),
    "what an attribute is named like": (
        "size = 2\ndef build():\n    class Local:\n        size = 1\n    return size", "", "", "size = 2", "size = 3"),
    "a global variable": ("count = 2\ndef build():\n    global count\n    count += 1\n    return count", "", "", "count = 2", "count = 3"),
    "what an imported name stands for": ("from tools.other import one as f, two as g\ndef build(): return f() - g()",
                                         "def one(): return 1\ndef two(): return 2", "", "one as f, two as g", "two as f, one as g"),
    "what a name of another package stands for": (
        "from numpy import sin as f\ndef build(): return f(1)", "", "", "import sin", "import cos"),
    "a name passed on by another module": ("from tools.other import f\ndef build(): return f()", "from tools.base import f",
                                           "def f(): return 2", "return 2", "return 3"),
    "what a module does when a name is passed on": ("from tools.other import TABLE\ndef build(): return TABLE",
                                                    "from tools.base import TABLE\nTABLE['a'] = 2", "TABLE = {}", "= 2", "= 3"),
    "None instead of a number": ("def build(): return None", "", "", "None", "0"),
    "a number of another type": ("def build(): return 1", "", "", "return 1", "return 1.0"),
}
SAME: dict[str, Way] = {  # changes of what the builder does not need, or of words
    "another function of the module": ("def build(): return 1\ndef other(): return 2", "", "", "return 2", "return 3"),
    "a variable of the name of a function": ("from tools import other\ndef build(other): return other.f()", "def f(): return 2", "",
                                             "return 2", "return 3"),
    "words of an error that are computed": ("def build(size):\n    raise ValueError(f'{size + 1} clips')", "", "", "size + 1", "size - 1"),
    "a method's docstring": (
        "def build(): return A\nclass A:\n    def f(self):\n        'does it'\n        return 1", "", "", "does", "makes"),
}


@pytest.fixture
def changed(tmp_path: Path) -> Digests:
    """The digests of `build` in a project before and after a change."""

    def digests(way: Way) -> tuple[str, str]:
        *modules, old, new = way
        assert 1 == sum(old in module for module in modules), "one module is changed"
        for number, edit in enumerate((False, True)):
            folder = tmp_path / str(number) / "tools"
            folder.mkdir(parents=True)
            (folder / "__init__.py").touch()
            for name, module in zip((MAKE, OTHER, BASE), modules, strict=True):
                (folder / name).write_text(module.replace(old, new) if edit else module)
        return code.code_digest("tools.make:build", tmp_path / "0"), code.code_digest("tools.make:build", tmp_path / "1")

    return digests


@pytest.mark.parametrize("way", WAYS)
def test_a_change_that_may_shape_a_result_is_another_digest(changed: Digests, way: str) -> None:
    """However the builder reaches it."""
    before, after = changed(WAYS[way])
    assert before != after


@pytest.mark.parametrize("way", SAME)
def test_a_change_that_shapes_nothing_is_the_same_digest(changed: Digests, way: str) -> None:
    """So that nobody waits for what is the same."""
    before, after = changed(SAME[way])
    assert before == after


MODEL = """
from tools.spec import MiniSpec, ModelSpec, Network, Preprocess, Sampling, Tensor
STEP = 2
def form(module): return every(module)
def every(module): return module[::STEP]
def never(module): return 1
SPEC = ModelSpec(network=Network(name="own", config="a.py", overrides=(), input=Tensor("a", (1, 3, 1, 1)), output=Tensor("b", (2,)), FORM),
                 sampling=Sampling(1, 1, 1), preprocess=Preprocess(1, 1, (1, 1, 1), (1, 1, 1)), dataset="a", list_file="b",
                 frames_folder="c", clips=1, list_format="videos", mini=MiniSpec(1, 1, 1, 1, 1, 1, 1, (1,), 0.5, 0.5))
"""


@pytest.mark.parametrize(("given", "old", "new", "same"), [
    ("export_form=form", "::STEP", "1::STEP", False), ("export_form=form", "STEP = 2", "STEP = 3", False),
    ("export_form=form", "return 1", "return 2", True), ("export_form=lambda module: every(module)", "::STEP", "1::STEP", False),
    ("", "::STEP", "1::STEP", True)])
def test_what_an_export_form_needs_shapes_the_exported_graph(tmp_path: Path, given: str, old: str, new: str, same: bool) -> None:
    """A function or number of the model's file that the form uses; its own text is in another part."""
    keys = []
    for text in (MODEL, MODEL.replace(old, new)):
        (tmp_path / "own.py").write_text(text.replace("FORM", given))
        keys.append(export.stage(Weights(tmp_path, "5d" * 32, load_spec(tmp_path, "own").networks[0], "own")).key)
    assert MODEL != MODEL.replace(old, new)
    assert same == (keys[0] == keys[1])


def test_what_an_export_form_imports_from_the_project_shapes_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside the models counts as the model's own file does."""
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "forms").mkdir()
    (tmp_path / "own.py").write_text(MODEL.replace("def form(module):", "from forms.some import scale\ndef form(module): scale();")
                                     .replace("FORM", "export_form=form"))
    digests = []
    for number in (1, 2):
        (tmp_path / "forms" / "some.py").write_text(f"def scale(): return {number}\n")
        code._below_root.cache_clear()
        digests.append(code.form(load_spec(tmp_path, "own").networks[0].export_form))
    assert digests[0] != digests[1]


@pytest.mark.parametrize("form", ["functools.partial(form)", "functools.cache(form)", "Form()", "contextlib.contextmanager(form)"])
def test_an_export_form_that_cannot_be_read_is_refused(tmp_path: Path, form: str) -> None:
    """What is no plain function of the file is one sentence that names the file."""
    (tmp_path / "own.py").write_text("import contextlib, functools\nclass Form:\n    def __call__(self, module): return module\n"
                                     + MODEL.replace("FORM", f"export_form={form}"))
    with pytest.raises(TruthError, match="has to be a plain function of this file without a decorator"):
        load_spec(tmp_path, "own")


def test_code_is_named_where_it_is_used() -> None:
    """A digest follows names: no module of tools is imported by a relative, a computed or no name."""
    files = [*(ROOT / "tools").rglob("*.py")]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (0, False) == (node.level, "*" in [alias.name for alias in node.names]), path
    computed = {":".join(place) for builder in PLACES for place, words in builder_reach(builder).items()
                if any(word.partition(" of ")[2].startswith(("importlib", "builtins")) for word in words)}
    of_packages = {"tools.pytorch.bsn_features:_script",  # files of other packages, whose versions are in the keys
                   *(f"tools.engines.cuda.tensorrt:{name}" for name in ("_libraries", "_major", "installed"))}
    assert of_packages == computed


def builder_reach(builder: str) -> dict[code.Place, list[str]]:
    """The definitions that a builder needs."""
    module, _, name = builder.partition(":")
    return code.reached((module, name), partial(code._module, ROOT))


def test_a_process_reads_each_file_and_function_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However many stages need it: a run takes the digests of all its stages at its start."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path / "tools").rglob("*.py"):
        path.write_text(f"{path.read_text()}\n# copied\n")
    parsed: list[str] = []
    written: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", lambda source, right=ast.parse: (parsed.append(source), right(source))[1])
        patch.setattr(syntax, "text", lambda node, right=syntax.text: (written.append(node), right(node))[1])
        for place in PLACES:
            code.code_digest(place, tmp_path)
    assert gc.isenabled(), "nothing is collected meanwhile, and again afterwards"
    functions = [id(node) for node in written if isinstance(node, ast.FunctionDef)]

    assert len(parsed) == len({*parsed}) > 0
    assert len(functions) == len({*functions}) > 0
