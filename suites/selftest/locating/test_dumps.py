"""Dumps of a device stand in for it: their names say what they are of, and where its error begins."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.locating.small import Arrays, device, node, normal, weights, whole
from tools.errors import OptionError
from tools.locating import told
from tools.locating.between import between, model_of
from tools.locating.cutting import with_outputs
from tools.locating.dump_names import names
from tools.locating.dumps import from_dumps, read
from tools.locating.on_cpu import as_written
from tools.locating.values import Runs
from tools.locating.whole import Whole

FEEDS = {"video": normal(2, 4, 8, 8)}
AROUND = {"pads": [1, 1, 1, 1]}
MADE = ["a/c.1", "a/r.1", "b/c.2", "b/s.2", "scores"]
ONNX = ["Conv_a_c_1.0.1682148256368588", "Relu_a_r_1.0.1682148256368589", "Conv_b_c_2.0.1682148256368590",
        "Add_b_s_2.0.1682148256368591", "Relu_scores.0.1682148256368592"]
MODEL = ["Conv2D.Conv_a_c_1.3.5.1682067845380164.output.0", "Relu.Relu_a_r_1.8.5.1682067845380165.output.0.2x4x8x8",
         "Conv2D.Conv_b_c_2.9.1682067845380166.output.0", "Add.Add_b_s_2.10.5.1682067845380167.1.0.0.0.output.0",
         "Relu.Relu_scores.11.5.1682067845380168.output.0"]


def graph() -> Whole:
    """Two convolutions, of which the second is added to what the first made."""
    nodes = [node("Conv", ["video", "v"], "a/c.1", **AROUND), node("Relu", ["a/c.1"], "a/r.1"),
             node("Conv", ["a/r.1", "w"], "b/c.2", **AROUND), node("Add", ["b/c.2", "a/r.1"], "b/s.2"), node("Relu", ["b/s.2"], "scores")]
    return whole(nodes, FEEDS, {"v": normal(4, 4, 3, 3, seed=1), "w": normal(4, 4, 3, 3, seed=2)})


def dumped(folder: Path, files: dict[str, str], runs: Runs = as_written, feeds: Arrays = FEEDS,
           change: Callable[[Any], Any] = np.asarray) -> Path:
    """What *runs* gives, *files* by the name of the tensor that each holds."""
    given = runs(with_outputs(graph(), [name for name in files if name in MADE]), feeds)
    for tensor, name in files.items():
        np.save(folder / f"{name}.npy", change({**given, **feeds}[tensor]))
    return folder


def one_percent_more(value: np.ndarray) -> None:
    value *= 1.01


SPOILT = device(weights("w", one_percent_more))


@pytest.mark.parametrize("called", [MADE, ONNX, MODEL], ids=["tensors", "onnx", "offline-model"])
def test_the_first_node_that_errs_is_found(called: list[str], tmp_path: Path) -> None:
    """Whichever way files are named: what comes after it has no error of its own."""
    files = dict(zip(MADE, [re.sub("[./]", "_", one) for one in called] if called is MADE else called, strict=True))

    dumps = read(dumped(tmp_path, files, SPOILT), graph())
    found = from_dumps(graph(), FEEDS, as_written, dumps, "fp32")

    assert (dumps.unknown, dumps.unclear, dumps.lacking) == ((), (), ())
    assert found.kind == "node"
    assert found.span is not None
    assert found.span.name == "Conv_b/c.2"
    assert [one.own is not None and one.own.weight > found.limit for one in found.seen] == [False, False, True, False, False]
    assert [one.cumulative is not None and one.cumulative.weight > found.limit for one in found.seen] == [False, False, True, True, True]
    assert ["all 4 channels of its weight w are 1.010 times the graph's"] == [one.sentence for one in found.causes]


def test_nodes_between_dumps_are_told_together(tmp_path: Path) -> None:
    """Where the guilty node's own tensor is not dumped: nobody knows whether one of them errs or several."""
    dumps = read(dumped(tmp_path, {"a/c.1": ONNX[0], "scores": ONNX[4]}, SPOILT), graph())

    found = from_dumps(graph(), FEEDS, as_written, dumps, "fp32")

    assert (found.kind, found.among) == ("between", 4)
    assert found.span is not None
    assert (found.span.name, found.span.start, found.span.stop) == ("between Conv_a/c.1 and Relu_scores", 1, 5)
    assert "one of these 4 nodes, or several: nothing was dumped between them; own error " in told.result(found, {})
    assert dumps.lacking == ("a/r.1", "b/c.2", "b/s.2")


