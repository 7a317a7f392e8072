"""Entries on their way to a node: whole and as they were, or refused; nothing travels that is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from suites.selftest.storage.test_store import HOSTED, KEY, OTHER, left, refuse, write, write_graph
from tools.cluster import carrying
from tools.deployment.published import published
from tools.errors import ClusterError, StoreError
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context
from tools.storage.entries import HOST, Key, manifest_path
from tools.storage.store import Store


@pytest.fixture
def driver(tmp_path: Path) -> Context[Spec]:
    """A driver whose run has found a host and what it hosts, beside entries that it did not need."""
    context = Context(Settings.parse({"artifacts": str(tmp_path / "driver")}), cast("Spec", None), lambda event: None)
    context.store.root.mkdir(parents=True)
    for key in (KEY, OTHER):
        context.store.build(key, write("a"))
    context.store.build(HOSTED, write_graph)
    context.used.clear()  # what its builders found
    assert context.store.find(HOSTED)
    return context


def pieces(driver: Context[Spec], name: str) -> list[bytes]:
    return list(carrying.packed(driver.settings.store, name))


def none() -> Sequence[bytes]:
    raise AssertionError("what is there must not travel")


def test_a_run_knows_the_entries_that_it_has_found(driver: Context[Spec]) -> None:
    """One parcel holds a hosted entry and its host; what the run did not find, and what each makes, stays."""
    driver.store.build(Key("om", "tsm-bs4", ()), write("compiled"))
    assert driver.store.find(Key("om", "tsm-bs4", ()))

    [name] = carrying.used(driver)
    assert name.startswith(f"{manifest_path(Path(), HOSTED)}@")


@pytest.mark.parametrize("size", [512, carrying.CHUNK])
def test_a_parcel_arrives_as_it_was_and_once(driver: Context[Spec], tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In many pieces as in one; a second time nothing is fetched, and a damaged entry is fetched again."""
    monkeypatch.setattr(carrying, "CHUNK", size)
    [name], there = carrying.used(driver), tmp_path / "node"
    there.mkdir()

    assert carrying.take(there, name, lambda: pieces(driver, name))
    assert Store(there).build(HOSTED, refuse).file("bs4.onnx").read_text() == "graph"
    assert not carrying.take(there, name, none)
    manifest_path(there, HOSTED).with_name("bs4.onnx").write_text("other")
    assert carrying.take(there, name, lambda: pieces(driver, name))
    assert Store(there).find(HOSTED)


