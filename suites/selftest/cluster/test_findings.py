"""What doctor says of a cluster: each node with what it has, and what is wrong with it with a step."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from suites.selftest.cluster.fake_cluster import CODE, node
from tools import doctor
from tools.cluster import findings, looking, session
from tools.cluster.values import Code, Node
from tools.engines.findings import NOTE, OK, WRONG, Finding
from tools.errors import ClusterError
from tools.machine import versions
from tools.spec.options import USES
from tools.spec.settings import Settings

GIB = 2**30
WHOLE = replace(node("one", "npu:0", "npu:1"), free_bytes=100 * GIB, full_data=("kinetics400", "ucf101"))
Show = Callable[..., tuple[int, str]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Show:
    """What `doctor --ray` ends with and prints, of a cluster of these nodes."""
    monkeypatch.setattr(looking, "code", lambda settings: CODE)
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, dict(WHOLE.packages)[name]) for name in names))

    def show(*nodes: Node, unfit: dict[str, str] | None = None, error: ClusterError | None = None) -> tuple[int, str]:
        def connect(settings: Settings) -> object:
            assert "head:6379" == settings.ray
            if error:
                raise error
            return SimpleNamespace(nodes=lambda: nodes, unfit=unfit or {}, close=lambda: closed.append(1))

        closed: list[int] = []
        monkeypatch.setattr(session, "connect", connect)
        status = doctor.main(["--ray", "head:6379"])
        assert len(closed) == (error is None)
        return status, capsys.readouterr().out

    return show


def test_a_whole_cluster_is_all_right(shown: Show) -> None:
    """A group for the cluster and one for each node, all ok, and how to say it all."""
    status, out = shown(WHOLE, replace(node("two"), free_bytes=50 * GIB, full_data=WHOLE.full_data, shares_store=True))

    assert 0 == status, out
    assert ["Cluster head:6379", "Node one", "Node two"] == [line for line in out.splitlines() if line.startswith(("Cluster", "Node"))]
    assert {"ok"} == {line[:7].strip() for line in out.splitlines() if "  " in line}
    assert "2 nodes with 2 npu, 2 cpu" in out
    assert "/clone/artifacts, its own, which gets by digest what it lacks, 100.0 GiB free" in out
    assert "/clone/artifacts, shared with this machine, 50.0 GiB free" in out
    assert "npu:0 (a chip), npu:1 (a chip), cpu; 8 CPUs and 64.0 GiB for tasks" in out
    assert "can be measured on: 2 nodes with 2 npu, 2 cpu; say --ray head:6379 --device npu,cpu" == out.splitlines()[-1]


def test_without_a_cluster_the_sentence_of_whoever_joins_it_is_all(shown: Show) -> None:
    """With its remedy; status 1."""
    status, out = shown(error=ClusterError("no Ray cluster answers at head:6379", remedy="start one"))

    assert 1 == status
    assert ["wrong    Ray                       no Ray cluster answers at head:6379", "         start one"] == out.splitlines()[1:3]
    assert "nothing can be measured on this cluster" == out.splitlines()[-1]


def test_a_cluster_without_a_node_that_fits_is_wrong(shown: Show) -> None:
    """Each of the others is named with what is wrong with it."""
    status, out = shown(unfit={"two": "it has the code of commit b, and here is a"})

    assert 1 == status
    assert "wrong    Ray                       0 nodes with no device; 1 that cannot be used" in out
    assert "Node two\nwrong    node                      it has the code of commit b, and here is a\n         put that right there" in out
    assert "nothing can be measured on this cluster" == out.splitlines()[-1]


def test_one_node_that_cannot_be_used_turns_the_status(shown: Show) -> None:
    """The others can be measured on all the same, and that is said."""
    status, out = shown(WHOLE, unfit={"two": "it did not answer in 60 s"})

    assert (1, "can be measured on: 1 node with 2 npu, 1 cpu; say --ray head:6379 --device npu,cpu") == (status, out.splitlines()[-1])


@pytest.mark.parametrize(("there", "here", "word", "remedy"), [
    (CODE, CODE, OK, ""),
    (replace(CODE, commit="b"), CODE, NOTE, ""),
    (replace(CODE, commit="b", digest="2"), CODE, WRONG, "git -C /clone checkout c0ffee there"),
    (replace(CODE, digest="2"), replace(CODE, commit="c0ffee+"), WRONG, "commit what is changed here"),
    (replace(CODE, ray="2.59.0"), CODE, WRONG, "./tools/setup --ray"),
    (replace(CODE, python="3.12.1"), CODE, WRONG, "./tools/setup --ray"),
])
def test_code_is_right_where_its_files_are_the_same(there: Code, here: Code, word: str, remedy: str) -> None:
    """A commit's name alone proves nothing; Ray and Python have to be the same versions."""
    found = findings.code(replace(WHOLE, code=there), here)

    assert (word, "code") == (found.word, found.thing)
    assert remedy in found.remedy
    assert bool(remedy) == bool(found.remedy)


