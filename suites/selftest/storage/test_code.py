"""The code in keys: what shapes an entry changes its digest, and what does not leaves it as it is."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from suites.selftest.storage.test_store import write
from tools.deployment import export
from tools.deployment.weights import Weights
from tools.errors import StoreError
from tools.machine import versions
from tools.spec import settings
from tools.spec.catalog import load_spec
from tools.spec.settings import MODELS, ROOT
from tools.storage import code
from tools.storage.entries import Key, manifest_path, read_manifest
from tools.storage.packing import choose, pack
from tools.storage.store import Store
from tools.storage.unpacking import unpack

EXPORT, SPECIALISE, COMPILE = "tools.deployment.export:build", "tools.deployment.specialise:build", "tools.deployment.compile:build"
REFERENCE, LOCALISER = "tools.measuring.reference:build", "tools.measuring.reference_localiser:build"
FITTED, TRAINED = "tools.deployment.mini:_fit_recogniser", "tools.deployment.mini:_fit_localiser"
CLIPS, VIDEOS = "tools.datasets.mini.clips:build", "tools.datasets.mini.videos:build"
CHECKED = "tools.deployment.weights:_check"
OF_CLIPS, OF_VIDEOS = "tools.measuring.reference_inputs:build_clips", "tools.measuring.reference_inputs:build_videos"
CONTENT = "tools.deployment.content:read"
GIVEN_GRAPH, OWN_GRAPH, OF_GRAPH = "tools.deployment.given:read", "tools.deployment.own_graph:read", "tools.measuring.reference_graph:build"
CONTROL = "tools.deployment.control_graph:build"
SEGMENT, SIMPLIFIED = "tools.locating.segment:build", "tools.locating.simplified:build"
HALF, TENSORRT = "tools.deployment.half:build", "tools.deployment.tensorrt_engine:build"
PLACES = {EXPORT, SPECIALISE, COMPILE, REFERENCE, LOCALISER, FITTED, TRAINED, CLIPS, VIDEOS, CHECKED, OF_CLIPS, OF_VIDEOS, GIVEN_GRAPH,
          OWN_GRAPH, OF_GRAPH, CONTENT, CONTROL, HALF, TENSORRT, SEGMENT, SIMPLIFIED}
GIVEN = {  # where a key's function is handed its builder: the builders it is handed
    "tools.deployment.mini:_KINDS[spec.kind].fit": {FITTED, TRAINED},
    "tools.measuring.reference_inputs:build": {OF_CLIPS, OF_VIDEOS},
}
SHAPING = {  # a line of the code, another one, and the stages whose entries it shapes
    "deployment/surgery.py": ("HEIGHT = 2", "HEIGHT = 3", {SPECIALISE, SIMPLIFIED}),
    "deployment/surgery_shift.py": ("        merged += 1", "        merged += 2", {SPECIALISE, SIMPLIFIED}),
    "deployment/export.py": ("OPSET = 11", "OPSET = 13", {EXPORT}),
    "deployment/half.py": ("LARGEST = 65504.0", "LARGEST = 65503.0", {HALF}),
    "engines/cuda/tensorrt.py": ('"trt_ep_context_embed_mode": "1"', '"trt_ep_context_embed_mode": "0"', {TENSORRT}),
    "deployment/content.py": ('"doc_string", "meta', '"doc", "meta', {CONTENT}),
    "deployment/control_graph.py": ("SEED = 20", "SEED = 21", {CONTROL}),
    "deployment/compile.py": ("if settings.auto_tune == \"on\" and target", "if target", {COMPILE}),
    "pytorch/networks.py": ("if network.softmax else scores", "if not network.softmax else scores", {EXPORT, REFERENCE, LOCALISER}),
    "pytorch/run.py": ("rows.shape[-1]).mean(1)", "rows.shape[-1]).amax(1)", {REFERENCE}),
    "pytorch/mini_recogniser.py": ("FOLDS = 5", "FOLDS = 4", {FITTED}),
    "datasets/mini/encode.py": ("STEADY = ", "STEADY = None or ", {CLIPS}),
    "pytorch/pipeline.py": ('"start_index": 1', '"start_index": 0', {REFERENCE, OF_CLIPS, FITTED, OF_GRAPH}),
    "engines/cpu.py": ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL", {OF_GRAPH}),
    "engines/fit.py": ('MERGED = "VTP"', 'MERGED = "VT"', {GIVEN_GRAPH, OWN_GRAPH, OF_GRAPH}),
    "measuring/scales.py": ("SUM = 0.02", "SUM = 0.2", {OF_GRAPH}),
    "localisation/snippet_features.py": ("COLUMNS = ", "COLUMNS = 0 + ", {TRAINED, VIDEOS, LOCALISER, OF_VIDEOS}),
    "machine/reading.py": ("np.loadtxt(lines, np.float32", "np.loadtxt(lines, np.float16", {TRAINED}),
    "storage/shards.py": ("if kept else 0", "if kept else 1", {REFERENCE, LOCALISER, OF_GRAPH}),
    "pytorch/checkpoints.py": ("BESIDE = ", "BESIDE = None or ", {EXPORT, REFERENCE, LOCALISER, CHECKED}),
}
IDLE = {  # what may change without any entry being made anew
    "a docstring": ("deployment/surgery.py", '"""Give the attributes of a convolution', '"""Give some attributes of a convolution'),
    "a comment": ("deployment/surgery.py", "HEIGHT = 2  # the axis", "HEIGHT = 2  # that axis"),
    "an error's words": ("deployment/surgery_shift.py", "constant-shift: the graph has no zeros", "constant-shift: no zeros"),
    "an event's words": ("measuring/reference.py", 'events.progress(f"{runner.name} reference"', 'events.progress(f"{runner.name}"'),
    "storage": ("storage/store.py", "shutil.rmtree(partial, ignore_errors=True)", "shutil.rmtree(partial)"),
    "the machine": ("machine/files.py", "import ", "import os as other\nimport "),
    "another stage's function": ("measuring/reference.py", 'DIGESTS not in entry.files', 'DIGESTS in entry.files'),
    "a layout": ("deployment/export.py", "BIG = 1024", "\n\nBIG    =    1024"),
}


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The digest of every stage in a copy of the project with one text replaced by another."""

    def edit(file: str, old: str, new: str) -> dict[str, str]:
        shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        path = tmp_path / "tools" / file
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new, 1) if "import" not in old else content.replace(f"\n{old}", f"\n{new}", 1))
        return {place: code.code_digest(place, tmp_path) for place in PLACES}

    return edit


