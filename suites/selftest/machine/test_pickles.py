"""A function of a model's file travels by that file and its name there; what has no such name is refused."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import pytest

from tools.machine.pickles import Pickler
from tools.spec import catalog

SOURCE = """
def at_top(): return 7
def inside():
    def within(): return 8
    return within
named = lambda: 9
"""


def there_and_back(value: object) -> object:
    stream = io.BytesIO()
    Pickler(stream).dump(value)
    return pickle.loads(stream.getvalue())


def test_a_function_at_the_top_of_a_models_file_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SOURCE)
    module = catalog.load_module(tmp_path / "own.py")
    for nameless in (module.inside(), module.named):
        with pytest.raises(pickle.PicklingError, match=r"is no function at the top of .*own\.py"):
            there_and_back(nameless)
    found = there_and_back([module.at_top, "beside"])

    assert isinstance(found, list)
    assert (7, "beside") == (found[0](), found[1])