def test_nothing_is_said_of_scores_that_are_not_dumped(tmp_path: Path) -> None:
    """The last tensor that is dumped is not taken for them."""
    dumps = read(dumped(tmp_path, {"a/c.1": ONNX[0], "b/s.2": ONNX[3]}), graph())
    found = from_dumps(graph(), FEEDS, as_written, dumps, "fp32", "scores")
    assert ("nothing", None) == (found.kind, found.scores)
    assert told.result(found, {}).endswith("; the scores were not compared")
    assert "computes what its graph says" not in told.result(found, {})

    dumps = read(dumped(tmp_path, {"scores": ONNX[4]}, SPOILT), graph())
    scores = from_dumps(graph(), FEEDS, as_written, dumps, "fp32", "scores").scores
    assert scores is not None
    assert scores.rms > 1e-4


def test_a_device_that_is_right_has_nothing_found(tmp_path: Path) -> None:
    """Dumps of the reference itself, in another type."""
    dumps = read(dumped(tmp_path, dict(zip(MADE, ONNX, strict=True)), change=lambda one: one.astype(np.float64)), graph())

    assert from_dumps(graph(), FEEDS, as_written, dumps, "fp32").kind == "nothing"


def test_rounding_that_adds_up_is_nothing(tmp_path: Path) -> None:
    """Errors that are usual for each part may come to more together."""
    parts = between(graph(), ["a/c.1", "scores"])
    given = dict(FEEDS)
    for part, scale in zip(parts, (3.6e-3, 2.8e-3), strict=True):
        model, fed = model_of(graph(), [part], given)
        made = as_written(model, fed)[part.made]
        given[part.made] = made * (1 + normal(*made.shape, seed=3, scale=scale))
        np.save(tmp_path / f"{part.made.replace('/', '_').replace('.', '_')}.npy", given[part.made])

    found = from_dumps(graph(), FEEDS, as_written, read(tmp_path, graph()), "fp16")

    assert max(one.cumulative.weight for one in found.seen if one.cumulative) > found.limit
    assert found.kind == "nothing"


def test_dumps_of_another_input_are_refused(tmp_path: Path) -> None:
    """Where the device's input was dumped as well, since all tensors would differ."""
    folder = dumped(tmp_path, {"video": "video", "scores": "scores"}, feeds={"video": normal(2, 4, 8, 8, seed=5)})

    with pytest.raises(OptionError, match="another input: video"):
        from_dumps(graph(), FEEDS, as_written, read(folder, graph()), "fp32")


def test_a_device_errs_no_more_than_its_own_dumped_input_lets_it(tmp_path: Path) -> None:
    """A little other one is refused where float32 tells it; where rounding explains it no node is blamed."""
    near = {"video": (FEEDS["video"] * 1.002).astype(np.float32)}
    dumps = read(dumped(tmp_path, dict(zip(["video", *MADE], ["video", *ONNX], strict=True)), feeds=near), graph())

    with pytest.raises(OptionError, match="another input: video"):
        from_dumps(graph(), FEEDS, as_written, dumps, "fp32")
    found = from_dumps(graph(), FEEDS, as_written, dumps, "fp16")
    assert all(one.own is not None and one.own.weight < 1e-6 for one in found.seen)


@pytest.mark.parametrize("feeds", [FEEDS, {"video": normal(2, 4, 8, 8, seed=5)}], ids=["same", "another"])
@pytest.mark.parametrize("runs", [as_written, SPOILT], ids=["right", "spoilt"])
def test_an_input_that_is_not_dumped_may_be_another(tmp_path: Path, feeds: Arrays, runs: Runs) -> None:
    """So says the first part where it errs, and no other one."""
    dumps = read(dumped(tmp_path, dict(zip(MADE, ONNX, strict=True)), runs, feeds), graph())
    found = from_dumps(graph(), FEEDS, as_written, dumps, "fp32")

    told_ = [one.sentence for one in found.causes if one.kind == "input"]
    assert (["it reads the input, which is not among the dumps and may be another one"] if feeds is not FEEDS else []) == told_


