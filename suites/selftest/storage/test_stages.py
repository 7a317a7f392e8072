"""A stage found, made here or by a child process; a run's words; models and references carried elsewhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.errors import ChildError, OptionError, StoreError
from tools.machine import child, quiet
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage import carry, stages
from tools.storage.context import Context
from tools.storage.entries import Entry, Facts, Key
from tools.storage.stages import Stage

SPEC = load_spec(TINY_MODELS, "tiny")


def leave(folder: Path) -> Facts:
    (folder / "a").write_text("made")
    return {"number": 7}


STAGE = Stage(Key("onnx", "a", (("batch", "1"),)), "making a", leave, takes="minutes")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def context(tmp_path: Path, said: list[str]) -> Context[Spec]:
    return Context(Settings.parse({"artifacts": str(tmp_path)}), SPEC, lambda event: said.append(f"{event['kind']} {event['text']}"))


def test_what_is_not_there_is_made_by_a_child_and_then_found(context: Context[Spec], said: list[str],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """The user reads what is made, how long it takes and how long it took; its log lies in the store."""
    asked: list[Any] = []

    def call(work: Any, title: str, **how: Any) -> None:
        asked.append((title, how))
        work()

    monkeypatch.setattr(child, "call", call)
    entry = STAGE.find_or_run(context)
    assert ["say making a (minutes) ...", "stage making a", "ended making a", "say making a: 0 s"] == said
    assert ({"number": 7}, "made") == (dict(entry.facts), entry.file("a").read_text())
    [(title, how)] = asked
    assert ("making a", context.on_event, context.settings.store / "logs") == (title, how["on_event"], how["log"].parent)
    assert how["log"].name.startswith("onnx-a-")
    assert entry.folder == STAGE.find_or_run(context).folder == STAGE.make(context).folder
    assert 1 == len(asked)


def seen(locks: str, folder: Path) -> Facts:
    """Who is seen at work on this host while an artifact is made."""
    return {"seen": len(quiet.workers(locks)), **leave(folder)}


@pytest.mark.parametrize("how", ["make", "find_or_run"])
def test_whoever_times_meanwhile_sees_what_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """By a command as by a child process, and no longer than it is made."""
    (tmp_path / "locks").mkdir(mode=0o700)
    locks = str(tmp_path / "locks")
    monkeypatch.setattr(child, "call", lambda work, title, **how: work())
    entry = getattr(Stage(Key("onnx", "a", ()), "making a", partial(seen, locks)), how)(
        Context(Settings.parse({"artifacts": str(tmp_path), "locks": locks}), SPEC, lambda event: None))

    assert 1 == entry.facts["seen"]
    assert () == quiet.workers(locks)


def test_what_was_made_and_is_gone_is_an_error(context: Context[Spec], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "call", lambda work, title, **how: None)
    with pytest.raises(ChildError, match=f"{STAGE.key} was made and is not there") as caught:
        STAGE.find_or_run(context)
    assert (str(context.settings.store), "somebody removes entries while they are made: run it again") == (
        caught.value.where, caught.value.remedy)


def test_a_child_is_not_started_where_its_package_lacks(context: Context[Spec], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "call", lambda work, title, **how: pytest.fail("it was started"))
    key = Key("onnx", "a", (("torch", "absent"),))
    with pytest.raises(StoreError, match="making a needs torch, which is not installed here"):
        Stage(key, "making a", leave).find_or_run(context)


def test_a_run_says_once_what_other_code_made(context: Context[Spec], said: list[str]) -> None:
    """And shares it with the same run typed otherwise."""
    for other in ("x", "y", "x"):
        context.store._on_other(other)
    again = context.of(load_spec(MODELS, "bsn"))

    assert (["x", "y"], ["say x", "say y"]) == (context.others, said)
    assert again.others is context.others
    assert ("bsn", context.settings, context.on_event) == (again.spec.name, again.settings, again.on_event)


def test_a_command_line_gives_its_own_words_and_the_run(tmp_path: Path) -> None:
    """An unknown model is an error; so is a store that cannot be written, before anything else."""
    line = ["tiny", "it", f"--models={TINY_MODELS}", f"--artifacts={tmp_path}", "--clips=7"]
    options, context = stages.parse("reference", "About it.", line, lambda parser: parser.add_argument("word"))
    assert ("it", "tiny", 7, SPEC) == (options.word, options.model, context.settings.clips, context.spec)
    with pytest.raises(OptionError, match="unknown model 'none'"):
        stages.parse("reference", None, ["none", *line[2:]])
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write the artifact store"):
        stages.parse("reference", None, ["tiny", f"--models={TINY_MODELS}", f"--artifacts={tmp_path / 'file'}"])


def entries(context: Context[Spec], *keys: Key) -> list[Entry]:
    return [context.store.build(key, leave) for key in keys]


def test_references_are_carried_with_their_inputs(context: Context[Spec], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the model alone; without scores there is nothing to carry, and nothing is written."""
    file = tmp_path / "tiny.tar"
    line = ["export", "tiny", str(file), f"--models={TINY_MODELS}", f"--artifacts={tmp_path}"]
    entries(context, Key("inputs", "tiny", ()))
    with pytest.raises(StoreError, match="no reference of tiny is in the store") as caught:
        carry.carry_references(line)
    assert (str(tmp_path / "store"), "make it: python -m tools.reference tiny") == (caught.value.where, caught.value.remedy)
    assert not file.exists()

    entries(context, Key("reference", "tiny", ()), Key("reference", "other", ()), Key("onnx", "tiny", ()))
    assert 0 == carry.carry_references(line)
    assert capsys.readouterr().out.splitlines()[-1] == f"2 entries, {file.stat().st_size / 2**20:.1f} MiB: {file}"
    there = tmp_path / "there"
    assert 0 == carry.carry_references(["import", str(file), f"--artifacts={there}"])
    assert {"inputs", "reference"} == {path.name for path in (there / "store").iterdir()} & {"inputs", "reference", "onnx"}


def test_entries_of_chosen_models_are_carried(context: Context[Spec], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the model's name, its networks' and its mini weights'. Of nothing the error says how to make it."""
    root, file = tmp_path / "store", tmp_path / "a.tar"
    for names, words, remedy in ((["tsm", "bsn"], "tsm or bsn", "tsm"), ([], "any model", "tsm"), (["bsn"], "bsn", "bsn")):
        with pytest.raises(StoreError, match=f"nothing of {words} is in the store") as caught:
            carry.export_models(root, file, MODELS, names, [])
        assert (str(root), f"make it: pytest -m {remedy} -k bs1") == (caught.value.where, caught.value.remedy)

    entries(context, Key("onnx", "tem", ()), Key("weights", "bsn-mini", ()), Key("reference", "bsn", ()), Key("onnx", "tsm", ()))
    for names, count in ((["bsn"], 3), (["tsm"], 1), ([], 4)):
        carry.export_models(root, file, MODELS, names, [])
        said = capsys.readouterr().out
        assert f"{count} entries, " in said
        assert ("note: " in said) == (names == ["tsm"])