@pytest.mark.parametrize("file", SHAPING)
def test_a_change_of_what_shapes_an_entry_changes_the_digests_of_its_stages(edited: Callable[..., dict[str, str]], file: str) -> None:
    """Of the stages that reach the changed line, and of no others."""
    old, new, stages = SHAPING[file]
    assert stages == {place for place, found in edited(file, old, new).items() if found != code.current(place)}


@pytest.mark.parametrize("what", IDLE)
def test_what_shapes_nothing_changes_no_digest(edited: Callable[..., dict[str, str]], what: str) -> None:
    """Words, layout, the machinery, and functions that no builder calls."""
    file, old, new = IDLE[what]
    assert {place: code.current(place) for place in PLACES} == edited(file, old, new)


def test_every_key_of_a_stage_has_a_part_for_its_code() -> None:
    """Found in the source: a function that makes a key names its builder's code."""
    without, builders = [], set()
    for path in sorted((ROOT / "tools").rglob("*.py")):
        for function in [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]:
            made = [ast.unparse(node) for node in ast.walk(function) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Key"]
            parts = [node for node in ast.walk(function) if isinstance(node, ast.Call) and ast.unparse(node.func) == "code.part"]
            without += [f"{path.name}: {key}" for key in made if not parts]
            builders |= {(path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."), ast.unparse(part.args[0])) for part in parts}
    named = {place for one in builders for place in GIVEN.get(":".join(one), {":".join(one)})}

    assert [] == without
    assert named == PLACES
    assert all(code.current(place) for place in PLACES)


def test_the_code_of_a_partial_is_that_of_its_function() -> None:
    """As builders travel to a child process."""
    assert f"{__name__}:shaped" == code.place_of(partial(partial(shaped, "a"), "b"))


def shaped(*values: str) -> Key:
    """A key of some code."""
    return Key("onnx", "net", (("weights", "5d" * 32), ("torch", "2.13.0"), *((code.CODE, value) for value in values)))


def test_what_is_made_anew_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code or a package changed since, with the old commit; asked for otherwise, it is new."""
    said: list[str] = []
    store = Store(tmp_path, said.append)
    monkeypatch.setattr(code, "current", lambda place: "a")
    made = store.build(shaped("a"), write("a"))
    assert [] == said

    store.build(replace(shaped("a"), shaped_by=(("weights", "6e" * 32), *shaped("a").shaped_by[1:])), write("a"))
    assert [] == said

    monkeypatch.setattr(code, "current", lambda place: "b")
    store.build(shaped("b"), write("a"))
    commit = versions.commit()
    assert [f"onnx/net is made anew: onnx/{made.folder.name}, made at commit {commit}, differs in code (a there, b here)"] == said


def test_an_entry_notes_the_commit_and_the_builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They lie in its manifest, which travels in archives byte by byte."""
    monkeypatch.setattr(versions, "commit", lambda: "5d5d5d+")
    manifest = read_manifest(manifest_path(tmp_path, Store(tmp_path).build(shaped(), write("a")).key))

    assert ("5d5d5d+", code.place_of(write("a"))) == (manifest.get("commit"), manifest.get("made_by"))


def test_code_that_changed_since_the_key_was_made_makes_nothing(tmp_path: Path) -> None:
    """A process that starts after an edit would file the new code's result under the old code's digest."""
    with pytest.raises(StoreError, match="has changed since this run looked for onnx/net"):
        Store(tmp_path).build(shaped("0" * 64), partial(export.build, Weights(tmp_path, "", load_spec(MODELS, "tsm").networks[0], "own")))


def test_a_commit_is_that_of_our_own_checkout_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed somewhere else, inside the checkout of another project say, it is unknown."""
    assert versions.UNKNOWN not in versions.commit() or not (ROOT / ".git").exists()
    monkeypatch.setattr(versions, "ROOT", ROOT / "tools")
    assert versions.UNKNOWN == versions.commit.__wrapped__()
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    assert versions.UNKNOWN == versions.commit.__wrapped__()


def test_the_digest_is_taken_from_the_files_of_this_project() -> None:
    """And found without git, by reading alone."""
    assert code.current(EXPORT) == code.code_digest(EXPORT, settings.ROOT) != ""


@pytest.fixture
def torchless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package is installed here."""
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, versions.ABSENT) for name in names))


