"""What is told of a graph's file: which models it fits, and what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from suites.selftest.conftest import TINY_MODELS, ran
from suites.selftest.engines.ascend import test_om_header as offline
from tools.deployment import inspection
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import MODELS

TINY, BSN, TSM, R2PLUS1D = (load_spec(TINY_MODELS, "tiny"), *(load_spec(MODELS, name) for name in ("bsn", "tsm", "r2plus1d")))
Axes = Sequence[int | str]


def save(path: Path, taken: Axes, gives: Axes, dtype: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """A graph of three nodes that takes and gives these shapes; what it computes is of no meaning."""
    nodes = [helper.make_node("Relu", ["clip"], ["a"]), helper.make_node("Relu", ["a"], ["b"]),
             helper.make_node("Own", ["b", "weights"], ["scores"], domain="com.mine")]
    graph = helper.make_graph(nodes, "own", [helper.make_tensor_value_info("clip", dtype, taken)],
                              [helper.make_tensor_value_info("scores", TensorProto.FLOAT, gives)],
                              [numpy_helper.from_array(np.zeros(1000, np.float16), "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.mine", 2)], ir_version=8,
                              producer_name="mine", producer_version="3")
    onnx.save_model(model, str(path))
    return model


def told(path: Path, *specs: Spec, batches: Sequence[int] = (1, 4, 8, 16, 32, 64)) -> list[str]:
    return inspection.lines(path, specs, batches)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("my.onnx")


def test_a_graph_of_one_batch_size_fits_that(path: Path) -> None:
    """The verdict comes first, then the command that judges it; axes may lie otherwise than ours."""
    save(path, [16, 3, 8, 224, 224], [16, 101])
    found = told(path, BSN, TSM)

    assert ["my.onnx fits tsm.", "", "  tsm         at batch 16, as NCTHW   pytest -m tsm -k bs16 --graph my.onnx"] == found[:3]
    assert ["  bsn tem     no: it takes float32 [N, 400, 100]", "  bsn pem     no: it takes float32 [N, 1000, 32]"] == found[3:5]


def test_a_graph_with_a_free_batch_fits_at_every_batch_size(path: Path) -> None:
    """Or at those that are asked for. A free axis is told as a question mark."""
    save(path, ["batch", 8, 3, 224, 224], ["batch", 101])

    assert "  tsm         at every batch size, as NTCHW   pytest -m tsm --graph my.onnx" in told(path, TSM)
    assert "  tsm         at batch 4 and 8, as NTCHW   pytest -m tsm -k 'bs4 or bs8' --graph my.onnx" in told(path, TSM, batches=(4, 8))
    assert "inputs        clip float32 [?, 8, 3, 224, 224]" in told(path, TSM)


def test_a_network_of_a_model_with_two_is_given_with_the_other(path: Path) -> None:
    """BSN's command names both files."""
    save(path, [4, 1000, 32], [4, 1000, 1])

    assert "  bsn pem     at batch 4, as NPC   pytest -m bsn -k bs4 --graph tem=tem.onnx,pem=my.onnx" in told(path, BSN)


def test_the_side_that_does_not_fit_is_named(path: Path) -> None:
    """Other classes than the network's, frames of another size, or numbers that are none of ours."""
    save(path, [4, 8, 3, 224, 224], [4, 7])
    assert "  tsm         no: it gives float32 [N, 101]" in told(path, TSM)
    assert "  tsm         no: it takes float32 [1, 8, 3, 224, 224]" in told(path, TSM, batches=(1,))
    save(path, [4, 3, 3, 8, 256, 256], [4, 7])
    assert "  r2plus1d    no: it gives float32 [3 x N, 400]" in told(path, R2PLUS1D)
    save(path, [4, 8, 3, 224, 224], [4, 101], TensorProto.UINT8)
    assert ["my.onnx fits none of the models.", "  tsm         no: it takes float32 [N, 8, 3, 224, 224]"] == told(path, TSM)[0:3:2]


def test_a_graph_that_fits_in_several_ways_says_what_to_say(path: Path) -> None:
    """Two outputs may be the scores: the option that chooses one is named, and no command is ready."""
    model = save(path, [4, 8, 3, 224, 224], [4, 101])
    model.graph.output.append(helper.make_tensor_value_info("mo\nre", TensorProto.FLOAT, [4, 101]))
    onnx.save_model(model, str(path))
    found = told(path, TSM)

    assert "my.onnx may be tsm." == found[0]
    assert "  tsm         in several ways: several outputs may be the scores: " in found[2]
    assert found[2].endswith("say which: --graph-output scores or mo re")
    assert "\n" not in "".join(found)


