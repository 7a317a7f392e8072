"""Memory: what a graph will need at its peak, and a refusal before it is too late."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tools.deployment.specialise import peak_bytes
from tools.errors import MeasureError
from tools.machine import memory
from tools.machine.memory import ARENA_GROWTH, available_bytes, need_bytes, require

if TYPE_CHECKING:
    import onnx

KIB = 1024
Group = tuple[str, tuple[str, str, str], int | str]  # where it lies, the names of its files, its limit
Node = tuple[str, Sequence[str], Sequence[str]]
CHAIN: tuple[Node, ...] = (("Relu", "x", "a"), ("Relu", "a", "b"), ("Relu", "b", "y"))
SHORTCUT: tuple[Node, ...] = (("Relu", "x", "a"), ("Relu", "a", "b"), ("Add", "bx", "y"))
WIDE: tuple[Node, ...] = (("Relu", "x", "a"), ("Concat", "aaa", "b"), ("Relu", "b", "y"))
CONSTANT: tuple[Node, ...] = (("Add", "xw", "a"), ("Add", "aw", "y"))
UNUSED: tuple[Node, ...] = (("Relu", "x", "u"), ("Relu", "x", "a"), ("Relu", "a", "y"))
TWO_ENDS: tuple[Node, ...] = (("Relu", "x", "z"), ("Relu", "z", "a"), ("Relu", "a", "b"), ("Relu", "b", "y"))


def graph(nodes: Sequence[Node], batch: int = 1, outputs: str = "y") -> onnx.ModelProto:
    """A graph of elementwise nodes from x [batch, 4, 8, 8], a KiB a row.

    w is a constant of the same shape, listed as an input too.
    """
    from onnx import TensorProto, helper, numpy_helper

    def tensor(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 4 if name != "y" or nodes is not WIDE else 12, 8, 8])

    import numpy as np

    made = [helper.make_node(kind, list(given), list(out), **({"axis": 1} if kind == "Concat" else {})) for kind, given, out in nodes]
    constant = numpy_helper.from_array(np.zeros((batch, 4, 8, 8), np.float32), "w")
    return helper.make_model(helper.make_graph(made, "g", [tensor("x"), tensor("w")], [tensor(name) for name in outputs], [constant]))


@pytest.mark.parametrize(("nodes", "outputs", "peak_kib"), [
    (CHAIN, "y", 2),  # a node's input and output
    (SHORTCUT, "y", 3),  # x waits for the Add: x, a, b, then x, b, y
    (WIDE, "y", 6),  # b and y of three KiB each
    (CONSTANT, "y", 2),  # the constant is a weight, not an activation
    (UNUSED, "y", 2),  # u is read by nobody and gone at once
    (TWO_ENDS, "zy", 3),  # z is returned, so it stays: z, a, b and z, b, y
])
def test_the_peak_is_what_is_alive_at_once(nodes: Sequence[Node], outputs: str, peak_kib: int) -> None:
    """The peak is the most activations alive at one node, by hand: each from its node to its last reader."""
    assert peak_kib * KIB == peak_bytes(graph(nodes, outputs=outputs))


def test_the_peak_grows_with_the_batch() -> None:
    """Sixteen clips at once need sixteen times the activations of one."""
    assert 16 * peak_bytes(graph(SHORTCUT)) == peak_bytes(graph(SHORTCUT, batch=16))


def test_a_cell_needs_more_than_its_parts() -> None:
    """A cell's need has room for activations, weights twice, and every batch of the ring with one kept."""
    empty = need_bytes(0, 0, 0, 2)

    assert empty > 0
    assert 1000 * ARENA_GROWTH == need_bytes(1000, 0, 0, 2) - empty
    assert 2000 == need_bytes(0, 1000, 0, 2) - empty
    assert 3000 == need_bytes(0, 0, 1000, 2) - empty


def test_a_larger_batch_needs_more() -> None:
    """The need of a cell grows with its batch size."""
    needs = [need_bytes(peak_bytes(graph(SHORTCUT, batch)), 10 * KIB, batch * KIB, 2) for batch in (1, 4, 8, 16, 32, 64)]

    assert sorted(set(needs)) == needs


def test_a_need_beyond_the_machine_is_refused() -> None:
    """A cell that needs more than is free is a MeasureError with both numbers in GiB."""
    with pytest.raises(MeasureError) as caught:
        require(2**50, "tsm-bs64-cpu")

    found = re.fullmatch(r"tsm-bs64-cpu needs about 1048576\.0 GiB of memory, (\d+\.\d) GiB are free", caught.value.what)
    assert found
    assert float(found[1]) == pytest.approx(available_bytes() / 2**30, abs=1.0)


VERSION_2 = ("memory.max", "memory.current", "inactive_file")
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
NO_LIMIT_1 = 9223372036854771712


def group(folder: Path, names: tuple[str, str, str], limit: int | str, used: int = 300, cache: int = 100) -> None:
    """The files of a control group that may use *limit* bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"{'cache 7' if names is VERSION_1 else 'file 7'}\n{names[2]} {cache}\n")


@pytest.mark.parametrize(("own", "groups", "free"), [
    ("0::/\n", [("", VERSION_2, 1000)], 800),
    ("0::/\n", [("", VERSION_2, "max")], 5000),
    ("0::/user/job\n", [("user/job", VERSION_2, "max"), ("user", VERSION_2, 1000)], 800),
    ("4:memory:/\n", [("memory", VERSION_1, 1000)], 800),
    ("4:memory:/docker/4f\n0::/docker/4f\n", [("memory", VERSION_1, 1000)], 800),
    ("5:cpu,cpuacct:/x\n4:memory:/slurm/job_7/step\n", [("memory", VERSION_1, NO_LIMIT_1), ("memory/slurm/job_7", VERSION_1, 1000)], 800),
    ("4:memory:/\n", [("memory", VERSION_1, NO_LIMIT_1)], 5000),
    ("4:memory:/job\n", [("memory/job", VERSION_1, 250)], 50),
    ("", [], 5000),
], ids=["2", "2, no limit", "2, the job's parent", "1", "1, in a container", "1, the job's", "1, no limit", "1, nearly full", "none"])
def test_a_limit_of_the_container_or_the_job_counts(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, groups: list[Group], free: int) -> None:
    """In both versions of control groups: the limit, less what is used but for the cache."""
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=5000))
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "OWN_CGROUPS", tmp_path / "own")
    (tmp_path / "own").write_text(own)
    for place, names, limit in groups:
        group(tmp_path / "cgroup" / place, names, limit)

    assert free == available_bytes()


def test_a_small_need_is_met() -> None:
    """A cell that needs next to nothing starts."""
    require(1, "tsm-bs1-cpu")
