"""What a person has written for a network: which file is meant, what it is made of, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.errors import TruthError
from tools.spec import own
from tools.spec.catalog import load_spec, model_names
from tools.spec.digest import spec_digest
from tools.spec.model import Network

MODEL = """
from tools.spec import MiniSpec, ModelSpec, Network, Preprocess, Sampling, Tensor
SPEC = ModelSpec(network=Network(name="mine", BUILT, input=Tensor("a", (1, 3, 1, 1)), output=Tensor("b", (2,))),
                 sampling=Sampling(1, 1, 1), preprocess=Preprocess(1, 1, (1, 1, 1), (1, 1, 1)), dataset="set", list_file="list.txt",
                 frames_folder="frames", clips=1, list_format="videos",
                 mini=MiniSpec(seed=1, test_clips=1, train_per_class=1, calibration_clips=1, noise=1.0, travel=1.0, residual_scale=1.0,
                               ridge=(1.0,), top_probability=0.9, reference_top1_at_least=0.1))
"""
CONFIG, MODULE = 'config="configs/head.py"', 'module="pack.net:build"'
FILES = {
    "configs/head.py": '_base_ = ["./base.py", "mmaction::recognition/tsn/any.py"]\ncustom_imports = dict(imports=["extra"])\n',
    "configs/base.py": '_base_ = "deep/root.py"\n', "configs/deep/root.py": "model = dict(a=1)\n", "extra.py": "import shared\n",
    "shared.py": "SIZE = 1\n", "pack/__init__.py": "NAME = 1\n",
    "pack/net.py": "from . import blocks\nfrom .parts import layer\ndef build():\n    import lazy.late\n",
    "pack/blocks.py": "import torch, json, einops\nfrom shared import SIZE\n", "pack/parts/__init__.py": "", "pack/parts/layer.py": "",
    "lazy/late.py": "import onnx.helper\n", "beside.py": "import shared\n",
}
OF_CONFIG = ("configs/head.py", "configs/base.py", "configs/deep/root.py", "extra.py", "shared.py")
OF_MODULE = ("pack/__init__.py", "pack/net.py", "pack/blocks.py", "pack/parts/__init__.py", "pack/parts/layer.py", "lazy/late.py",
             "shared.py")


def models(folder: Path, built: str, files: dict[str, str] | None = None) -> Path:
    """A folder of models: one, which is BUILT so, and the files of a person beside it."""
    for name, text in {"mine.py": MODEL.replace("BUILT", built), **(FILES if files is None else files)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def network(folder: Path) -> Network:
    return load_spec(folder, "mine").networks[0]


@pytest.mark.parametrize(("built", "counted"), [(CONFIG, OF_CONFIG), (MODULE, OF_MODULE)], ids=["config", "module"])
def test_every_file_that_shapes_a_network_is_in_its_digest_and_no_other(tmp_path: Path, built: str, counted: tuple[str, ...]) -> None:
    """Inherited or imported, at any depth, relatively, late, by custom_imports: one byte is another key."""
    folder = models(tmp_path, built)
    before = spec_digest(load_spec(folder, "mine"))
    changed = set()
    for name, text in FILES.items():
        (folder / name).write_text(f"{text}# changed\n")
        changed |= {name} if spec_digest(load_spec(folder, "mine")) != before else set()
        (folder / name).write_text(text)

    assert set(counted) == changed


@pytest.mark.parametrize("built", [CONFIG, MODULE])
def test_a_digest_is_that_of_the_content_wherever_it_lies(tmp_path: Path, built: str) -> None:
    """So that a store can be carried to another machine."""
    folder = models(tmp_path / "here", built)
    shutil.copytree(folder, tmp_path / "far" / "away")

    assert spec_digest(load_spec(folder, "mine")) == spec_digest(load_spec(tmp_path / "far" / "away", "mine"))


def test_an_absolute_config_shapes_nothing_by_its_path(tmp_path: Path) -> None:
    """The same content by two absolute paths is one network."""
    digests = []
    for place in (tmp_path / "here", tmp_path / "there"):
        folder = models(place, f'config="{place}/configs/head.py"')
        digests.append(spec_digest(load_spec(folder, "mine")))

    assert digests[0] == digests[1]


def test_another_function_of_the_same_module_is_another_network(tmp_path: Path) -> None:
    """The files are the same, and what is built is not."""
    digests = {spec_digest(load_spec(models(tmp_path, f'module="shared:{name}"'), "mine")) for name in ("build", "other")}

    assert 2 == len(digests)


def test_the_packages_that_a_module_imports_are_known(tmp_path: Path) -> None:
    """Their versions are parts of keys; Python's own modules, and what every key has, are none of them."""
    assert ("einops", "onnx") == network(models(tmp_path, MODULE)).packages
    assert () == network(models(tmp_path, CONFIG)).packages