def test_files_that_name_nothing_are_told(tmp_path: Path) -> None:
    """Inputs of nodes, operators of the device's own, and slices of a tensor are left aside."""
    strange = ["TransData.trans_TransData_0.3.5.1682067845380164.output.0", "Relu.Relu_scores.11.5.1682067845380168.input.0",
               "Relu.Relu_scores_lxslice0.11.5.1682067845380168.output.0", "Relu.Relu_scores.11.5.1682067845380168.output.1"]
    for name in strange:
        np.save(tmp_path / f"{name}.npy", np.zeros(3))
    (tmp_path / "notes.txt").write_text("by hand")

    dumps = read(dumped(tmp_path, {"scores": "scores"}), graph())

    assert sorted(f"{name}.npy" for name in strange) == sorted(dumps.unknown)
    assert list(dumps.files) == ["scores"]


def test_fused_nodes_make_what_the_last_of_them_makes() -> None:
    """An offline model joins the names of the nodes that one of its own stands for."""
    known = names(graph())

    assert known.tensors_of("Conv2D.Conv_b_c_2Add_b_s_2Relu_scores.9.5.1682067845380166.output.0") == ("scores",)
    assert known.tensors_of("Conv2D.Conv_b_c_2Pow_x.9.5.1682067845380166.output.0") == ()


def test_a_name_of_two_tensors_is_unclear(tmp_path: Path) -> None:
    """Names that only differ in what files cannot have are not guessed."""
    twins = whole([node("Relu", ["video"], "a.b"), node("Relu", ["a.b"], "a/b"), node("Relu", ["a/b"], "scores")], FEEDS, {})
    np.save(tmp_path / "a_b.npy", FEEDS["video"])
    np.save(tmp_path / "scores.npy", FEEDS["video"])

    assert read(tmp_path, twins).unclear == ("a_b.npy",)


def test_two_dumps_of_a_tensor_are_refused(tmp_path: Path) -> None:
    """It is not known which is of the run that is asked about."""
    dumped(tmp_path, {"scores": ONNX[4]})
    dumped(tmp_path, {"scores": "scores"})

    with pytest.raises(OptionError, match="two files hold the tensor scores"):
        read(tmp_path, graph())


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_folder_without_dumps_is_refused(name: str, tmp_path: Path) -> None:
    """It is not there, or holds nothing that the graph names."""
    np.save(tmp_path / "other.npy", np.zeros(3))

    with pytest.raises(OptionError) as caught:
        read(tmp_path / name, graph())
    assert caught.value.where
    assert caught.value.remedy


BAD: dict[str, tuple[Callable[[Any], Any], str]] = {
    "layout": (lambda one: one.reshape(2, 2, 2, 8, 8).transpose(0, 1, 3, 4, 2), "NC1HWC0 by the look of it"),
    "order": (lambda one: one.transpose(0, 2, 3, 1), r"\[2, 8, 8, 4\], its axes in another order, and the graph says \[2, 4, 8, 8\]"),
    "cut": (lambda one: one[1:], r"has the shape \[1, 4, 8, 8\]"),
    "whole-numbers": (lambda one: one.astype(np.int8), "holds int8")}


@pytest.mark.parametrize("name", BAD)
def test_a_dump_of_another_shape_or_kind_is_refused(name: str, tmp_path: Path) -> None:
    """With what it looks like and how to convert it."""
    change, words = BAD[name]
    dumps = read(dumped(tmp_path, {"scores": "scores"}, change=change), graph())
    with pytest.raises(OptionError, match=words) as caught:
        from_dumps(graph(), FEEDS, as_written, dumps, "fp32")
    assert caught.value.where == str(tmp_path / "scores.npy")


def test_axes_of_one_value_do_not_count(tmp_path: Path) -> None:
    """Devices leave them out, or add some."""
    dumps = read(dumped(tmp_path, {"scores": "scores"}, change=lambda one: one[None, :, :, None]), graph())

    assert from_dumps(graph(), FEEDS, as_written, dumps, "fp32").kind == "nothing"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\0\x10\0{'descr': ((((\n"])
def test_a_damaged_dump_is_refused(content: bytes, tmp_path: Path) -> None:
    """With the file that is damaged, and no exception of a library's; no conversion would mend it."""
    (tmp_path / "scores.npy").write_bytes(content)

    with pytest.raises(OptionError, match="the dump cannot be read") as caught:
        from_dumps(graph(), FEEDS, as_written, read(tmp_path, graph()), "fp32")
    assert "copy it again" in str(caught.value.remedy)
    assert "msaccucmp" not in str(caught.value.remedy)
