"""What the NPU's module says of devices, files and what a runtime gives, without a process of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.simulated.npu import SimulatedNpu, Smi
from suites.selftest.tiny_graph import NETWORK, batch_of
from tools.engines.ascend import cann
from tools.engines.ascend import engine as npu
from tools.engines.ascend.engine import NpuEngine, load
from tools.engines.ascend.family import FAMILY
from tools.engines.fit import exact
from tools.engines.idle import Watch
from tools.errors import DeviceError, EngineError
from tools.spec.case import Device

SIMULATED, REAL = Device("npu", 0, simulated=True), Device("npu", 0)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedNpu:
    """A simulated host that this process is on, with nothing else on PATH but what runs its programs."""
    made = SimulatedNpu(tmp_path / "host")
    for name, value in (made.environment() | {"PATH": f"{made.root}/driver/bin:/usr/bin:/bin"}).items():
        monkeypatch.setenv(name, value)
    return made


@pytest.mark.parametrize("smi", ["310", "310P", "910B", "new"])
def test_a_device_is_described_by_its_own_chip(host: SimulatedNpu, smi: Smi) -> None:
    """In every layout of npu-smi, as the chip that programs open by its number."""
    host.change(smi=smi)
    host.fault("health", device=0, word="Critical")
    found = FAMILY.describe(Device("npu", 1, simulated=True))

    assert ("Sim310P3", True, "AscendSim310P3") == (found.name, found.simulated, found.soc_version)


@pytest.mark.parametrize("word", ["Critical", "UNKNOWN"])
def test_an_unfit_device_is_refused(host: SimulatedNpu, word: str) -> None:
    """By its label and its health."""
    host.fault("health", device=0, word=word)
    with pytest.raises(DeviceError) as error:
        FAMILY.describe(SIMULATED)

    assert ("npu0sim is not fit to be used: its health is " + word, "npu-smi info") == (error.value.what, error.value.where)


@pytest.mark.parametrize("word", ["Warning", "Alarm"])
def test_an_ailing_device_is_used(host: SimulatedNpu, word: str) -> None:
    """What it measures says how it was."""
    host.fault("health", device=0, word=word)

    assert "Sim310P3" == FAMILY.describe(SIMULATED).name


def test_a_device_that_npu_smi_does_not_show_is_refused(host: SimulatedNpu) -> None:
    """It names the device."""
    with pytest.raises(DeviceError, match="npu-smi shows no device 5"):
        FAMILY.describe(Device("npu", 5, simulated=True))


def test_a_machine_without_npu_smi_is_told(host: SimulatedNpu) -> None:
    """With what is missing."""
    host.hide("npu-smi")
    with pytest.raises(DeviceError) as error:
        FAMILY.describe(SIMULATED)

    assert "no Ascend device: npu-smi is not on PATH" == error.value.what


def test_node_and_chip_agree_on_what_is_simulated(host: SimulatedNpu) -> None:
    """A real node with a simulated chip is refused, and the other way round."""
    with pytest.raises(DeviceError, match="npu0 and the chip name 'Sim310P3' disagree on whether this is a simulation"):
        FAMILY.describe(REAL)

    host.change(chip="310P3")
    assert "310P3" == FAMILY.describe(REAL).name
    with pytest.raises(DeviceError, match="npu0sim and the chip name '310P3' disagree on whether this is a simulation"):
        FAMILY.describe(SIMULATED)


def test_a_watch_looks_at_the_device_it_is_for(host: SimulatedNpu) -> None:
    """By its number: what speaks against device 1 is seen by its own watch alone."""
    host.fault("health", device=1, word="Warning")
    watches = [FAMILY.watch(Device("npu", number)) for number in (0, 1)]

    assert all(isinstance(watch, Watch) for watch in watches)
    assert [False, True] == [bool(watch._before().busy) for watch in watches]


def test_a_process_gets_the_toolkits_libraries(host: SimulatedNpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it starts, since the loader looks only then."""
    monkeypatch.setattr(cann, "DRIVER_LIBRARIES", ())
    found = FAMILY.environment(Device("npu", 0))

    assert str(host.toolkit / "lib64") in found["LD_LIBRARY_PATH"].split(":")
    assert str(host.toolkit) == found["ASCEND_HOME_PATH"]
    assert not {"PATH", "PYTHONPATH"} & set(found)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.om"
    path.write_bytes(b"model")
    return path


def refusal(device: Device, path: Path) -> EngineError:
    with pytest.raises(EngineError) as error:
        load(device, path, NETWORK, 4)
    return error.value


@pytest.mark.parametrize(("how", "rule"), [("link", "it must be a regular file, not a link"), ("missing", "it is not there"), (
    "writable", "group and others must not be able to write it (mode 664; 644 or 600 is right)")])
def test_a_file_that_the_runtime_would_refuse_is_not_given_to_it(model: Path, how: str, rule: str) -> None:
    """The runtime would only say to check the path."""
    model.chmod(0o664 if how == "writable" else 0o644)
    if how != "writable":
        model = model.with_name("other.om")
    if how == "link":
        model.symlink_to("model.om")
    error = refusal(SIMULATED, model)

    assert (f"aclruntime refuses this file: {rule}", str(model)) == (error.what, error.where)
    assert "python -m tools.store verify" == error.remedy