@pytest.mark.usefixtures("torchless")
def test_without_torch_an_entry_of_other_code_is_lent_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found with its commit, also beside an absent version; other weights are still other weights."""
    monkeypatch.setattr(versions, "commit", lambda: "5d5d5d")
    others: list[str] = []
    store = Store(tmp_path, on_other=others.append)
    made = store.build(shaped("a"), write("a"))
    wanted = replace(shaped("b"), shaped_by=tuple((name, versions.ABSENT if name == "torch" else value)
                                                  for name, value in shaped("b").shaped_by))

    assert (made, made) == (store.find(wanted), store.find(made.key))
    assert ["onnx/net made by other code (5d5d5d)"] == others
    assert store.find(replace(wanted, shaped_by=(("weights", "6e" * 32), *wanted.shaped_by[1:]))) is None


@pytest.mark.usefixtures("torchless")
@pytest.mark.parametrize("kind", ["om", "control"])
def test_what_is_made_on_its_host_is_not_lent(tmp_path: Path, kind: str) -> None:
    """A compiled graph and the fixed small one need no torch: the new code makes them anew."""
    store = Store(tmp_path)
    store.build(replace(shaped("a"), kind=kind), write("a"))
    assert store.find(replace(shaped("b"), kind=kind)) is None


def test_with_torch_nothing_is_lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be made here is made here."""
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, "1") for name in names))
    store = Store(tmp_path)
    store.build(shaped("a"), write("a"))
    assert store.find(shaped("b")) is None


def test_an_import_names_other_code_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside `new`, with both commits; what the same code made is not named."""
    monkeypatch.setattr(code, "current", lambda place: "a")
    monkeypatch.setattr(versions, "commit", lambda: "5d5d5d")
    store = Store(tmp_path / "here")
    made = store.build(shaped("a"), write("a"))
    pack(store.root, [manifest_path(store.root, made.key)], tmp_path / "all.tar", print)
    said: list[str] = []
    unpack(tmp_path / "same", tmp_path / "all.tar", said.append)
    assert [f"new: {made.key}"] == said

    monkeypatch.setattr(code, "current", lambda place: "b")
    monkeypatch.setattr(versions, "commit", lambda: "6e6e6e")
    unpack(tmp_path / "there", tmp_path / "all.tar", said.append)
    assert [f"made by other code (5d5d5d; here 6e6e6e): {made.key}"] == said[2:]


def test_an_archive_leaves_out_what_our_code_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that differ in code alone ours travels; the only one of its request travels whoever made it."""
    store = Store(tmp_path)
    monkeypatch.setattr(code, "current", lambda place: "a")
    store.build(shaped("a"), write("a"))
    only = store.build(replace(shaped("a"), shaped_by=(("weights", "6e" * 32), *shaped("a").shaped_by[1:])), write("b"))
    monkeypatch.setattr(code, "current", lambda place: "b")
    ours = store.build(shaped("b"), write("c"))

    assert {only.folder, ours.folder} == {path.parent for path in choose(tmp_path, None, [])}
