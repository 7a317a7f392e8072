"""Entries made elsewhere: what a host without a package may take, and what it says if there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.storage.test_store import refuse, write
from tools.deployment import specialise
from tools.errors import StoreError
from tools.machine.versions import ABSENT
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context
from tools.storage.entries import Entry, Key, damage_of, files_of, folder_of, manifest_path
from tools.storage.stages import Stage
from tools.storage.store import Store

SHA = "5d" * 32
THERE = Key("onnx", "tsm", (("weights", SHA), ("opset", "11"), ("torch", "2.13.0"), ("decord", "0.6.0"), ("onnx", "1.23.2")))
GRAPH = Key("onnx", "bs4", (("batch", "4"), ("onnx", "1.23.2"), ("onnxsim", "0.8.1")), host=THERE)


def shaped(key: Key, **values: str) -> Key:
    """*key* with other values of some parts."""
    return replace(key, shaped_by=tuple((name, values.get(name, value)) for name, value in key.shaped_by))


HERE = shaped(THERE, torch=ABSENT, decord=ABSENT)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, said: list[str]) -> Store:
    return Store(tmp_path / "store", said.append)


def context_of(store: Store) -> Context[Spec]:
    """A run of tsm whose artifacts lie in *store*; nobody hears it."""
    return Context(Settings.parse({"artifacts": str(store.root.parent)}), load_spec(MODELS, "tsm"), lambda event: None)


def test_an_absent_package_stands_for_any_version(store: Store, said: list[str]) -> None:
    """Found is the entry that is equal in all other parts, under its own key and without a word."""
    made = store.build(THERE, write("a"))
    assert made == store.find(HERE) == store.build(HERE, refuse)
    assert THERE == made.key
    assert [] == said


@pytest.mark.parametrize("other", [{"weights": "6e" * 32}, {"opset": "13"}, {"onnx": "1.0"}, {"onnx": ABSENT, "opset": "12"}])
def test_all_other_parts_must_be_equal(store: Store, other: Mapping[str, str]) -> None:
    """A version known here, and a digest, are not anybody's.

    Nor is an entry of another name, kind, or set of parts.
    """
    store.build(THERE, write("a"))
    assert store.find(shaped(HERE, **other)) is None
    for changed in (replace(HERE, name="ts"), replace(HERE, kind="weights"), replace(HERE, shaped_by=HERE.shaped_by[:-1]),
                    replace(HERE, shaped_by=(*HERE.shaped_by, ("mmcv-lite", ABSENT)))):
        assert store.find(changed) is None


def test_a_package_that_is_here_is_not_loosened(store: Store) -> None:
    """On a host with torch an entry of another torch is not found.

    Nor is one made without decord where decord is here.
    """
    store.build(shaped(THERE, decord=ABSENT), write("a"))
    assert store.find(THERE) is None
    store.build(THERE, write("b"))
    assert store.find(shaped(THERE, torch="2.14.0")) is None
    assert ("a", "b") == (_text(store.find(shaped(THERE, decord=ABSENT))), _text(store.find(THERE)))


def test_an_entry_under_another_digest_is_not_taken(store: Store, said: list[str]) -> None:
    """A folder whose name does not stand for its manifest is nobody's, and no second one to choose from."""
    made = store.build(THERE, write("a"))
    shutil.copytree(made.folder, made.folder.with_name(f"tsm-{'0' * 16}"))
    assert (made, []) == (store.find(HERE), said)
    shutil.rmtree(made.folder)
    assert store.find(HERE) is None


def test_a_manifest_without_a_part_is_a_damaged_one(store: Store) -> None:
    """Json that is no manifest fits no key, lists no file and is damage."""
    store.build(THERE, write("a"))
    manifest = manifest_path(store.root, THERE)
    for text in ("{}", "[]", manifest.read_text().replace('"shaped_by"', '"shaped"')):
        manifest.write_text(text)

        assert store.find(HERE) is None
        assert "entry.json is unreadable" == damage_of(manifest)
        assert [] == files_of(manifest)


