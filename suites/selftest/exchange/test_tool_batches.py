"""The batch size of a tool's log: what ran counts, and two numbers that disagree are refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suites.selftest.exchange.test_tool_speeds import AIS, FORMULA, MSAME, PURE, STAMP, TEM_BS16, TRT8, kept
from suites.selftest.exchange.tool_folders import SUMMARY
from tools.errors import ScoreError
from tools.exchange.speeds import read

OPTIMUM = "--minShapes=video:1x8x3x224x224 --optShapes=video:16x8x3x224x224 --maxShapes=video:32x8x3x224x224"
SHAPE, RAN, BOUND = "--shapes=video:4x8x3x224x224", "Input inference shape: video=4x8x3x224x224", (
    "Input binding for video with dimensions 4x8x3x224x224 is created.")
NOT_GIVEN = "Dynamic dimensions required for input: video, but no shapes were provided. Automatically overriding shape to: 1x8x3x224x224"


def trt(flags: str = "", line: str = "", model: str = "tsm.onnx") -> str:
    """What trtexec prints when it is started with *flags*, and says *line*."""
    started = f"&&&& RUNNING TensorRT.trtexec [TensorRT v8503] # trtexec --onnx={model} {flags}"
    return f"{started}\n[{STAMP}] [I] {line}\n" + "".join(TRT8.format(stamp=STAMP).splitlines(keepends=True)[1:])


@pytest.mark.parametrize(("flags", "line"), [
    (f"{OPTIMUM} {SHAPE}", RAN), (f"{OPTIMUM} {SHAPE}", ""), (f"{SHAPE} {OPTIMUM}", ""), (OPTIMUM, RAN), (OPTIMUM, BOUND), ("", RAN),
    ("--batch=4", "Batch: 4"), ("--shapes='video':4x8x3x224x224", ""),
])
def test_what_trtexec_ran_counts_and_not_what_it_was_built_for(tmp_path: Path, flags: str, line: str) -> None:
    """Wherever the shape of the run stands, it is the batch size; min, opt and max are the engine's range."""
    found = read(kept(tmp_path, trt(flags, line)))

    assert (4, pytest.approx(4000 / 144.7, rel=1e-5)) == (found.batch, found.samples_per_s)


def test_trtexecs_own_batch_counts_from_two_on(tmp_path: Path) -> None:
    """Some versions print 1 for every explicit batch, so 1 says nothing."""
    assert 2 == read(kept(tmp_path, trt(line="Batch: 2"))).batch
    assert 4 == read(kept(tmp_path, trt(SHAPE, "Batch: 1"))).batch


AIS_RUN = "[INFO] load model om/{model} success\n" + AIS.format(low=70.9, high=73.2, mean=71.5, median=71.4, formula=FORMULA.format(
    "{batch}", 71.5), rate="{rate}")


@pytest.mark.parametrize(("text", "batch", "words"), [
    (trt(f"{OPTIMUM} {SHAPE}", RAN.replace("4x", "8x", 1)), None,
     "'Input inference shape' of video says batch 8, and --shapes says batch 4"),
    (trt(OPTIMUM, NOT_GIVEN), None, "overriding shape to: 1x8x3x224x224', and --optShapes says batch 16"),
    (trt("--batch=16", "Explicit batch network detected and batch size specified, use execute without batch size instead."), None,
     "use execute without batch size instead.', and --batch says batch 16"),
    (trt(OPTIMUM), None, "does not say the batch size"),
    (trt(SHAPE, RAN, "tsm_bs16.onnx"), None, "batch 4, and the name tsm_bs16.onnx says batch 16"),
    (AIS_RUN.format(model="tsm_bs16.om", batch=1, rate=13.986013), None,
     "the rate of ais_bench says batch 1, and the name tsm_bs16.om says batch 16: the rate would be 16 times off"),
    (AIS_RUN.format(model="tsm_bs16.om", batch=1, rate=13.986013), 1, "batch 1, and the name tsm_bs16.om says batch 16"),
    ("[INFO] load model ./tsm_bs4.om success\n" + MSAME, 16, "the name tsm_bs4.om says batch 4, and --batch of this command says batch 16"),
    ("./msame --model tsm_bs4.om --dymBatch 8\n" + MSAME, None, "--dymBatch says batch 8, and the name tsm_bs4.om says batch 4"),
    (PURE.format(batch=16, rate="14.6556", latency="68.2717"), 1, "tsm_bs16_in_device_0.txt says batch 16, and --batch of this"),
    ("./benchmark -batch_size=1 -om_path=x/tsm_bs16.om\n" + TEM_BS16, None, "-batch_size says batch 1, and the name tsm_bs16.om"),
])
def test_numbers_that_disagree_about_the_batch_are_both_named(tmp_path: Path, text: str, batch: int | None, words: str) -> None:
    """What ran, what was asked for, the name of the model and the rate itself must say one batch size."""
    with pytest.raises(ScoreError) as raised:
        read(kept(tmp_path, text), batch)

    assert words in str(raised.value)


@pytest.mark.parametrize(("name", "batch"), [
    ("tsm_bs16.om", 16), ("tsm-batch16_fp16.om", 16), ("slowfast_8x8_bs4.om", 4), ("tsm_16bs.om", 16), ("tsm_r50_1x1x8.om", None),
    ("tsm_bs1-16.om", None), ("v8503.om", None),
])
def test_only_a_batch_in_a_models_name_is_one(tmp_path: Path, name: str, batch: int | None) -> None:
    """bs16, batch16 and 16bs are a batch size; sizes of clips and versions are not."""
    text = f"[INFO] load model {name} success\n{MSAME}"
    if batch is None:
        with pytest.raises(ScoreError, match="does not say the batch size"):
            read(kept(tmp_path, text))
    assert (batch or 3) == read(kept(tmp_path, text), batch or 3).batch


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_log_may_start_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    """Logs and summaries that Windows has rewritten, marked and with its line ends, give the same numbers."""
    (tmp_path / "run.log").write_bytes(MSAME.replace("\n", "\r\n").encode(encoding))
    (tmp_path / "a_summary.json").write_bytes(json.dumps(SUMMARY).encode(encoding))

    assert (37.9424, 4) == (read(tmp_path / "run.log", 4).samples_per_s, read(tmp_path / "a_summary.json").batch)
