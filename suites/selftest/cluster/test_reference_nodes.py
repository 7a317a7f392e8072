"""Which references a cluster makes, and on which of its devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from suites.selftest.cluster.fake_cluster import Tasks, cluster, node
from suites.selftest.conftest import TINY_MODELS, keeping
from suites.selftest.specs import recogniser_spec
from tools.cluster import joined, references, session
from tools.errors import ClusterError, OptionError
from tools.machine.event import Event
from tools.measuring import kinds
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

SPEC = recogniser_spec(TINY_MODELS, "tiny")


@pytest.mark.parametrize(("spec", "how"), [
    (load_spec(MODELS, "bsn"), "a chain of networks"), (replace(SPEC, network=replace(SPEC.network, graph="own.onnx")), "on the CPU")],
    ids=["bsn", "an ONNX file"])
def test_what_has_no_parts_is_made_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: Spec, how: str) -> None:
    """As without --ray, and that is said; no cluster is joined."""
    said: list[str] = []
    asked: list[str] = []
    kind = SimpleNamespace(require_torch_device=lambda context, device: asked.append(device), dataset=lambda *given: None,
                           make_reference=lambda context, weights, dataset, device: f"made by torch on {device}")
    monkeypatch.setattr(kinds, "of", lambda spec: kind)
    monkeypatch.setattr(references, "checkpoints", lambda context: ())
    monkeypatch.setattr(session, "connect", lambda settings: pytest.fail("a cluster was joined"))
    context = Context(Settings.parse({"artifacts": str(tmp_path), "ray": "auto"}), spec, keeping(said))

    assert "made by torch on cuda:1" == references.make(context, "cuda:1")
    assert (["cuda:1"], 1) == (asked, len(said))
    assert how in said[0]
    assert said[0].endswith("this machine computes it all, whatever --ray says")


@pytest.mark.parametrize("device", ["cuda:1", "npu", "cpu:0"])
def test_a_task_gets_no_gpu_by_its_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str) -> None:
    """Ray hands them out; it is refused before any cluster is joined."""
    monkeypatch.setattr(session, "connect", lambda settings: pytest.fail("a cluster was joined"))
    with pytest.raises(OptionError, match="any GPU of the cluster") as caught:
        references.make(Context(Settings.parse({"artifacts": str(tmp_path), "ray": "auto"}), SPEC), device)
    assert ("--torch-device", "choose auto, cpu or cuda") == (caught.value.where, caught.value.remedy)


def test_a_cluster_that_cannot_do_it_is_refused_before_anything_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """To fit weights and to check clips takes minutes to hours."""
    monkeypatch.setattr(session, "connect", lambda settings: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(joined, "cluster", lambda *given: cluster(Tasks(np.zeros((0, 4), np.float32))))
    monkeypatch.setattr(references, "checkpoints", lambda context: pytest.fail("weights were looked for"))
    with pytest.raises(ClusterError, match="no node with torch has a device of the family cuda"):
        references.make(Context(Settings.parse({"artifacts": str(tmp_path), "ray": "auto"}), SPEC), "cuda")


@pytest.mark.parametrize(("device", "devices", "family"), [
    ("auto", ((), ("cuda:0",)), "cuda"), ("auto", ((), ("npu:0",)), "cpu"), ("auto", (("cuda:0sim",),), "cpu"),
    ("cpu", (("cuda:0",),), "cpu"), ("cuda", (("cuda:0",),), "cuda")])
def test_auto_is_gpus_where_a_node_has_a_real_one(device: str, devices: tuple[tuple[str, ...], ...], family: str) -> None:
    """Torch runs on no simulated one, and on no NPU."""
    assert family == references.family_of(device, [node(str(number), *own) for number, own in enumerate(devices)])


def test_a_torch_that_is_built_for_cpus_uses_no_gpu() -> None:
    """Its node's GPUs stay free for others."""
    assert "cpu" == references.family_of("auto", [node("one", "cuda:0", packages=(("torch", "2.13.0+cpu"),))])
    assert "cuda" == references.family_of("auto", [node("one", "cuda:0", packages=(("torch", "2.13.0+cu130"),))])


def test_a_cluster_without_what_torch_is_to_run_on_is_refused() -> None:
    """No GPU, or no torch; each node is named with what it lacks."""
    with pytest.raises(ClusterError, match="no node with torch has a device of the family cuda: 1 node with 1 cpu"):
        references.family_of("cuda", [node()])
    with pytest.raises(ClusterError, match="no node can run torch: one: it has no torch; two: other code"):
        references.torch_nodes([node(packages=(("torch", "absent"),))], {"two": "other code"})
    assert [node("two")] == references.torch_nodes([node(packages=(("torch", "absent"),)), node("two")], {})


@pytest.mark.parametrize(("told", "shown"), [
    ({"kind": "cell", "case": "tiny-bs1-cpu", "device": "one/cpu", "worker": "one/cpu"},
     {"kind": "cell", "case": "one/cpu", "device": "one/cpu", "worker": "one/cpu"}),
    ({"kind": "say", "text": "checking", "worker": "one/cpu"}, {"kind": "say", "text": "one/cpu: checking", "worker": "one/cpu"}),
    ({"kind": "say", "text": "a part was lost"}, {"kind": "say", "text": "a part was lost"}),
    ({"kind": "stage", "text": "scoring", "worker": "one/cpu"}, {"kind": "stage", "text": "scoring", "worker": "one/cpu"})],
    ids=["a part", "a sentence of a task", "a sentence of ours", "a stage"])
def test_what_a_task_tells_names_its_node(told: Event, shown: Event) -> None:
    """And no case, of which a reference has none."""
    heard: list[Event] = []
    references.tell(heard.append, told)
    assert [shown] == heard