def test_of_several_the_one_used_last_is_taken_aloud(store: Store, said: list[str]) -> None:
    """Two that fit are told, with the versions behind the taken one; a damaged one gives way to the other."""
    for torch, used in (("2.12.0", 2000), ("2.13.0", 3000), ("2.14.0", 1000)):
        store.build(shaped(THERE, torch=torch), write(torch))
        os.utime(manifest_path(store.root, shaped(THERE, torch=torch)), (used, used))
    said.clear()
    assert "2.13.0" == _text(store.find(HERE))
    assert [f"3 entries made elsewhere fit onnx/tsm; the one used last is taken: {THERE} (torch 2.13.0, decord 0.6.0)"] == said

    (folder_of(store.root, THERE) / "head.bin").unlink()
    assert "2.12.0" == _text(store.find(HERE))
    assert f"{THERE} is damaged (head.bin is missing); it will be built again" in said


def _text(entry: Entry | None) -> str:
    assert entry is not None
    return entry.file("head.bin").read_text()


def test_a_hosted_entry_is_found_beside_the_host_that_was_found(store: Store) -> None:
    """Neither the host's packages nor the hosted entry's need be here; what is built there is found again."""
    store.build(THERE, write("a"))
    made = store.build(GRAPH, write_hosted)
    wanted = replace(shaped(GRAPH, onnxsim=ABSENT), host=HERE)
    assert made == store.find(wanted)
    assert store.find(shaped(wanted, batch="8")) is None

    host = store.find(HERE)
    assert host is not None
    own = replace(shaped(GRAPH, batch="8"), host=host.key)
    assert store.build(own, write_hosted) == store.find(own) == store.find(replace(own, host=HERE))


def write_hosted(folder: Path) -> dict[str, int]:
    (folder / "bs.onnx").write_text("graph")
    return {}


@pytest.mark.parametrize("act", ["direct", "child"])
def test_what_cannot_be_made_here_is_one_sentence(store: Store, act: str) -> None:
    """A stage lacking packages names them, the nearest entry and both ways out; nothing is started."""
    store.build(shaped(THERE, onnx="1.22.0", weights="6e" * 32), write("a"))
    with pytest.raises(StoreError) as caught:
        if act == "child":
            Stage(HERE, "exporting tsm to ONNX", refuse).find_or_run(context_of(store))
        store.build(HERE, refuse)
    assert caught.value.what == (("exporting tsm to ONNX" if act == "child" else "making onnx/tsm") + " needs torch, which is not "
                                 "installed here, and the store has no entry made elsewhere that fits")
    assert str(caught.value.where).endswith("differs in weights, onnx (1.22.0 there, 1.23.2 here)")
    name, remedy = "tsm" if act == "child" else "MODEL", str(caught.value.remedy)
    assert remedy.startswith("install torch here with ./tools/setup; or on a machine that has torch")
    assert remedy.endswith(f"python -m tools.store export {name}.tar -m {name}; and here: python -m tools.store import {name}.tar")
    assert not (store.root / "logs").exists()


def test_a_batch_size_that_nobody_simplified_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without onnxsim a graph whose batch size did not travel names package, batch and what makes it."""
    monkeypatch.setattr("tools.machine.versions.version", lambda package: "1" if package == "onnx" else _missing(package))
    exported = store.build(THERE, write("a"))
    with pytest.raises(StoreError, match="simplifying tsm for batch 16 needs onnxsim, which is not") as caught:
        specialise.stage(load_spec(MODELS, "tsm").networks[0], exported, 16, "needed").find_or_run(context_of(store))
    assert "pytest -m tsm -k bs16" in str(caught.value.remedy)


def _missing(package: str) -> str:
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(package)


@pytest.mark.parametrize("package", ["decord", "mmcv-lite", "opencv-python-headless"])
def test_a_package_with_a_stand_in_hinders_nothing(store: Store, package: str) -> None:
    """What PyAV, another build of OpenCV or mmcv can replace is not asked for."""
    assert "a" == _text(store.build(Key("reference", "tsm", (("clips", SHA), (package, ABSENT))), write("a")))
