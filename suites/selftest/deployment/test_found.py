"""What a run finds or lets be made before it measures: mini weights, checked checkpoints, compiled models."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from suites.selftest.specs import localiser_spec, recogniser_spec
from tools.deployment import compile as deploy
from tools.deployment import mini, specialise, weights
from tools.deployment.compile import MODEL, Source, Target
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.engines.ascend import cann
from tools.errors import CompileError, StoreError, WeightsError
from tools.machine import versions
from tools.machine.files import sha256
from tools.pytorch import networks
from tools.spec.case import Case, Device
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Entry, Facts
from tools.storage.stages import Stage

TSM, BSN = recogniser_spec(MODELS, "tsm"), localiser_spec(MODELS, "bsn")


def run(folder: Path, spec: Spec = TSM, **options: str) -> Context[Spec]:
    return Context(Settings.parse({"artifacts": str(folder), **options}), spec, lambda event: None)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
    """The stages that were run, each of which leaves one file of its name, in this process."""
    done: list[Stage] = []

    def leave(stage: Stage, folder: Path) -> Facts:
        done.append(stage)
        for name in (MODEL, "tem.pth", "pem.pth", "tsm.pth"):
            (folder / name).write_bytes(b"made" + name.encode())
        return {"classes": 5}

    def find_or_run(stage: Stage, context: Context[Spec]) -> Entry:
        return context.store.build(stage.key, lambda folder: leave(stage, folder))

    monkeypatch.setattr(Stage, "find_or_run", find_or_run)
    monkeypatch.setattr(code, "part", lambda builder: ("code", "0"))
    monkeypatch.setattr("tools.storage.store._require_same_code", lambda key, builder: None)
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, "1") for name in names))
    return done


@pytest.mark.parametrize(("spec", "kind", "parts"), [(TSM, "recogniser", 1), (BSN, "localiser", 2)])
def test_mini_weights_are_fitted_to_the_mini_data_once(tmp_path: Path, made: list[Stage], spec: Spec, kind: str, parts: int) -> None:
    """Then they are found, and nobody looks at the thousands of files of the data. A network has a file."""
    context = run(tmp_path, spec)
    fitted = mini.weights(context)
    assert [mini.data(spec).key.kind, "weights"] == [stage.key.kind for stage in made]
    assert mini.key(spec, mini.data(spec).key) == made[1].key
    assert ("fitting the mini weights", "one to two minutes for a full-size network") == (made[1].doing, made[1].takes)
    assert made[1].build.func is mini._KINDS[kind].fit  # type: ignore[attr-defined,index]
    given, dataset = made[1].build.args  # type: ignore[attr-defined]
    assert (spec, context.settings) == (given.spec, given.settings)
    assert dataset.is_dir()

    made.clear()
    assert fitted.folder == mini.weights(context).folder
    assert [] == made
    found = weights.checkpoints(context)
    assert [] == made
    assert [(network.name, "mini", network) for network in spec.networks] == [(one.path.stem, one.origin, one.network) for one in found]
    assert parts == len(found)
    for one in found:
        assert sha256(one.path) == one.sha256
        one.require_unchanged()
    found[0].path.write_bytes(b"another")
    with pytest.raises(WeightsError, match=f"{found[0].path.name} has changed"):
        found[0].require_unchanged()


def test_mini_weights_are_those_of_their_spec_data_and_packages(made: list[Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    key = mini.key(TSM, mini.data(TSM).key)
    assert ("weights", "tsm-mini") == (key.kind, key.name)
    assert {"spec", "mini", "data", "torch", "mmaction2", "mmcv-lite", "mmengine", "code"} == set(dict(key.shaped_by))

    harder = replace(TSM, mini=replace(TSM.mini, ridge=(9.0,)))
    others = [mini.key(harder, mini.data(TSM).key), mini.key(TSM, mini.data(BSN).key)]
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, "2") for name in names))
    assert 4 == len({key, *others, mini.key(TSM, mini.data(TSM).key)})


def test_where_nothing_can_be_fitted_no_data_are_made(tmp_path: Path, made: list[Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be used in place of those that belong to imported weights. Data that are there are used."""
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, versions.ABSENT if name == "torch" else "1") for name in names))
    context = run(tmp_path)
    with pytest.raises(StoreError, match="fitting the mini weights needs torch, which is not installed here"):
        mini.weights(context)
    assert [] == made

    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, "1") for name in names))
    mini.data(TSM).find_or_run(context)
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, versions.ABSENT if name == "torch" else "1") for name in names))
    assert mini._data(context).folder.is_dir()


@pytest.mark.parametrize(("classes", "outputs"), [(5, 5), (0, 101)])
def test_a_checkpoint_is_checked_once_and_shapes_its_network(tmp_path: Path, made: list[Stage], monkeypatch: pytest.MonkeyPatch,
                                                            classes: int, outputs: int) -> None:
    """By its own head's classes, if it has one; another file is checked anew."""
    own = tmp_path / "own.pth"
    own.write_bytes(b"a checkpoint")
    context = run(tmp_path / "artifacts", weights=str(own), data="mini")
    monkeypatch.setattr(weights, "origin", lambda context: "own")
    real = Stage.find_or_run
    monkeypatch.setattr(Stage, "find_or_run", lambda stage, context: replace(real(stage, context), facts={"classes": classes}))
    [one] = weights.checkpoints(context)

    assert (own, sha256(own), "own", (outputs,)) == (one.path, one.sha256, one.origin, one.network.output.shape)
    assert ("checked", "tsm", "checking own.pth") == (made[0].key.kind, made[0].key.name, made[0].doing)
    assert (TSM.networks[0], own, sha256(own)) == made[0].build.args  # type: ignore[attr-defined]
    weights.checkpoints(context)
    assert 1 == len(made)
    own.write_bytes(b"another one")
    weights.checkpoints(context)
    assert 2 == len(made)


