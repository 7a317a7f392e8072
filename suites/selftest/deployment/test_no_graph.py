"""What is told of a file that is no graph, or a damaged one: one sentence, whatever its bytes."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx.external_data_helper import set_external_data

from suites.selftest import tiny_graph
from suites.selftest.conftest import TINY_MODELS, ran
from suites.selftest.deployment.test_inspection import TINY, TSM, save, told
from tools.engines.ascend import om_header
from tools.errors import GraphError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("my.onnx")


def pickled(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tsm/data.pkl", b"\x80\x02}.")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {  # what lies there -> what is said of it
    "empty": (lambda path: path.write_bytes(b""), "the file is empty, and neither"),
    "text": (lambda path: path.write_text("top1 93 %\n"), "the file is a text, and neither"),
    "pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "the file is only a pointer of Git LFS"),
    "program": (lambda path: path.write_bytes(b"\x7fELF\2\1\1\0"), "the file is a program or library (ELF)"),
    "packed": (lambda path: path.write_bytes(gzip.compress(b"graph")), "the file is packed with gzip"),
    "checkpoint": (pickled, "the file is a checkpoint of torch"),
    "array": (lambda path: path.write_bytes(b"\x93NUMPY\1\0"), "the file is an array of NumPy"),
    "folder": (lambda path: path.mkdir(), "this is a folder, and one file is asked for"),
    "nothing": (lambda path: None, "no such file"),
}


def test_a_name_that_no_file_can_have_is_no_exception(path: Path) -> None:
    """Neither the graph's, nor one of weights that it names."""
    with pytest.raises(GraphError, match="the file cannot be found: File name too long"):
        told(Path("x" * 300), TSM)
    model = save(path, [4, 8, 3, 224, 224], [4, 101])
    set_external_data(model.graph.initializer[0], "w" * 300)
    model.graph.initializer[0].ClearField("raw_data")
    path.write_bytes(model.SerializeToString())

    assert f"Its weights are missing: {'w' * 300}. Keep them beside the graph." == told(path, TSM)[1]


@pytest.mark.parametrize("suffix", [".onnx", ".om"])
@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_graph_is_one_sentence_and_status_1(bad: str, suffix: str, tmp_path: Path) -> None:
    """It says what the file is, where that is certain, and where it lies."""
    make, sentence = BAD[bad]
    path = tmp_path / f"my{suffix}"
    make(path)
    done = ran("inspect", str(path), "--models", str(TINY_MODELS))

    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(sentence)
    assert [f"  where   {path}", "  remedy  "] == [done.stderr.splitlines()[1], done.stderr.splitlines()[2][:10]]


@pytest.mark.parametrize(("name", "data", "sentence"), [
    ("my.onnx", b"\x08\x06\x12\x07pyt", "the file is no ONNX graph, or is cut off"),
    ("my.onnx", b"\x0a\x03abc\x10\x01", "the file is no ONNX graph, or is cut off"),
    ("my.onnx", b"\x08\x06\x12\x04mine", "the file is no ONNX graph, or is cut off"),
    ("my.om", b"PK\x03\x04" + bytes(300), om_header.UNKNOWN), ("my.om", bytes(300), om_header.UNKNOWN),
    ("my.om", b"IMOD" + bytes(100), "the file is cut off in its header, after 104 of 256 bytes"),
    ("my.onnx", b"IMOD" + bytes(100), "the file is cut off in its header, after 104 of 256 bytes")])
def test_a_damaged_file_is_one_sentence(name: str, data: bytes, sentence: str, tmp_path: Path) -> None:
    """Cut off, a message of another kind, without nodes, or nothing that is known."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(GraphError) as error:
        told(tmp_path / name, TINY)

    assert (sentence, str(tmp_path / name)) == (error.value.what, error.value.where)


def test_a_graph_that_is_cut_anywhere_is_a_graph_or_one_sentence(tmp_path: Path) -> None:
    """No length leaves a reader with an exception of Python."""
    whole = tiny_graph.save(tmp_path / "whole.onnx", 4).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        with pytest.raises(GraphError):
            told(tmp_path / "cut.onnx", TINY)


def test_a_text_that_is_none_is_damage(path: Path) -> None:
    """Bytes that are no UTF-8 where a name stands."""
    save(path, [4, 8, 3, 224, 224], [4, 101])
    for name in (b"clip", b"Own", b"com.mine", b"mine", b"weights"):
        (path.parent / "bad.onnx").write_bytes(path.read_bytes().replace(name, b"\xff" + name[1:]))
        with pytest.raises(GraphError, match="the file is no ONNX graph, or is cut off"):
            told(path.parent / "bad.onnx", TSM)


def test_a_type_that_nobody_knows_fits_nothing(path: Path) -> None:
    """It is told by its number."""
    save(path, [4, 8, 3, 224, 224], [4, 101], 66)

    assert "inputs        clip type 66 [4, 8, 3, 224, 224]" in told(path, TSM)
    assert "my.onnx fits none of the models." == told(path, TSM)[0]


def test_changed_bytes_are_told_of_or_one_sentence(tmp_path: Path) -> None:
    """No byte leaves a reader with an exception of Python."""
    whole = tiny_graph.save(tmp_path / "whole.onnx", 4).read_bytes()
    chosen = np.random.default_rng(1)
    places = [number for number in range(len(whole)) if not 150 < number < len(whole) - 100]  # the rest are weights
    for _ in range(150):
        changed = bytearray(whole)
        for place in chosen.choice(places, 3):
            changed[place] = chosen.integers(256)
        (tmp_path / "changed.onnx").write_bytes(changed)
        try:
            told(tmp_path / "changed.onnx", TINY)
        except GraphError as error:
            assert str(tmp_path / "changed.onnx") == error.where