@pytest.mark.parametrize(("device", "simulated"), [(REAL, True), (SIMULATED, False), (SIMULATED, None)])
def test_node_and_runtime_agree_on_what_is_simulated(model: Path, monkeypatch: pytest.MonkeyPatch, device: Device,
                                                     simulated: bool | None) -> None:
    """A module that does not say is a real one; nothing of it is called."""
    module = SimpleNamespace(__file__="/there.so", **({} if simulated is None else {"__simulated__": simulated}))
    monkeypatch.setitem(sys.modules, "aclruntime", module)
    monkeypatch.setattr(npu, "unbuffer_stdout", lambda: None)
    error = refusal(device, model)

    assert f"{device.label} and this aclruntime disagree on whether they are a simulation" == error.what
    assert "/there.so" == error.where


@pytest.mark.parametrize(("said", "sources"), [
    ("libascendcl.so: cannot open shared object file: No such file or directory", True),
    ("libascend_hal.so: cannot open shared object file: No such file or directory", True),
    ("/venv/lib/python3.11/aclruntime.cpython-311-x86_64-linux-gnu.so: undefined symbol: aclmdlExecute", False),
    ("/lib64/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by /venv/lib/aclruntime.so)", False),
    ("No module named 'aclruntime'", False)])
def test_a_runtime_that_cannot_be_imported_is_explained(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str,
                                                        sources: bool) -> None:
    """A missing library wants set_env.sh, everything else another wheel; the tag of this Python is named."""
    (tmp_path / "aclruntime.py").write_text(f"raise ImportError({said!r})")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(npu, "unbuffer_stdout", lambda: None)
    error = refusal(SIMULATED, model)

    assert f"aclruntime cannot be imported: {said}" == error.what
    assert f"cp{sys.version_info.major}{sys.version_info.minor}" in str(error.where)
    assert ("source CANN's set_env.sh and check the driver's libraries" if sources else npu.WHEEL) == error.remedy


class Tensor:
    """A tensor that keeps what it was made of."""

    def __init__(self, array: Any) -> None:
        self.array, self.on = np.asarray(array), -1

    def to_device(self, device: int) -> None:
        self.on = device

    def to_host(self) -> None:
        self.on = -1

    def __array__(self, *given: Any, **named: Any) -> Any:
        return self.array


class Session:
    """A session that answers with *output*, whatever it is given; its input is declared as number *dtype*."""

    def __init__(self, output: Any, dtype: int = 0, size: int = 4 * 4 * 24, status: int = 0) -> None:
        self.inputs = [SimpleNamespace(name="video", datatype=dtype, shape=[4, 2, 3, 4], size=size)]
        self.outputs = [SimpleNamespace(name="Softmax_2:0:scores", datatype=0, shape=[4, 5], size=80)]
        self.output, self.status, self.given = output, status, (list[str](), list[Any]())

    def get_inputs(self) -> Any:
        return self.inputs

    def get_outputs(self) -> Any:
        return self.outputs

    def run(self, names: list[str], tensors: list[Tensor]) -> list[Tensor]:
        self.given = (names, tensors)
        return [Tensor(self.output)]

    def free_resource(self) -> int:
        return self.status


def engine(session: Any, **network: Any) -> NpuEngine:
    fit = exact(npu.ports(session), replace(NETWORK, **network), 4)
    return NpuEngine(SimpleNamespace(Tensor=Tensor), session, 3, fit)  # type: ignore[arg-type]


def test_a_model_that_takes_half_precision_gets_it() -> None:
    """On its device, under the runtime's own name of the output; what comes back is float32."""
    session = Session(np.ones((4, 5), np.float16), dtype=1, size=2 * 4 * 24)
    scores = engine(session).infer(batch_of(4))
    names, [tensor] = session.given

    assert (["Softmax_2:0:scores"], np.float16, 3) == (names, tensor.array.dtype, tensor.on)
    np.testing.assert_array_equal(batch_of(4).astype(np.float16), tensor.array)
    assert (np.float32, (4, 5)) == (scores.dtype, scores.shape)


@pytest.mark.parametrize("output", [np.array(None, object), np.zeros((4, 5), np.uint8), np.zeros((4, 5)), np.zeros((5, 4), np.float32),
                                    np.zeros(20, np.float32)])
def test_what_is_no_answer_is_an_error(output: Any) -> None:
    """An object, another type or another shape: builds differ in what they make of a tensor off the host."""
    with pytest.raises(EngineError, match=r"the graph gave .* not \[4, 5\]"):
        engine(Session(output)).infer(batch_of(4))


@pytest.mark.parametrize("number", [27, 5, 9])
def test_a_type_that_is_not_known_is_refused(number: int) -> None:
    """bfloat16 and whatever else the extension's enum may not know."""
    with pytest.raises(EngineError, match="the graph's input is"):
        engine(Session(None, dtype=number))


def test_a_size_that_the_shape_does_not_have_is_refused() -> None:
    """The runtime would read beyond the batch."""
    with pytest.raises(EngineError, match="the model takes 400 bytes, the batch has 384"):
        engine(Session(None, size=400)).infer(batch_of(4))


def test_a_model_that_cannot_be_unloaded_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The status is easy to overlook; the scores stay good."""
    engine(Session(None, status=1)).close()
    engine(Session(None)).close()

    assert ["the model could not be unloaded: free_resource gives 1"] == capsys.readouterr().err.splitlines()
