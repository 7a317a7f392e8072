"""A person's own config or module is part of the key of everything that is made with its network."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from suites.selftest.spec.test_own import CONFIG, FILES, MODULE, models
from tools.datasets.clips import ClipSet
from tools.deployment import export, mini, weights
from tools.deployment.weights import Weights
from tools.measuring import reference
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.storage.entries import Key

MAYBE = "try:\n    import nobody_has_this\nexcept ImportError:\n    pass\n"


def keys(folder: Path) -> dict[str, Key]:
    """The keys of all that is made with the network of a model's file, by what it is."""
    spec = load_spec(folder, "mine")
    assert isinstance(spec, ModelSpec)
    checkpoint = Weights(folder, "5d" * 32, spec.network, "own")
    return {"mini weights": mini.key(spec, Key("data", "mini", ())), "check": weights.checked(spec.network, folder, "5d" * 32).key,
            "graph": export.stage(checkpoint).key, "reference": reference.key(spec, checkpoint, ClipSet("rawframes", ()))}


@pytest.mark.parametrize(("built", "changed"), [(CONFIG, "configs/deep/root.py"), (MODULE, "pack/parts/layer.py")])
def test_a_changed_file_makes_everything_anew(tmp_path: Path, built: str, changed: str) -> None:
    """Mini weights, the check of given ones, the exported graph, torch's scores: nothing is found again."""
    folder = models(tmp_path, built)
    before = keys(folder)
    assert before == keys(folder)
    (folder / changed).write_text("SIZE = 2\n")
    after = keys(folder)

    assert [] == [name for name, key in before.items() if after[name].digest == key.digest]


def test_the_version_of_what_a_module_imports_is_in_every_key(tmp_path: Path) -> None:
    """Another version of a package may compute something else; one that is absent here is said to be."""
    folder = models(tmp_path, MODULE, {**FILES, "pack/blocks.py": f"import einops\n{MAYBE}import shared, lazy.late\n"})
    wanted = {("einops", version("einops")), ("nobody_has_this", "absent")}

    assert [] == [name for name, key in keys(folder).items() if not wanted <= {*key.shaped_by}]