def test_two_inputs_fit_nothing(path: Path) -> None:
    """Clipgate feeds one, and says so."""
    model = save(path, [4, 8, 3, 224, 224], [4, 101])
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [4]))
    onnx.save_model(model, str(path))

    assert "  tsm         no: the graph has 2 inputs, and tsm takes one" in told(path, TSM)


def test_a_graph_tells_what_it_is_made_of(path: Path) -> None:
    """Operators by count, with the domain of those not of ONNX; constants, precision, who wrote it."""
    save(path, [1, 2], [1, 2])
    found = {line[:14].strip(): line[14:] for line in told(path, TSM)}

    assert {"inputs": "clip float32 [1, 2]", "outputs": "scores float32 [1, 2]", "opset": "17 (ai.onnx), 2 (com.mine)", "IR version": "8",
            "producer": "mine 3", "nodes": "3: Relu 2, com.mine::Own 1", "precision": "fp16",
            "constants": "1, with 2000 bytes in the graph itself", "size": f"{path.stat().st_size} bytes"}.items() <= found.items()
    assert 64 == len(found["sha256"])


def test_weights_beside_a_graph_are_there_or_missing(path: Path) -> None:
    """A missing file is said at the top: without it nothing can be judged."""
    onnx.save_model(save(path, [4, 8, 3, 224, 224], [4, 101]), str(path), save_as_external_data=True, location="w.bin", size_threshold=0)

    assert {"beside it     w.bin: 2000 bytes", "constants     1, with 0 bytes in the graph itself"} <= set(told(path, TSM))
    Path("w.bin").unlink()
    assert ["my.onnx fits tsm.", "Its weights are missing: w.bin. Keep them beside the graph."] == told(path, TSM)[:2]
    assert not any(line.startswith("beside") for line in told(path, TSM))


def test_what_a_file_says_cannot_write_on_the_screen(path: Path) -> None:
    """Control characters are shown as their escapes, and a text of any length ends."""
    model = save(path, [1, 2], [1, 2])
    model.producer_name, model.producer_version = "a\x1b[2J\nb", "c" * 5000
    onnx.save_model(model, str(path))
    [line] = [line for line in told(path, TSM) if line.startswith("producer")]
    rest = "".join(told(path, TSM))

    assert "producer      a\\x1b[2J b" == line
    assert "c" * 1900 in rest
    assert "c" * 2000 not in rest


def test_a_graph_of_another_name_has_to_be_renamed(path: Path) -> None:
    """It is told of all the same."""
    save(path, [4, 8, 3, 224, 224], [4, 101])
    for name in ("my.om", "my.json", "my"):  # a .json would be read as another form of ONNX
        path = path.rename(name)
        assert [f"{name} fits tsm.", "--graph wants a name that ends in .onnx: rename the file."] == told(path, TSM)[:2]


def test_a_compiled_model_tells_chip_and_compiler(path: Path) -> None:
    """Its inputs are for the runtime to say; what it does not tell is not guessed."""
    path = Path("my.om")
    path.write_bytes(offline.model(offline.BODY, {84: bytes(32)}))
    path.chmod(0o644)
    found = told(path, TSM)
    rows = {line[:14].strip(): line[14:] for line in found[3:]}

    assert ["my.om is an offline model of CANN for Ascend310P3.",
            "Which model it fits is not told; the device's runtime says that: pytest -m MODEL --device npu:0 --graph my.om"] == found[:2]
    assert {"chip": "Ascend310P3", "atc": "7.5.0.1.129", "command": "atc --model=tsm.onnx --framework=5", "name": "not told",
            "inputs": "not told; the device's runtime says them when it loads the model", "shapes": "not told", "models in it": "1",
            }.items() <= rows.items()
    assert rows["parts"].endswith(", weights 500 bytes, tasks 20 bytes, kernels of the AI core 7 bytes")
    path.chmod(0o666)
    assert told(path, TSM)[2].startswith("aclruntime refuses this file: group and others must not be able to write it")


def test_the_command_knows_the_models_of_a_folder(path: Path) -> None:
    """What it prints can be copied: the folder is in the command that judges."""
    save(path, [4, 4, 3, 64, 64], [4, 20])
    done = ran("inspect", str(path), "--models", str(TINY_MODELS), "--batch", "4")

    assert (0, "") == (done.returncode, done.stderr)
    assert f"pytest -m tiny -k bs4 --models {TINY_MODELS} --graph my.onnx" in done.stdout