@pytest.mark.parametrize(("there", "here", "word", "found"), [
    ("1.31.1", "1.31.1", OK, "1 that shape a measurement, all as here"),
    ("1.31.1+gpu", "1.31.1", OK, "1 that shape"),
    ("1.30.0", "1.31.1", WRONG, "onnxruntime 1.30.0, here 1.31.1"),
    ("absent", "1.31.1", NOTE, "onnxruntime absent"),
    ("1.31.1", "absent", OK, "1 that shape"),
])
def test_other_versions_are_wrong_and_absent_ones_a_note(
        monkeypatch: pytest.MonkeyPatch, there: str, here: str, word: str, found: str) -> None:
    """Parts of one list that other versions scored are none; the label of a build makes no other version."""
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, here) for name in names))
    one = findings.packages(replace(WHOLE, packages=(("onnxruntime", there),)))

    assert word == one.word
    assert found in one.found


def test_devices_that_are_left_out_are_wrong_each() -> None:
    """So is a node without any; what is simulated says so."""
    own, lost = findings.devices(replace(WHOLE, told=("npu2: its health is Critical",)))
    assert (OK, WRONG, "npu2: its health is Critical") == (own.word, lost.word, lost.found)
    [none] = findings.devices(replace(WHOLE, devices=()))
    assert (WRONG, "none that can be measured on; 8 CPUs and 64.0 GiB for tasks") == (none.word, none.found)
    assert "--resources" in none.remedy
    assert "npu:0 simulated (a chip)" in findings.devices(node("one", "npu:0sim"))[0].found


def test_little_room_is_a_note() -> None:
    full = findings.artifacts(replace(WHOLE, free_bytes=GIB))
    assert (NOTE, "/clone/artifacts, its own, which gets by digest what it lacks, 1.0 GiB free: little for what a model needs") == (
        full.word, full.found)
    assert "clipgate.toml" in full.remedy


def test_a_node_says_how_much_room_its_artifacts_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are, or will be."""
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=12345))
    said = looking.look(Settings.parse({}), "nothing")
    assert isinstance(said, Node)
    assert said.free_bytes == 12345


def test_data_that_only_other_nodes_have_is_a_note() -> None:
    """Those who lack clips are not given any, so that a node may be idle for that."""
    lacking = replace(WHOLE, full_data=("ucf101",))
    assert Finding(OK, "data sets", "ucf101 in /data") == findings.data(lacking, [lacking])
    found = findings.data(lacking, [lacking, WHOLE])
    assert (NOTE, "ucf101 in /data; kinetics400 only on others, so that no clip of that is read here") == (found.word, found.found)
    assert "no folder of data sets is named" == findings.data(replace(lacking, data_root="", full_data=()), []).found


def test_a_doctor_of_one_machine_asks_for_no_cluster() -> None:
    """The option is there, and is empty by default."""
    assert "--ray" in USES["doctor"]
    assert not Settings.parse({}).ray
