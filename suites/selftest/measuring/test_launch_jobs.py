"""The processes of a case: one for each of its networks, in their order, with checkpoint and graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from suites.selftest.conftest import keeping
from suites.selftest.specs import localiser_spec
from tools.datasets import choice
from tools.engines.faults import Fault
from tools.errors import ChildError, ClipgateError, DataError, EngineError, MeasureError
from tools.machine import child
from tools.measuring import kinds, launch
from tools.measuring.job import Job
from tools.measuring.predictions import FILE
from tools.spec.case import Case, Device
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

CASE = Case("bsn", 4, Device("npu", 0))
FAULT = Fault("kernel", "a kernel failed", ("507015",), ("first", "second"))
BSN = localiser_spec(MODELS, "bsn")


def jobs(monkeypatch: pytest.MonkeyPatch, run: Path, networks: Sequence[str] = (), *, graphs: int = 2, timed: bool = True) -> list[Job]:
    """What the processes of BSN's case would measure."""
    made: list[Job] = []
    monkeypatch.setattr(launch, "_measured", lambda context, job, run, resume: made.append(job))
    monkeypatch.setattr(choice, "word", lambda context: "mini")
    found: Any = launch.Found(cast("Any", tuple(SimpleNamespace(network=network) for network in BSN.networks)), cast("Any", None),
                              cast("Any", tuple(f"graph {number}" for number in range(graphs))))
    context = Context(Settings.parse({"budget_s": "7"}), BSN, lambda event: None)
    measured = launch.launch(context, CASE, found, run, networks, timed=timed)
    assert (CASE, run / str(CASE), len(made)) == (measured.case, measured.folder, len(measured.parts))
    return made


def test_each_network_has_a_process_with_its_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In their order, each in its folder and behind the one before; the second alone needs the first."""
    folders = [tmp_path / str(CASE) / name for name in ("tem", "pem")]
    both, [second] = jobs(monkeypatch, tmp_path), jobs(monkeypatch, tmp_path, ["pem"])

    assert [("graph 0", folders[0], None, 7.0), ("graph 1", folders[1], folders[0], 7.0)] == [
        (job.graph, job.folder, job.before, job.budget_s) for job in both]
    assert [network.name for network in BSN.networks] == [job.network.name for job in both]
    assert both[1] == second
    assert [None, None] == [job.budget_s for job in jobs(monkeypatch, tmp_path, timed=False)]
    with pytest.raises(ValueError, match="shorter"):
        jobs(monkeypatch, tmp_path, graphs=1)


def test_the_second_network_needs_what_the_first_left(tmp_path: Path) -> None:
    """The error names the first network, the file, and how to measure it too."""
    before = tmp_path / "tem"
    job: Any = SimpleNamespace(case=CASE, spec=BSN, before=before)
    with pytest.raises(MeasureError, match="tem comes first, and has left no predictions") as caught:
        launch._require_first(job)
    assert (str(before / FILE), "measure it into the same --run, or leave --network out to measure all") == (
        caught.value.where, caught.value.remedy)

    before.mkdir()
    (before / FILE).touch()
    launch._require_first(job)


def test_a_case_is_found_once_its_device_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoints, its data, and what the device loads of each checkpoint."""
    did: list[object] = []
    context = Context(Settings.parse({}), BSN, lambda event: None)
    ready = SimpleNamespace(require_ready=lambda device, settings: did.append((device, settings)))
    monkeypatch.setattr(launch, "family", lambda device: ready)
    monkeypatch.setattr(launch, "checkpoints", lambda context: did.append("weights") or ("tem's", "pem's"))
    monkeypatch.setattr(kinds, "of", lambda spec: SimpleNamespace(dataset=lambda context, weights: f"videos of {weights}"))
    monkeypatch.setattr(launch, "loadable", lambda context, one, case: f"graph of {one} for {case}")
    found = launch.find(context, CASE)

    assert [(CASE.device, context.settings), "weights"] == did
    assert (("tem's", "pem's"), "videos of (\"tem's\", \"pem's\")") == (found.checkpoints, found.dataset)
    assert ("graph of tem's for bsn-bs4-npu0", "graph of pem's for bsn-bs4-npu0") == found.graphs


def test_unless_told_otherwise_all_networks_are_timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what other code made told to each, and the folder of locks."""
    made: list[Job] = []
    monkeypatch.setattr(launch, "_measured", lambda context, job, run, resume: made.append(job))
    monkeypatch.setattr(choice, "word", lambda context: "mini")
    networks = tuple(SimpleNamespace(network=network) for network in BSN.networks)
    context = Context(Settings.parse({"budget_s": "7", "locks": str(tmp_path)}), BSN, lambda event: None, ["x by other code"])
    launch.launch(context, CASE, cast("Any", launch.Found(cast("Any", networks), cast("Any", None), cast("Any", ("a", "b")))), tmp_path)

    assert [(7.0, "mini", str(tmp_path), ("x by other code",))] * 2 == [(job.budget_s, job.data, job.locks, job.others) for job in made]


@pytest.mark.parametrize(("error", "fault", "told"), [
    (EngineError("it fails", remedy="mend it"), None, False), (DataError("it fails", remedy="mend it"), FAULT, False),
    (EngineError("it fails", remedy="mend it"), FAULT, True), (ChildError("it fails", remedy="mend it"), FAULT, True),
])
def test_what_the_runtime_said_explains_an_error_of_the_device(tmp_path: Path, error: ClipgateError, fault: Fault | None,
                                                               told: bool) -> None:
    """Only where it said something, and not where something else was wrong."""
    found = launch._explained(error, fault, tmp_path / "child.log", CASE)

    assert type(error) is type(found)
    if not told:
        assert found is error
        return
    assert f"a kernel failed (507015): {error.what}" == found.what
    assert (str(tmp_path / "child.log"), "mend it\n    its last words were\n      first\n      second") == (found.where, found.remedy)
    unknown = launch._explained(error, replace(FAULT, kind="unknown"), tmp_path, CASE)
    assert error.what == unknown.what
    bare = launch._explained(type(error)("it fails", where="there"), FAULT, tmp_path, CASE)
    assert ("there", "its last words were\n      first\n      second") == (bare.where, bare.remedy)


@pytest.mark.parametrize(("networks", "title"), [(1, "measuring bsn-bs4-npu0"), (2, "measuring bsn-bs4-npu0 tem")])
def test_each_attempt_is_announced_and_read_by_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, networks: int,
                                                             title: str) -> None:
    """Those that an earlier attempt left in the log are not taken for its own."""
    said, read, asked = list[str](), list[str](), list[object]()

    def call(work: object, title: str, *, log: Path, **how: object) -> None:
        asked.extend((title, how["stall_s"], how["environment"]))
        with log.open("a") as words:
            words.write(f"attempt {len(read) + 1}")
        raise EngineError("it fails")

    driver = SimpleNamespace(environment=lambda device: {"A": "b"}, diagnose=lambda words: read.append(words))
    monkeypatch.setattr(launch, "family", lambda device: driver)
    monkeypatch.setattr(child, "call", call)
    model: Any = SimpleNamespace(networks=[None] * networks, network=BSN.tem)
    job = Job(CASE, model, model, model, model, "mini", 1.0, tmp_path)
    context = Context(Settings.parse({"timeout_s": "9"}), BSN, keeping(said))
    for _ in range(2):
        assert "it fails" == getattr(launch._attempt(context, job)[0], "what", "")

    assert ["attempt 1", "attempt 2"] == read
    assert [f"{title} ..."] * 2 == said
    assert [title, 9.0, {"A": "b"}] * 2 == asked
