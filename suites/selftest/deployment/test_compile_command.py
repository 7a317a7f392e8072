"""What compiling and fetching by hand make of their lines."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools import compile as compile_command
from tools import engines, fetch
from tools.deployment.compile import Source
from tools.deployment.specialise import Graph
from tools.engines.ascend import cann, ready
from tools.errors import CompileError, DeviceError, OptionError, WeightsError
from tools.measuring import readiness
from tools.spec.case import Device
from tools.spec.catalog import load_spec
from tools.spec.settings import MODELS


def line(folder: Path, *words: str, models: Path = TINY_MODELS) -> list[str]:
    return [*words, f"--models={models}", f"--artifacts={folder}"]


def test_a_compiled_model_is_told_by_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of each network, or of the one that is named, for the chip that is named or found."""
    asked: list[object] = []
    entry = SimpleNamespace(file=lambda name: f"{asked[-1]}/{name}")

    def source_graph(context: object, checkpoint: Any, batch: int) -> Graph:
        return Graph(Path(f"graph of {checkpoint.network.name} {batch}"), "", "", (), 0, 0)

    def stage(settings: object, source: Source, target: Any) -> object:
        asked.append(f"{source.name}, {source.graph.path}, {target.soc_version} {target.toolkit}")
        return SimpleNamespace(make=lambda context: entry)

    networks = [SimpleNamespace(network=network) for network in load_spec(MODELS, "bsn").networks]
    monkeypatch.setattr(compile_command, "_note_another_chip", lambda context, device: None)
    monkeypatch.setattr(compile_command, "_device", lambda text: text)
    monkeypatch.setattr(compile_command, "soc_version", lambda device: f"found of {device}")
    monkeypatch.setattr(cann, "find", lambda: "8.0")
    monkeypatch.setattr(compile_command, "checkpoints", lambda context: networks)
    monkeypatch.setattr(compile_command, "source_graph", source_graph)
    monkeypatch.setattr(compile_command, "stage", stage)
    monkeypatch.setattr(readiness, "of_model", lambda context, batches, soc: ())

    assert 0 == compile_command.main(line(tmp_path, "bsn", "4", "--soc-version", "Ascend310", models=MODELS))
    assert ["tem-bs4, graph of tem 4, Ascend310 8.0", "pem-bs4, graph of pem 4, Ascend310 8.0"] == asked
    assert [f"{one}/model.om" for one in asked] == capsys.readouterr().out.splitlines()
    asked.clear()
    assert 0 == compile_command.main(line(tmp_path, "bsn", "8", "--network", "pem", "--device", "npu:3", models=MODELS))
    assert ["pem-bs8, graph of pem 8, found of npu:3 8.0"] == asked


def test_a_precision_that_no_npu_has_is_refused(tmp_path: Path) -> None:
    """Before anything is looked for."""
    with pytest.raises(OptionError, match="npu:0 does not compute in tf32") as caught:
        compile_command.main(line(tmp_path, "tiny", "4", "--soc-version", "Ascend310", "--precision", "tf32"))
    assert "choose one of: auto, fp32, fp16" == caught.value.remedy


def parsed(text: str) -> Device:
    """A device by its name, whether it is here or not."""
    name, _, number = text.partition(":")
    return Device(name, int(number) if number else None)


@pytest.mark.parametrize(("text", "where"), [("cpu", "--device cpu"), (None, "no --soc-version, and no Ascend device here")])
def test_a_chip_must_be_named_where_none_is_here(monkeypatch: pytest.MonkeyPatch, text: str | None, where: str) -> None:
    monkeypatch.setattr(engines, "parse", parsed)
    monkeypatch.setattr(engines, "devices", lambda: iter([Device("cpu")]))
    with pytest.raises(CompileError, match="nothing says which chip to compile for") as caught:
        compile_command._device(text)
    assert (where, "say it with --soc-version, for example Ascend310P3") == (caught.value.where, caught.value.remedy)

    monkeypatch.setattr(engines, "devices", lambda: iter([Device("npu", 2), Device("cpu")]))
    assert Device("npu", 2) == compile_command._device(None)
    assert Device("npu", 5) == compile_command._device("npu:5")


@pytest.mark.parametrize(("soc", "device", "raised", "said"), [
    ("", "npu:0", OptionError("it is another"), []), ("Ascend310", "cpu", OptionError("it is another"), []),
    ("Ascend310", "npu:0", None, []),
    ("Ascend310", "npu:0", OptionError("it is another"), ["note: it is another; compiling goes on"]),
    ("Ascend310", "npu:1", DeviceError("no answer"), ["note: nobody knows which chip npu1 is: no answer"]),
    ("Ascend310", None, OptionError("it is another"), ["note: it is another; compiling goes on"]),
])
def test_another_chip_than_the_one_here_is_noted(monkeypatch: pytest.MonkeyPatch, soc: str, device: str | None,
                                                 raised: Exception | None, said: list[str]) -> None:
    """Compiling needs no device, so it goes on."""
    told: list[str] = []

    def require(chip: object, found: Device, wanted: str) -> None:
        assert ("a chip", soc) == (chip, wanted)
        if raised:
            raise raised

    monkeypatch.setattr(engines, "devices", lambda: iter([Device("npu", 0)]))
    monkeypatch.setattr(engines, "parse", parsed)
    monkeypatch.setattr(engines, "family",
                        lambda found: SimpleNamespace(LOADS="om" if found.family == "npu" else "onnx", describe=lambda device: "a chip"))
    monkeypatch.setattr(ready, "require_chip", require)
    compile_command._note_another_chip(cast("Any", SimpleNamespace(settings=SimpleNamespace(soc_version=soc), say=told.append)), device)

    assert said == told


def test_a_model_without_published_weights_is_an_error_where_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of all models those are fetched that have any; a model that is named twice is fetched once."""
    def published(models: Path, artifacts: Path, spec: Any) -> list[str]:
        if spec == "none":
            raise WeightsError("none were published")
        return [f"of {spec}"]

    monkeypatch.setattr(fetch, "published", published)
    monkeypatch.setattr(fetch, "load_spec", lambda models, name: name)
    monkeypatch.setattr(fetch, "model_names", lambda models: ["a", "none", "b"])
    parse = fetch._parser().parse_args

    assert ["of a", "of b"] == fetch._wanted(parse(["weights", "--artifacts", str(tmp_path)]))
    assert ["of b", "of a"] == fetch._wanted(parse(["weights", "b", "a", "b"]))
    with pytest.raises(WeightsError, match="none were published"):
        fetch._wanted(parse(["weights", "a", "none"]))