@pytest.mark.parametrize("damage", [
    lambda whole: whole[: len(whole) // 2], lambda whole: whole.replace(b"graph", b"grape"), lambda whole: b""],
                         ids=["cut", "changed", "nothing"])
def test_what_is_damaged_on_the_way_is_never_used(driver: Context[Spec], tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """The error names the parcel, and the node's store has nothing of that entry."""
    [name] = carrying.used(driver)
    whole = b"".join(pieces(driver, name))
    (tmp_path / "node").mkdir()

    with pytest.raises(StoreError, match="did not arrive"):
        carrying.take(tmp_path / "node", name, lambda: [damage(whole)])
    assert not Store(tmp_path / "node").find(HOSTED)
    assert [] == [path for path in left(tmp_path / "node") if path.endswith((".tar", "bs4.onnx"))]


def test_a_parcel_with_another_entry_in_it_is_refused(driver: Context[Spec], tmp_path: Path) -> None:
    """Although that one is whole."""
    [name] = carrying.used(driver)
    assert driver.store.find(OTHER)
    other = carrying.used(driver)[1]
    (tmp_path / "node").mkdir()

    with pytest.raises(StoreError, match="held other entries"):
        carrying.take(tmp_path / "node", name, lambda: pieces(driver, other))


def test_other_content_under_the_same_name_is_told_and_stays(driver: Context[Spec], tmp_path: Path) -> None:
    """A node that has built the same key to other bytes is not used with them, and keeps them."""
    store = Store(tmp_path / "node")
    store.build(KEY, write("b"))
    assert driver.store.find(KEY)
    driver.used[:] = [manifest_path(driver.store.root, KEY)]
    [name] = carrying.used(driver)

    with pytest.raises(ClusterError, match="with other content"):
        carrying.take(store.root, name, lambda: pieces(driver, name))
    assert store.build(KEY, refuse).file("head.bin").read_text() == "b"


def test_an_entry_that_has_changed_meanwhile_is_not_sent(driver: Context[Spec]) -> None:
    """Whoever takes it would keep it under the name of another one."""
    [name] = carrying.used(driver)

    with pytest.raises(StoreError, match="another entry by now"):
        list(carrying.packed(driver.settings.store, name[:-1] + ("0" if name[-1] != "0" else "1")))


def test_what_was_sent_does_whatever_packages_are_here(tmp_path: Path) -> None:
    """The sent entry comes before one of this machine's own packages; other weights are no such entry."""
    def key(torch: str, weights: str = "w") -> Key:
        return Key("weights", "tsm-mini", (("weights", weights), ("torch", torch)))

    root = tmp_path / "store"
    for one in (key("2.13.0+cpu"), key("2.13.0"), key("2.13.0+cpu", "v")):
        Store(root).build(one, write(one.digest))
    sent = carrying.manifests(root, [f"{manifest_path(root, key('2.13.0+cpu')).relative_to(root).as_posix()}@{'0' * 16}"])
    store = Store(root, sent=sent)

    assert [HOST] == [path.name for path in sent]
    for asked in ("2.13.0", "2.14.0"):
        found = store.find(key(asked))
        assert found is not None
        assert key("2.13.0+cpu") == found.key
    assert store.find(key("2.14.0", "v")) is None
    assert Store(root).find(key("2.14.0")) is None


def test_what_a_sent_entry_hosts_is_found_as_well(driver: Context[Spec]) -> None:
    """The host that was sent stands for the one that would be made here."""
    root = driver.settings.store
    sent = carrying.manifests(root, carrying.used(driver))
    wanted = replace(HOSTED, shaped_by=(*HOSTED.shaped_by,), host=replace(KEY, shaped_by=KEY.shaped_by))

    found = Store(root, sent=sent).find(wanted)
    assert found is not None
    assert {"bs4.onnx"} == set(found.files)


@pytest.mark.parametrize("name", ["", "weights", "../out/entry.json@0123456789abcdef", "/etc/passwd@0123456789abcdef"])
def test_a_name_leads_into_the_store_alone(tmp_path: Path, name: str) -> None:
    """Whatever a message holds, nothing is read or written beside it."""
    for call in (lambda: list(carrying.packed(tmp_path, name)), lambda: carrying.take(tmp_path, name, none)):
        with pytest.raises(ClusterError, match="is not the name of a parcel"):
            call()


def test_published_weights_arrive_as_they_are_or_not_at_all(tmp_path: Path) -> None:
    """They are put where they belong, in pieces; a file that is there stays, whatever it holds."""
    spec, (driver, node) = load_spec(MODELS, "tsm"), (Settings.parse({"artifacts": str(tmp_path / name)}) for name in ("driver", "node"))
    [one] = published(MODELS, driver.artifacts, spec)
    there = node.artifacts / one.place.relative_to(driver.artifacts)
    one.place.parent.mkdir(parents=True)
    one.place.write_bytes(b"weights")
    [(name, path)] = carrying.weights(driver, spec)

    with pytest.raises(StoreError, match="did not arrive"):
        carrying.take_weights(node, spec, name, lambda: [b"weight"])
    assert not there.exists()
    assert carrying.take_weights(node, spec, name, lambda: list(carrying.in_pieces(path)))
    assert there.read_bytes() == b"weights"
    assert not carrying.take_weights(node, spec, name, none)
    with pytest.raises(ClusterError, match="no published checkpoint"):
        carrying.take_weights(node, spec, name.replace(one.place.name, "../other.pth"), none)