def test_a_config_beside_the_model_comes_before_one_of_the_package(tmp_path: Path) -> None:
    """By its path from the model's file or an absolute one; any other name is left to the package."""
    name = "recognition/tsn/any.py"
    folder = models(tmp_path / "models", f'config="{name}"')
    assert network(folder).own is None

    models(folder, f'config="{name}"', {name: "model = dict()"})
    beside = network(folder).own
    assert beside is not None
    assert str(folder / name) == beside.start
    assert beside.digest == network(models(tmp_path / "absolute", f"config={str(folder / name)!r}", {})).own.digest  # type: ignore[union-attr]


def test_files_beside_a_model_are_no_models(tmp_path: Path) -> None:
    """A file is a model if it has a toml or assigns SPEC, so that a forgotten toml is still missed."""
    folder = models(tmp_path, MODULE)
    assert ["mine"] == model_names(folder)

    (folder / "extra.toml").write_text("")
    assert ["extra", "mine"] == model_names(folder)
    (folder / "extra.toml").unlink()
    (folder / "mine.py").rename(folder / "other.py")
    assert ["other"] == model_names(folder)


def test_an_installed_module_is_all_that_it_imports_of_its_own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported to find it; what lies beside its package is found as Python finds it."""
    site = models(tmp_path / "site", MODULE)
    monkeypatch.syspath_prepend(site)
    folder = models(tmp_path / "models", MODULE, {})
    before = network(folder)
    (site / "pack/parts/layer.py").write_text("SIZE = 2\n")

    assert network(folder).own != before.own
    assert ("einops", "onnx") == before.packages


BROKEN = {  # what is broken: how the network is built, the file and its text, what is said, and where
    "no Python": ('config="c.py"', "c.py", "model = dict(\n", "is no Python", "c.py:1"),
    "no text": ('config="c.py"', "c.py", "\xff\0", "is no Python", "c.py"),
    "a base that is not there": ('config="c.py"', "c.py", "\n_base_ = 'other.py'", "inherits 'other.py'", "c.py:2"),
    "a base of another package": ('config="c.py"', "c.py", "_base_ = ['mmdet::x.py']", "inherits 'mmdet::x.py'", "c.py:1"),
    "a base that is computed": ('config="c.py"', "c.py", "_base_ = 'a' + 'b'", "must be a text", "c.py:1"),
    "an absolute config": ('config="/nowhere/c.py"', "c.py", "", "not there: /nowhere/c.py", "mine.py"),
    "a module that is not there": ('module="net:build"', "c.py", "", "module net is neither", "mine.py"),
    "a module in no package": ('module="json.net:build"', "c.py", "", "module json.net is neither", "mine.py"),
    "a path for a module": ('module="./net.py"', "net.py", "", "names no function", "mine.py"),
    "a broken import": ('module="net:build"', "net.py", "def build()\n", "is no Python", "net.py:1"),
    "a name that others need": ('module="queue:build"', "queue.py", "", "has the name of a module", "queue.py"),
    "overrides of a module": ('module="net:build", overrides=(("a", 1),)', "net.py", "", "has overrides", "mine.py"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_one_sentence(tmp_path: Path, what: str) -> None:
    """Before anything is run or made: with the file, and its line if one is meant, and what to do."""
    built, name, text, said, where = BROKEN[what]
    with pytest.raises(TruthError, match=said) as caught:
        load_spec(models(tmp_path, built, {name: text}), "mine")

    assert (str(tmp_path / where), True) == (caught.value.where, bool(caught.value.remedy))
    assert "\n" not in caught.value.what


@pytest.mark.parametrize("built", [CONFIG, MODULE])
def test_files_that_changed_since_they_were_found_are_refused(tmp_path: Path, built: str) -> None:
    """What another content makes would be kept under the digest of the first."""
    folder = models(tmp_path, built)
    found = network(folder).own
    assert found is not None
    own.require_unchanged(found)
    (folder / "shared.py").write_text("SIZE = 2\n")
    with pytest.raises(TruthError, match="has changed since this run found it"):
        own.require_unchanged(found)
