"""A compiled model that a person gives: what is certainly none is refused, the rest is for the runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest import tiny_graph
from suites.selftest.deployment.test_inspection import TINY
from suites.selftest.deployment.test_no_graph import BAD
from suites.selftest.engines.ascend import test_om_header as offline
from suites.selftest.simulated import om as simulated
from tools.deployment import given
from tools.errors import GraphError
from tools.machine.files import sha256
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage.context import Context


@pytest.fixture
def context() -> Context[Spec]:
    return Context(Settings.parse({}), TINY)


def name(context: Context[Spec], path: Path) -> str:
    """What a run calls the compiled model that a person gives."""
    graph = given.om_graph(context, TINY.networks[0], path)
    assert graph.given is not None
    return graph.given.name


@pytest.mark.parametrize("bad", ["empty", "text", "program", "checkpoint"])
def test_a_given_om_that_is_something_else_is_refused(context: Context[Spec], bad: str, tmp_path: Path) -> None:
    """Before a device is asked, and only where it is certain."""
    make, sentence = BAD[bad]
    make(tmp_path / "my.om")
    (tmp_path / "my.om").chmod(0o644)

    with pytest.raises(GraphError) as error:
        name(context, tmp_path / "my.om")
    assert error.value.what.startswith(sentence.partition(", and")[0])


def test_a_given_om_that_is_onnx_is_to_be_renamed(context: Context[Spec], tmp_path: Path) -> None:
    """The name decides who runs it."""
    tiny_graph.save(tmp_path / "my.om", 4).chmod(0o644)

    with pytest.raises(GraphError, match="the file is an ONNX graph, and no model that atc compiled") as error:
        name(context, tmp_path / "my.om")
    assert "name it .onnx" == error.value.remedy


def test_a_given_om_that_we_cannot_read_is_for_the_runtime(context: Context[Spec], tmp_path: Path) -> None:
    """The simulated runtime's models among it, a header that we do not understand, and archives."""
    path = tmp_path / "my.om"
    simulated.write(path, {"soc_version": "AscendSim310P3"}, b"\x08\x06onnx")
    assert f"my.om (sha256 {sha256(path)[:12]})" == name(context, path)
    for data in (b"IMOD" + bytes(10), b"PK\x03\x04" + bytes(30), bytes(40)):
        path.write_bytes(data)
        assert f"my.om (sha256 {sha256(path)[:12]})" == name(context, path)


def test_a_given_om_names_chip_and_compiler(context: Context[Spec], tmp_path: Path) -> None:
    """As far as the file tells them."""
    path = tmp_path / "my.om"
    path.write_bytes(offline.model(offline.BODY))
    path.chmod(0o600)

    assert name(context, path) == f"my.om (sha256 {sha256(path)[:12]}), for Ascend310P3, by atc 7.5.0.1.129"


@pytest.mark.parametrize(("spoil", "what"), [
    (lambda path: path.chmod(0o666), "group and others must not be able to write it"),
    (lambda path: (path.rename(path.with_name("real.om")), path.symlink_to("real.om")), "a regular file, not a link")])
def test_a_compiled_model_that_the_runtime_would_refuse_is_refused_first(tmp_path: Path, context: Context[Spec],
                                                                         spoil: Callable[[Path], object], what: str) -> None:
    """The runtime says nothing but that its path is wrong."""
    path = tmp_path / "mine.om"
    path.write_bytes(b"IMOD")
    path.chmod(0o644)
    spoil(path)
    with pytest.raises(GraphError, match=what) as error:
        name(context, path)

    assert "install -m 644 mine.om" in str(error.value.remedy)
