"""The simulated runtime module has the traps of the real one."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.simulated.trials import BATCH, GENERAL, MEMORY, PARAMETER, WEIGHTS, Host, program, trial

EXPECTED = BATCH @ WEIGHTS


def test_it_says_that_it_is_simulated(host: Host) -> None:
    """Module, model and chip name themselves so."""
    assert host.value("report(acl.__simulated__)") is True
    assert b"SIMULATED" in host.model.read_bytes().splitlines()[0]
    assert "| 4       Sim310P3" in program(host.npu, "npu-smi", "info").stdout


@pytest.mark.parametrize("feed", ["fed()", "acl.BaseTensor(BATCH.ctypes.data, BATCH.nbytes)"])
def test_a_run_gives_the_graphs_numbers(host: Host, feed: str) -> None:
    """A tensor on the device and a base tensor on the host give what the graph computes."""
    value = host.value(f"s = opened(); report(fetched(run(s, [{feed}])))")
    np.testing.assert_allclose(np.array(value, np.float32), EXPECTED, rtol=1e-6)


def test_outputs_carry_node_names(host: Host) -> None:
    """Only the session's own output names run; the ONNX name does not."""
    done = host.try_("s = opened(); report([s.get_outputs()[0].name, error(s.run, ['logits'], [fed()])])")
    assert ["Gemm_1:0:logits", GENERAL] == done.value
    assert "outnames logits not valid" in done.output


def test_an_output_is_on_the_device_until_fetched(host: Host) -> None:
    """np.array of an output that was not fetched is an object without dimensions, and no error."""
    found = "a = np.array(run(s, [fed()])[0])"
    assert [0, "object"] == host.value(f"s = opened(); {found}; report([a.ndim, str(a.dtype)])")


def test_arrays_are_no_feeds(host: Host) -> None:
    """NumPy arrays are refused by type."""
    assert "incompatible function arguments" in str(host.value("s = opened(); report(error(run, s, [BATCH]))"))


def test_a_host_tensor_breaks_the_kernel(host: Host) -> None:
    """Who forgets to_device gets a kernel fault, its code on fd 1 and a dump in the working folder."""
    done = host.try_("s = opened(); report(error(run, s, [acl.Tensor(BATCH)]))")
    assert GENERAL == done.value
    assert "runtime result = 507015" in done.output
    assert list((host.npu.root / "scratch").glob("exception_cb_index_0_*.bin"))


def test_only_bytes_are_checked(host: Host) -> None:
    """Another type and shape of the same size run; another size does not."""
    done = host.try_("s = opened(); report([error(run, s, [fed(np.zeros(6, np.int32))]), error(run, s, [fed(np.zeros(5, np.float32))])])")
    assert [None, GENERAL] == done.value
    assert "Check i:0 name:video in size:20 needsize:24 not match" in done.output


def test_strides_are_ignored(host: Host) -> None:
    """A transposed view is read as it lies in memory."""
    value = host.value("s = opened(); report(fetched(run(s, [fed(BATCH.T)])))")
    np.testing.assert_allclose(np.array(value, np.float32), EXPECTED, rtol=1e-6)


def test_unknown_formats_become_bytes(host: Host) -> None:
    """A long long array has as many bytes as it has elements."""
    assert ["uint8", 6] == host.value("s = opened(); t = acl.Tensor(np.arange(6, dtype=np.longlong)); "
                                      "t.to_device(0); t.to_host(); report([t.dtype.name, np.array(t).nbytes])")


def test_options_are_not_optional(host: Host) -> None:
    """None for options ends the process."""
    assert -signal.SIGSEGV == host.try_("acl.InferenceSession(MODEL, 0, None)").status


def test_a_tensor_needs_a_session(host: Host) -> None:
    """Before any session there is no context to allocate in."""
    assert MEMORY == host.value("report(error(acl.Tensor, BATCH))")


def test_descriptions_dangle(host: Host) -> None:
    """An element of get_inputs() is a reference: after its session it reads garbage."""
    assert ["video", False] == host.value("s = opened(); d = s.get_inputs()[0]; n = d.name; del s; report([n, d.name == 'video'])")


@pytest.mark.parametrize(("feeds", "status", "value"), [
    ("[fed()]", 0, GENERAL),
    ("[fed()] * 3", -signal.SIGSEGV, None),
    ("[acl.BaseTensor(BATCH.ctypes.data, BATCH.nbytes)] * 3", 0, "[3][ACL: runtime failure] "),
    ("{'left': fed(), 'rechts': fed()}", 0, GENERAL),
    ("{'left': fed(), 'right': fed()}", 0, None),
])
def test_the_number_of_inputs_counts(host: Host, feeds: str, status: int, value: str | None) -> None:
    """Too few are refused; too many tensors are read past the list's end, too many base tensors refused."""
    done = trial(host.npu, host.pair, f"s = opened(); report(error(run, s, {feeds}))")
    assert (status, value) == (done.status, done.value)


@pytest.mark.parametrize(("name", "mode", "sentence"), [
    ("link.om", 0o600, "path is soft link"), ("tiny.om", 0o660, "path permission should not be over 0o755"),
    ("R(2+1)D.om", 0o600, "path characters invalid"), ("tiny.bin", 0o600, "path suffix and size invalid"),
    ("/".join(["deep"] * 33 + ["tiny.om"]), 0o600, "path depth invalid"), ("missing.om", None, "path is not regular file"),
])
def test_new_builds_are_strict_about_paths(host: Host, tmp_path: Path, name: str, mode: int | None, sentence: str) -> None:
    """Links, loose permissions, characters, suffixes, depth: one error, and the reason on fd 1."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name == "link.om":
        path.symlink_to(host.model)
    elif mode is not None:
        shutil.copy(host.model, path)
        path.chmod(mode)
    done = host.try_(f"report(error(opened, 0, {str(path)!r}))")
    assert "please check model path" == done.value
    assert sentence in done.output


def test_old_builds_are_not(host: Host, tmp_path: Path) -> None:
    """The build of 2023 follows links."""
    host.npu.change(variant="2023-06")
    (tmp_path / "link.om").symlink_to(host.model)
    assert host.value(f"report(error(opened, 0, {str(tmp_path / 'link.om')!r}))") is None


@pytest.mark.parametrize(("change", "code"), [
    ({"chip": "Sim310"}, "socVersion=AscendSim310P3, ret: 0x7BC80"), ({"cann": "7.0.1"}, "545001"), ({}, "100012")])
def test_a_model_for_another_host_does_not_load(host: Host, tmp_path: Path, change: dict[str, str], code: str) -> None:
    """Another chip, an older toolkit, a damaged file: the same error, and the code on fd 1."""
    model = tmp_path / "tiny.om"
    model.write_bytes(host.model.read_bytes()[:len(host.model.read_bytes()) - (not change)])
    model.chmod(0o600)
    host.npu.change(**change)
    done = trial(host.npu, model, "report(error(opened))")
    assert PARAMETER == done.value
    assert code in done.output
