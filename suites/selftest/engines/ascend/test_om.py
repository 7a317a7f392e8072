"""What is said of a compiled model that aclruntime would refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.engines.ascend import om
from tools.engines.ascend.family import FAMILY
from tools.errors import StoreError

PLAIN = Path("/srv/models")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that aclruntime would load."""
    path = tmp_path / "model.om"
    path.write_bytes(b"model")
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o400, 0o755])
def test_a_file_that_keeps_every_rule_is_not_refused(model: Path, mode: int) -> None:
    """Readable by its owner, writable by nobody else."""
    model.chmod(mode)

    assert om.refusal(model) == ""


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o620, 0o602])
def test_a_file_that_others_can_write_is_refused(model: Path, mode: int) -> None:
    """The sentence names the mode and the right ones."""
    model.chmod(mode)

    assert f"group and others must not be able to write it (mode {mode:o}; 644 or 600 is right)" == om.refusal(model)


def test_a_file_that_its_owner_cannot_read_is_refused(model: Path) -> None:
    """Also where the user is root, who could."""
    model.chmod(0o200)

    assert "it must be readable" == om.refusal(model)


def test_a_link_is_refused(model: Path) -> None:
    """Even one to a file that is fine."""
    link = model.with_name("link.om")
    link.symlink_to(model)

    assert "it must be a regular file, not a link" == om.refusal(link)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """Whatever it is called."""
    folder = tmp_path / "folder.om"
    folder.mkdir()

    assert "it must be a regular file, not a link" == om.refusal(folder)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With a sentence of its own."""
    assert "it is not there" == om.refusal(tmp_path / "model.om")


@pytest.mark.parametrize("name", ["model.onnx", "model.OM", "model", "model.om.bak"])
def test_another_suffix_is_refused(model: Path, name: str) -> None:
    """Only .om will do."""
    path = model.rename(model.with_name(name))

    assert "its name must end in .om" == om.refusal(path)


def test_a_file_over_64_gib_is_refused(model: Path) -> None:
    """One byte too many is; 64 GiB are not."""
    os.truncate(model, 64 * 2**30)
    assert om.refusal(model) == ""

    os.truncate(model, 64 * 2**30 + 1)
    assert "it must not be larger than 64 GiB" == om.refusal(model)


@pytest.mark.parametrize(("name", "strange"), [("R(2+1)D", "'(' ')' '+'"), ("my models", "' '"), ("模型", "'型' '模'"), ("a@b", "'@'"),
                                               ("a:b", "':'"), ("~user", "'~'"), ("café", "'é'"), ("line\nbreak", r"'\n'")])
def test_a_path_with_strange_characters_is_refused(name: str, strange: str) -> None:
    """The sentence shows each of them once, for a file as for the folder that all models are to lie below."""
    sentence = f"a path may hold letters, digits and _ . / - only, not {strange}"

    assert sentence == om.refusal(PLAIN / name / "model.om")
    with pytest.raises(StoreError) as error:
        om.require_root(PLAIN / name)
    assert f"aclruntime would refuse every model below this folder: {sentence}" == error.value.what
    assert error.value.where == str(PLAIN / name)


def test_every_allowed_character_is_allowed(tmp_path: Path) -> None:
    """Letters, digits, and four signs."""
    om.require_root(tmp_path / "AZaz09_.-")


def deep(count: int) -> Path:
    """A path of *count* parts below the root."""
    return Path("/", *["d"] * count)


def test_a_file_may_be_32_deep() -> None:
    """One more is refused before the file is looked at."""
    assert "it is not there" == om.refusal(deep(31) / "model.om")
    assert "a path may be 32 folders deep, this one is 33" == om.refusal(deep(32) / "model.om")


def test_the_root_leaves_room_for_the_store() -> None:
    """A model lies four levels below the artifacts folder: store/om/<entry>/model.om."""
    om.require_root(deep(28))
    with pytest.raises(StoreError, match="a path may be 32 folders deep, this one is 33"):
        om.require_root(deep(29))


def test_a_relative_path_is_judged_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The characters above it count too."""
    folder = tmp_path / "my models"
    folder.mkdir()
    monkeypatch.chdir(folder)

    assert "only, not ' '" in om.refusal(Path("model.om"))


def test_the_npu_asks_this_of_the_artifacts_folder() -> None:
    """Before anything is built."""
    with pytest.raises(StoreError, match="not ' '"):
        FAMILY.require(PLAIN / "my models")
