"""What is missing is noticed before anything is built: each kind of lack happens, and all are one list."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.deployment import mini
from tools.deployment.specialise import Graph
from tools.engines import host
from tools.machine import device_locks, memory
from tools.measuring import planned, readiness, unbuilt
from tools.measuring.lack import Lack, as_one, stops
from tools.measuring.planned import Planned
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.settings import MODELS, Settings
from tools.storage import entries, store
from tools.storage.context import Context
from tools.storage.entries import Facts
from tools.storage.store import Store

CPU = Device("cpu")
Ask = Callable[..., tuple[Lack, ...]]
GIB = 2**30


@pytest.fixture
def cases() -> list[Case]:
    """The cells that are asked for; a test may put others in."""
    return [Case("tiny", batch, CPU) for batch in (1, 4)]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: list[Case]) -> Ask:
    """Ask what is missing with these options, on a cold store and with everything installed."""
    monkeypatch.setattr(unbuilt, "absent_packages", frozenset)  # torch is hidden from this test
    (tmp_path / "locks").mkdir(mode=0o700)

    def call(models: Path = TINY_MODELS, **options: str) -> tuple[Lack, ...]:
        given = {"artifacts": str(tmp_path / "artifacts"), "locks": str(tmp_path / "locks"), "models": str(models), **options}
        settings = Settings.parse(given)
        names = dict.fromkeys(case.model for case in cases)
        return readiness.of_cases(settings, {name: Context(settings, load_spec(models, name)) for name in names}, cases)

    return call


def whats(lacks: Sequence[Lack]) -> list[str]:
    return [lack.error.what for lack in lacks]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A list of one clip that is there."""
    (tmp_path / "a.mp4").write_bytes(b"a clip")
    listed = tmp_path / "own.txt"
    listed.write_text("a.mp4 0\n")
    return listed


def leave(folder: Path) -> Facts:
    (folder / "a").write_text("made")
    return {}