def test_a_checkpoint_that_changes_while_it_is_checked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.pth"
    own.write_bytes(b"a checkpoint")
    monkeypatch.setattr(networks, "load_network", lambda network, path, say: "a network")
    monkeypatch.setattr(networks, "head_outputs", lambda network, module: 7 if module == "a network" else 0)

    assert {"classes": 7} == weights._check(TSM.networks[0], own, sha256(own), tmp_path)
    with pytest.raises(WeightsError, match=r"own.pth has changed"):
        weights._check(TSM.networks[0], own, "0" * 64, tmp_path)


TOOLKIT: Any = SimpleNamespace(version="8.0.0", tunes=True)
GRAPH = Graph(Path("bs4.onnx"), "g" * 64, "w" * 64, (), 100, 200)


def test_a_cpu_loads_the_graph_and_an_npu_what_is_compiled_of_it(tmp_path: Path, made: list[Stage],
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled model holds its weights, and its peak is the device's matter."""
    monkeypatch.setattr(specialise, "graph", lambda context, checkpoint, batch: GRAPH)
    monkeypatch.setattr(cann, "find", lambda: TOOLKIT)
    checkpoint = Weights(tmp_path / "w.pth", "0" * 64, TSM.networks[0], "own")
    context = run(tmp_path, soc_version="Ascend310P3")
    assert GRAPH is deploy.loadable(context, checkpoint, Case("tsm", 4, Device("cpu")))
    assert [] == made

    found = deploy.loadable(context, checkpoint, Case("tsm", 4, Device("npu", 0)))
    assert ("om", "tsm-bs4", "minutes") == (made[0].key.kind, made[0].key.name, made[0].takes)
    assert "compiling tsm at batch 4 for Ascend310P3" == made[0].doing
    compiled = replace(GRAPH, path=found.path, digest=sha256(found.path), weights_bytes=len(b"made" + MODEL.encode()), peak_bytes=0)
    assert compiled == Graph(*(getattr(found, one.name) for one in fields(Graph)))
    assert made[0].key.digest == getattr(found, "made_of", "")
    assert MODEL == found.path.name


def test_a_compiled_model_is_that_of_its_graph_chip_toolkit_and_flags(tmp_path: Path, made: list[Stage]) -> None:
    settings, network = run(tmp_path).settings, TSM.networks[0]

    def digest(graph: Graph = GRAPH, batch: int = 4, soc: str = "Ascend310", version: str = "8.0.0", **options: Any) -> str:
        target = Target(soc, cast("Any", SimpleNamespace(version=version, tunes=True)))
        return deploy.stage(replace(settings, **options), Source.of(graph, network, batch), target).key.digest

    same = digest()
    others = [digest(replace(GRAPH, digest="h" * 64)), digest(replace(GRAPH, weights_digest="v" * 64)), digest(batch=8),
              digest(soc="Ascend310P3"), digest(version="8.0.1")]
    assert same == digest(replace(GRAPH, path=Path("elsewhere.onnx")))
    assert 6 == len({same, *others})


@pytest.mark.parametrize(("asked", "tunes", "tuned"), [("on", True, "RL,GA"), ("on", False, ""), ("off", True, "")])
def test_a_compilation_is_tuned_where_it_is_asked_for_and_can_be(tmp_path: Path, asked: str, tunes: bool, tuned: str) -> None:
    """What goes in is named with its shape, the batch first."""
    network = replace(TSM.networks[0], atc=replace(TSM.networks[0].atc, auto_tune="RL,GA"))
    settings = replace(Settings.parse({}), auto_tune=asked)
    target = Target("Ascend310", cast("Any", SimpleNamespace(tunes=tunes)))
    request = deploy._request(Source.of(GRAPH, network, 4), target, settings, tmp_path)

    assert (tuned, tmp_path / "graph.onnx", tmp_path / "model") == (request.auto_tune, request.model, request.output)
    shape = ",".join(map(str, (4, *network.input.shape)))
    assert f"--input_shape={network.input.name}:{shape}" in [flag.replace('"', "") for flag in request.flags()]


def test_a_chip_of_several_versions_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As npu-smi names it atc may know several; else the one that it is is taken."""
    chip = SimpleNamespace(name="310", soc_version="Ascend310")
    monkeypatch.setattr(deploy, "family", lambda device: SimpleNamespace(describe=lambda device: chip))
    assert "Ascend310" == deploy.soc_version(Device("npu", 0))

    chip.name, chip.soc_version = "910B", None
    with pytest.raises(CompileError, match="npu-smi names the chip '910B', which atc knows in several versions") as caught:
        deploy.soc_version(Device("npu", 3))
    assert "npu:3" == caught.value.where
    assert "say which with --soc-version (python -c 'import acl; print(acl.get_soc_name())' prints it)" == caught.value.remedy
