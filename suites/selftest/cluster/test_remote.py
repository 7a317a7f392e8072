"""A task on a node: it measures what the driver has found, or says why it gave nothing."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.cluster.node import CASE, Driver, Heard, own_file
from tools.cluster import finding, home, looking, remote, scratch
from tools.cluster.values import Answer, Failed, Work
from tools.datasets import ledger
from tools.datasets.clips import ClipSet
from tools.engines.cpu import FAMILY
from tools.errors import ClusterError, DeviceError, EngineError
from tools.machine import child
from tools.measuring import launch, quarantine, reference, spans
from tools.measuring.predictions import FILE, load
from tools.measuring.sameness import Sameness
from tools.spec.model import ModelSpec
from tools.spec.settings import Settings
from tools.storage.entries import manifests
from tools.storage.store import Store


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a task changes of the environment is undone."""
    for name in (*home.SET_BY_RAY, ledger.READER):
        monkeypatch.setenv(name, "1")


@pytest.fixture
def driver(tiny_store: Path) -> Driver:
    return Driver.of(tiny_store)


@pytest.fixture
def near(tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that shares the driver's artifacts folder, so that nothing has to travel."""
    own_file(monkeypatch, tmp_path, artifacts=str(tiny_store))


def failed(work: Work, entries: dict[str, list[bytes]] | None = None) -> Failed:
    outcome = remote.run(work, entries or {}, Heard())
    assert isinstance(outcome, Failed)
    return outcome


def other(work: Work, what: str) -> Work:
    """The same work, whose driver has found another digest of *what*."""
    assert what in dict(work.digests)
    return replace(work, digests=tuple((name, "0" if name == what else sha) for name, sha in work.digests))


def test_a_cell_is_measured_by_a_node_with_an_empty_store(driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of two nodes' spans are those of a whole run, bit for bit; entries travel, and none is built."""
    own_file(monkeypatch, tmp_path)
    entries, heard = driver.entries, Heard()
    part = remote.run(driver.work("scores", (0, 12)), entries, heard)
    assert isinstance(part, Answer), part
    [(name, piece)] = part.files
    work = driver.work(timed=True, scored_by=("node-1 cpu: 12 clips",), names=(("", "node-2"),))
    cell = remote.run(work, {**entries, "piece:0-12": [piece]}, heard)
    assert isinstance(cell, Answer), cell
    files, found = dict(cell.files), finding.found(driver.context, CASE, driver.sources)
    whole = launch.launch(driver.context, CASE, found, tmp_path / "whole", timed=False)
    same = Sameness.parse(part.same)

    assert files[FILE] == (whole.folder / FILE).read_bytes()
    assert "0000000-0000012.npz" == name
    assert "" == same.differs(spans.sameness(driver.context, CASE, found, tmp_path))
    assert "" == same.differs(Sameness.parse(cell.same))
    record = json.loads(files["cell.json"])
    assert ("node-2/cpu", ["node-1 cpu: 12 clips"]) == (record["place"], record["scored_by"])
    assert {"cell.json", "child.log", "job.json", FILE, "times.json"} == set(files)
    there, here = tmp_path / "node" / "art", driver.context.settings.store
    arrived = {path.relative_to(there / "store") for path in manifests(there / "store")}
    assert {path.relative_to(here) for path in driver.context.used} == arrived
    assert {"checking 23 clips", "measuring tiny-bs4-cpu clips 1 to 12", "measuring tiny-bs4-cpu"} == {
        event["text"] for event in heard.events if event["kind"] == "stage"}
    assert [] == [*(there / scratch.FOLDER).iterdir()]


def test_a_span_of_the_reference_is_that_of_a_whole_one(driver: Driver, near: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's scores of these clips, as shards keep them."""
    monkeypatch.setattr(child, "call", lambda work, title, **rest: work())
    answer = remote.run(driver.work("reference", (4, 8)), {}, Heard())
    assert isinstance(answer, Answer), answer
    [(name, shard)] = answer.files
    found = finding.sources(driver.context, None)
    assert isinstance(found.spec, ModelSpec)
    assert isinstance(found.dataset, ClipSet)
    whole = driver.context.store.find(reference.key(found.spec, found.checkpoints[0], found.dataset))

    assert "0000004-0000008.npz" == name
    assert whole is not None
    assert np.array_equal(load(whole.file(FILE)).scores[4:8], np.load(io.BytesIO(shard))["scores"])


@pytest.mark.parametrize(("change", "words"), [
    (lambda work: replace(work, code=replace(work.code, digest="other")), "other code than the driver"),
    (lambda work: replace(work, code=replace(work.code, python="3.12.0")), "python"),
    (lambda work: other(work, "weights of tiny"), "weights of tiny differ"),
    (lambda work: other(work, "graph of tiny"), "graph of tiny differ"),
    (lambda work: other(work, "tiny.py"), "tiny.py differ"), (lambda work: other(work, "clips"), "its clips are not the driver's"),
    (lambda work: replace(work, digests=work.digests[1:]), "this node finds"),
    (lambda work: replace(work, settings=replace(work.settings, locks="/nowhere/locks")), "no such folder: /nowhere/locks"),
], ids=["code", "python", "weights", "graph", "spec", "clips", "asked", "folder"])
def test_a_node_with_something_else_measures_nothing(driver: Driver, near: None, change: Callable[[Work], Work], words: str,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """It is unfit for this work, in a sentence that says what differs; its device is not at fault."""
    monkeypatch.setattr(launch, "launch", None)
    found = failed(change(driver.work()))

    assert (True, "") == (found.unfit, found.lost)
    assert words in found.raised.what


def test_a_clip_that_differs_is_named(driver: Driver, near: None) -> None:
    """By the driver's list of its clips, which a node reads only then."""
    ids = [id for id, _ in json.loads(driver.sources.clips)]
    theirs = [[id, "0" if id == ids[3] else sha] for id, sha in json.loads(driver.sources.clips)]
    theirs[-1] = ["more", "0"]
    found = failed(other(driver.work(), "clips"), {finding.CLIPS: [json.dumps(theirs).encode()]})

    assert found.unfit
    assert f"of the driver's 23 clips 1 are not there, first more; 1 differ, first {ids[3]}; 1 are too many" in found.raised.what


def test_a_damaged_parcel_makes_a_node_unfit(driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is named; nothing is built in its place."""
    own_file(monkeypatch, tmp_path)
    entries = {name: [b"".join(parts)[:-(2**20)]] if name.startswith("weights/") else parts for name, parts in driver.entries.items()}
    found = failed(driver.work(), entries)

    assert found.unfit
    assert "weights/tiny-mini" in found.raised.what
    assert Store(tmp_path / "node" / "art" / "store").root.is_dir()


def test_what_has_not_been_sent_is_not_made(driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that would fit weights of its own might measure others than the driver judges."""
    own_file(monkeypatch, tmp_path)
    found = failed(driver.work(), {name: parts for name, parts in driver.entries.items() if not name.startswith("weights/")})

    assert found.unfit
    assert "is not for this run to do" in found.raised.what


def test_a_device_that_the_run_has_given_up_is_not_used(driver: Driver, near: None) -> None:
    """Whoever asks Ray for another one is told so."""
    found = failed(driver.work(refused=frozenset({"/cpu"})))

    assert ("cpu", False) == (found.device, found.unfit)
    assert "not used again" in found.lost
    assert found.remembered


def test_a_device_that_an_ended_driver_has_given_up_is_not_tried(driver: Driver, near: None, tiny_store: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """The node notes that beside its tasks; the second answer tells that nothing was tried."""
    def fail(context: object, case: object, found: object, run: Path, **rest: object) -> None:
        quarantine.give_up(run, CASE.device, "lost heartbeat")
        raise EngineError("aclruntime failed")

    monkeypatch.setattr(launch, "launch", fail)
    first, second = failed(driver.work(run="again")), failed(driver.work(run="again"))

    assert [("lost heartbeat", False), ("lost heartbeat", True)] == [(one.lost, one.remembered) for one in (first, second)]
    assert isinstance(second.raised, DeviceError)
    shutil.rmtree(tiny_store / scratch.FOLDER)


def test_a_device_that_is_not_ready_is_lost_and_not_its_node(driver: Driver, near: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other devices of the node may well be used."""
    def unfit(device: object, settings: object) -> None:
        raise DeviceError("its health is Critical")

    monkeypatch.setattr(FAMILY, "require_ready", unfit)
    found = failed(driver.work())

    assert (False, "its health is Critical") == (found.unfit, found.lost)


def test_what_fails_while_it_measures_is_told_as_it_was(driver: Driver, near: None, tiny_store: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """With the class of its error, and why the device is given up; the folder stays for its log."""
    def fail(context: object, case: object, found: object, run: Path, **rest: object) -> None:
        (run / "child.log").write_text("")
        quarantine.give_up(run, CASE.device, "lost heartbeat")
        raise EngineError("aclruntime failed", where=str(run / "child.log"))

    monkeypatch.setattr(launch, "launch", fail)
    found = failed(driver.work(names=(("", "node-7"),), run="fails"))
    kept = Path(str(found.error[2]))

    assert (False, "lost heartbeat") == (found.unfit, found.lost)
    assert isinstance(found.raised, EngineError)
    assert "aclruntime failed (on node-7)" == found.raised.what
    assert kept.is_file()
    shutil.rmtree(tiny_store / scratch.FOLDER)


def test_a_full_disk_names_the_folder_and_what_to_do() -> None:
    """The system does not say which file it was."""
    with pytest.raises(ClusterError, match="No space left") as caught, remote._of_ours("/node/art"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert ("/node/art", True) == (caught.value.where, "not full" in str(caught.value.remedy))


def test_code_that_changes_while_it_measures_spoils_what_was_measured(driver: Driver, near: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows which of it ran."""
    work, codes = driver.work(), [driver.work().code, replace(driver.work().code, digest="edited")]

    def now(settings: Settings) -> Any:
        return codes.pop(0)

    monkeypatch.setattr(looking, "now", now)
    monkeypatch.setattr(remote, "_done", lambda *task: Answer("", "", ()))
    found = failed(work)

    assert found.unfit
    assert "other code" in found.raised.what