def test_where_nothing_is_missing_nothing_is_built_or_read(ask: Ask, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cold store lacks nothing that cannot be made. No file is hashed, and the store stays empty."""
    weights = tmp_path / "own.pth"
    weights.write_bytes(b"weights")
    for module in (entries, sys.modules["tools.deployment.weights"], sys.modules["tools.deployment.compile"]):
        monkeypatch.setattr(module, "sha256", lambda path: pytest.fail(f"{path} is hashed"))

    assert () == ask()
    assert () == ask(data=str(own), weights=str(weights))
    assert [] == [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]


def test_what_is_in_the_store_is_not_hashed(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its manifest tells enough. So the packages that made it are not missed either."""
    monkeypatch.setattr(store, "_require_same_code", lambda key, builder: None)
    made = Store(tmp_path / "artifacts" / "store").build(mini.data(load_spec(TINY_MODELS, "tiny")).key, leave)
    monkeypatch.setattr(entries, "sha256", lambda path: pytest.fail(f"{path} is hashed"))
    monkeypatch.setattr(unbuilt, "absent_packages", lambda: frozenset({"av"}))
    assert () == ask()

    made.file("a").unlink()
    assert ["making the mini clips needs av"] == [what[:30] for what in whats(ask())]


@pytest.mark.parametrize(("place", "words"), [("artifacts", "cannot write the artifact store"),
                                              ("locks", "in the place of the folder of locks")])
def test_a_folder_that_cannot_be_used_stops_the_run(ask: Ask, tmp_path: Path, cases: list[Case], place: str, words: str,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the place of the store, or a link in that of the locks."""
    wrong = tmp_path / "wrong"
    if place == "artifacts":
        wrong.touch()
    else:
        wrong.symlink_to(tmp_path / "locks")
        monkeypatch.setattr(device_locks, "own_folder", lambda: wrong)
    [found] = ask(**({"artifacts": str(wrong)} if place == "artifacts" else {"locks": ""}))

    assert words in found.error.what
    assert found.mistake
    assert stops([found], cases)


def test_packages_that_make_what_is_not_there_are_named_at_once(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that is blocked counts, though the package is installed; so do later steps' packages."""
    for module in ("torch", "mmaction", "mmengine", "onnxsim"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(unbuilt, "absent_packages", planned.absent_packages)
    [found] = ask()

    assert found.error.what.startswith("fitting the mini weights needs torch, mmaction2, mmengine, which are not installed here")
    assert "install torch, mmaction2, mmengine, onnxsim here with ./tools/setup" in str(found.error.remedy)


def test_packages_that_several_models_need_are_named_in_one_sentence(ask: Ask, cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    cases[:] = [Case("tsm", 1, CPU), Case("r2plus1d", 4, CPU)]
    monkeypatch.setattr(unbuilt, "absent_packages", lambda: frozenset({"onnxsim"}))
    [found] = ask(MODELS)

    assert ("what the store does not have yet of tsm, r2plus1d needs onnxsim to be built, which is not installed here"
            == found.error.what)
    assert "./tools/setup" in str(found.error.remedy)
    assert tuple(cases) == found.cases


@pytest.mark.parametrize(("weights", "words"), [("empty", "the checkpoint is empty"),
                                                ("published", "no weights of tiny were published"),
                                                ("folder", "--weights is a folder")])
def test_weights_that_are_not_there_are_noticed(ask: Ask, own: Path, tmp_path: Path, weights: str, words: str) -> None:
    """A file without anything in it, published ones that nobody has, or a folder in the place of a file."""
    place = tmp_path / weights
    if weights == "empty":
        place.touch()
    elif weights == "folder":
        place.mkdir()
    [found] = ask(data=str(own), weights=weights if weights == "published" else str(place))

    assert words in found.error.what


def test_published_weights_are_asked_for_before_a_run_that_fetches_none(ask: Ask, cases: list[Case], tmp_path: Path) -> None:
    """The lack says how they get there, and concerns the one model; other models go on."""
    cases[:] = [Case("tsm", 1, CPU), Case("bsn", 1, CPU)]
    lacks = [lack for lack in ask(MODELS, data="full", data_root=str(tmp_path)) if "weights" in lack.error.what]

    assert ["the published weights of tsm are not there", "the published weights of tem are not there"] == whats(lacks)
    assert "python -m tools.fetch weights tsm" in str(lacks[0].error.remedy)
    assert [(cases[0],), (cases[1],)] == [lack.cases for lack in lacks]


@pytest.mark.parametrize(("free", "lacking"), [(0, ["tsm", "r2plus1d"]), (GIB // 4, ["r2plus1d"]), (GIB, [])])
def test_a_disk_without_room_is_noticed(ask: Ask, cases: list[Case], monkeypatch: pytest.MonkeyPatch, free: int,
                                        lacking: list[str]) -> None:
    """By what the models still need in turn, with both numbers; one that fits before the others is ready."""
    cases[:] = [Case("tsm", 1, CPU), Case("r2plus1d", 1, CPU)]
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    found = ask(MODELS)

    assert lacking == [case.model for lack in found for case in lack.cases]
    if found:
        assert f"GiB of disk, {free / GIB:.2f} GiB are free" in found[0].error.what
        assert "--artifacts DIR" in str(found[0].error.remedy)


def test_a_cell_that_needs_more_memory_than_is_free_is_noticed(ask: Ask, cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its graph is there already, by the same estimate as before it is measured; others go on."""
    graphs = {("tiny", batch): Graph(Path("bs.onnx"), "", "", (), 0, batch * GIB) for batch in (1, 4)}
    monkeypatch.setattr(readiness, "plan", lambda context, batches, forms: Planned((), graphs))
    monkeypatch.setattr(memory, "available_bytes", lambda: 5 * GIB)
    [found] = ask()

    assert (cases[1],) == found.cases
    assert found.error.what.startswith("tiny-bs4-cpu needs about 10.")
    assert not stops([found], cases)


def test_a_broken_engine_is_noticed_with_the_word_of_its_import(ask: Ask, tmp_path: Path, cases: list[Case],
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process that imports it, as a cell would."""
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libonnx.so: no such symbol')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    host.require_engine.cache_clear()
    [found] = ask()

    assert "the CPU's engine cannot be loaded: ImportError: libonnx.so: no such symbol" == found.error.what
    assert stops([found], cases)


def test_a_given_graph_that_one_batch_size_lacks_stops_no_other(ask: Ask, tmp_path: Path, cases: list[Case]) -> None:
    (tmp_path / "my_bs1.onnx").touch()
    [found] = ask(graph=str(tmp_path / "my_bs{batch}.onnx"))

    assert "there is no graph of batch 4: no such file" == found.error.what
    assert (cases[1],) == found.cases
    (tmp_path / "my_bs4.om").touch()
    [compiled] = ask(graph=str(tmp_path / "my_bs4.om"))
    assert "cpu runs ONNX graphs, and this file is compiled for an Ascend device" == compiled.error.what


def test_all_that_is_missing_is_one_list(ask: Ask, own: Path, tmp_path: Path, cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad line, an empty checkpoint, two packages and a disk without room: each with its remedy."""
    own.write_text("a.mp4 0\nb.mp4\n")
    (tmp_path / "own.pth").touch()
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=0))
    monkeypatch.setattr(unbuilt, "absent_packages", lambda: frozenset({"torch", "onnxsim"}))
    lacks = ask(data=str(own), weights=str(tmp_path / "own.pth"))
    said = str(as_one(lacks, cases))

    assert said.startswith("4 things are missing or wrong, and nothing has been built:\n  1. expected 'path label', found 1 fields\n")
    for words in (f"where   {own}:2", "2. the checkpoint is empty", "3. checking own.pth needs torch",
                  "torch, onnxsim here with ./tools/setup", "4. what is selected still takes about"):
        assert words in said
    assert 4 == said.count("remedy")


def test_an_option_that_cannot_be_meant_is_told_with_the_rest(ask: Ask, own: Path, cases: list[Case],
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's mistake ends what is asked of that model, and nothing else."""
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=0))
    [found] = ask(data=str(own))

    assert "a list of your own needs to know whose weights to judge" == found.error.what
    assert found.mistake
    assert tuple(cases) == found.cases
