"""What is made of a graph for a device: by the family of the device, its engine and its precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from suites.selftest.deployment.test_found import GRAPH, TOOLKIT, TSM, run
from tools.deployment import compile as deploy
from tools.deployment import control_graph, half, tensorrt_engine
from tools.deployment.compile import MODEL, Source, Target
from tools.deployment.specialise import Given
from tools.engines.ascend import cann
from tools.engines.fit import Asked
from tools.errors import GraphError
from tools.machine.files import sha256
from tools.spec.case import Case, Device, Mode, Precision
from tools.spec.settings import Settings
from tools.storage.entries import Entry
from tools.storage.stages import Stage

GPU, NPU = Device("cuda", 0), Device("npu", 0)


@pytest.mark.parametrize(("device", "mode", "form"), [
    (Device("cpu"), Mode(), "onnx"), (GPU, Mode(), "onnx"), (GPU, Mode(precision="tf32"), "onnx"), (GPU, Mode(precision="fp16"), "half"),
    (GPU, Mode("tensorrt"), "tensorrt"), (GPU, Mode("tensorrt", "fp16"), "tensorrt"), (NPU, Mode(), "om"),
    (NPU, Mode(precision="fp16"), "om"),
])
def test_what_is_made_of_a_graph_follows_from_how_its_device_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: Device,
                                                                      mode: Mode, form: str) -> None:
    """A graph in half precision, an engine or a compiled model; float32 and TF32 take the graph itself."""
    monkeypatch.setattr(deploy, "family", lambda device: SimpleNamespace(LOADS="om" if device.family == "npu" else "onnx"))
    monkeypatch.setattr(half, "graph", lambda context, graph, name: f"half {name}")
    monkeypatch.setattr(tensorrt_engine, "graph", lambda context, graph, name, case: f"tensorrt {name}")
    monkeypatch.setattr(deploy, "_compiled", lambda *given: "om tsm-bs4")
    found: object = deploy.brought(run(tmp_path), GRAPH, TSM.networks[0], Case("tsm", 4, device, mode), Settings.parse({}))

    assert form == deploy.form(device, mode)
    assert found == (GRAPH if form == "onnx" else f"{form} tsm-bs4")


@pytest.mark.parametrize("asked", ["fp32", "tf32", "auto"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_persons_graph_computes_in_what_its_case_is_called(tmp_path: Path, asked: str, precision: str) -> None:
    """One of other numbers is refused where float32 or TF32 is asked for by name; unasked it is as it is."""
    given = replace(GRAPH, given=Given("mine", (), Asked("TCH"), precision, shape="4,8", input="x"))
    case = Case("tsm", 4, GPU, Mode(precision="tf32" if asked == "tf32" else ""))
    settings = run(tmp_path, precision=asked).settings
    if precision == "fp32" or asked == "auto":
        assert given == deploy.brought(run(tmp_path), given, TSM.networks[0], case, settings)
    else:
        with pytest.raises(GraphError, match=f"the graph computes in {precision}, and --precision says {asked}"):
            deploy.brought(run(tmp_path), given, TSM.networks[0], case, settings)


def test_a_precision_is_a_flag_of_the_compiler(tmp_path: Path) -> None:
    """None where nobody asks, so that models that are there are found; beside a person's own flags."""
    target = Target("Ascend310P3", TOOLKIT)

    def stage(precision: Precision, *flags: str) -> Stage:
        settings = replace(run(tmp_path).settings, precision=precision, atc_flags=flags)
        return deploy.stage(settings, Source.of(GRAPH, TSM.networks[0], 4), target)

    told = {precision: dict(stage(precision, "--a=1").key.shaped_by)["flags"] for precision in ("", "fp32", "fp16")}
    assert told == {precision: " ".join([told[""], *more]) for precision, more in {
        "": (), "fp32": ("--precision_mode=must_keep_origin_dtype",), "fp16": ("--precision_mode=force_fp16",)}.items()}
    assert ("--a=1", "--precision_mode=force_fp16") == stage("fp16", "--a=1").build.args[0].atc_flags  # type: ignore[attr-defined]
    assert 3 == len({stage(precision).key.digest for precision in ("", "fp32", "fp16")})


@pytest.mark.parametrize(("asked", "graph", "precision"), [
    ("", "fp32", "fp16"), ("fp16", "fp32", "fp16"), ("fp32", "fp32", "fp32"), ("fp32", "fp16", "fp16"), ("", "fp16", "fp16"),
])
def test_a_persons_graph_that_is_compiled_computes_as_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                               asked: Precision, graph: str, precision: str) -> None:
    """Float32 keeps whatever its own numbers are."""
    (tmp_path / MODEL).write_bytes(b"model")
    monkeypatch.setattr(cann, "find", lambda: TOOLKIT)
    monkeypatch.setattr(Stage, "find_or_run", lambda stage, context: Entry(stage.key, tmp_path, {MODEL: sha256(tmp_path / MODEL)}))
    given = replace(GRAPH, given=Given("mine", (), Asked("TCH"), graph, shape="4,8", input="x"))
    settings = run(tmp_path, soc_version="Ascend310P3", precision=asked or "auto").settings
    found = deploy.brought(run(tmp_path), given, TSM.networks[0], Case("tsm", 4, NPU, Mode(precision=asked)), settings)

    assert found.given is not None
    assert precision == found.given.precision


def test_a_compiled_file_has_its_precision_already() -> None:
    deploy.require_form(Path("mine.om"), NPU)
    deploy.require_form(Path("mine.onnx"), NPU, Mode(precision="fp32"))
    with pytest.raises(GraphError, match="compiled already, and --precision says in which numbers a graph is compiled") as caught:
        deploy.require_form(Path("mine.om"), NPU, Mode(precision="fp32"))
    assert "leave --precision out, or give the ONNX graph that it was compiled from" == caught.value.remedy


def test_the_control_is_compiled_alike_whatever_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its nights are compared, whatever precision a run asks for."""
    asked: list[Settings] = []
    monkeypatch.setattr(Stage, "find_or_run", lambda stage, context: stage_entry(stage, tmp_path))
    monkeypatch.setattr(deploy, "brought", lambda context, graph, network, case, settings: asked.append(settings) or graph)
    for precision in ("auto", "fp32"):
        control_graph.loadable(run(tmp_path, precision=precision), NPU)

    assert asked[0] == asked[1]


def stage_entry(stage: Stage, folder: Path) -> Entry:
    (folder / control_graph.FILE).write_bytes(b"graph")
    return Entry(stage.key, folder, {control_graph.FILE: "g"}, {"peak_bytes": 1})
