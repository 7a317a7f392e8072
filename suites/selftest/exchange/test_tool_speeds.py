"""Speeds read from what tools print: the guides' own lines give the guides' own figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suites.selftest.exchange.tool_folders import SUMMARY, ais_bench, ais_bench_of_2022_09
from tools.errors import ScoreError
from tools.exchange.speeds import Latency, in_text, read
from tools.spec.catalog import load_truth
from tools.spec.settings import MODELS

# as printed in the guides: TSM 7.1 and 7.2, BSN 2.1 and 2.2
PURE = """[INFO] PureInfer result saved in ./result/PureInfer_perf_of_tsm_bs{batch}_in_device_0.txt
-----------------PureInfer Performance Summary------------------
[INFO] ave_throughputRate: {rate}samples/s, ave_latency: {latency}ms
"""
TSM_310 = {1: ("16.9917", "59.5304"), 4: ("15.24", "65.7176"), 8: ("14.8116", "67.6128"), 16: ("14.6556", "68.2717"),
           32: ("14.5255", "68.8549")}
TEM_BS16 = """-----------------Performance Summary------------------
[e2e] throughputRate: 143.161, latency: 134310
[data read] throughputRate: 144.544, moduleLatency: 6.91832
[preprocess] throughputRate: 144.393, moduleLatency: 6.92554
[inference] throughputRate: 144.476, Interface throughputRate: 12277.9, moduleLatency: 0.570148
[postprocess] throughputRate: 9.03906, moduleLatency: 110.631

-----------------------------------------------------------
"""
TRTEXEC = """[{stamp}] [I] GPU Compute
[{stamp}] [I] min: {0} ms
[{stamp}] [I] max: {1} ms
[{stamp}] [I] mean: {2} ms
[{stamp}] [I] median: {3} ms
[{stamp}] [I] percentile: {4} ms at 99%
[{stamp}] [I] total compute time: {5} s
"""
T4 = {("tsm", "", 1): ("9.70959", "10.5096", "9.96763", "9.93506", "10.4962", "3.02019"),
      ("tsm", "", 4): ("36.3376", "39.7435", "37.4986", "37.2561", "39.7435", "3.07489"),
      ("tsm", "", 8): ("72.317", "78.6246", "73.6846", "73.1267", "78.6246", "3.09475"),
      ("tsm", "", 16): ("141.875", "152.407", "144.696", "143.706", "152.407", "3.18331"),
      ("tsm", "", 32): ("284.045", "292.737", "288.588", "289.395", "292.737", "3.46305"),
      ("bsn", "tem", 1): ("0.045166", "2.00708", "0.0565804", "0.0568848", "0.0620117", "2.47115"),
      ("bsn", "pem", 1): ("0.0185547", "1.26123", "0.0205523", "0.0201416", "0.0458527", "0.793032"),
      ("bsn", "tem", 16): ("0.182129", "0.252548", "0.219561", "0.218262", "0.245422", "1.5714"),
      ("bsn", "pem", 16): ("0.21167", "2.40039", "0.24159", "0.240479", "0.25769", "2.08734")}
STAMP = "08/02/2021-11:17:01"
TRT8 = """&&&& RUNNING TensorRT.trtexec [TensorRT v8502] # trtexec --onnx=tsm_bs16.onnx --fp16 --shapes=video:16x8x3x224x224
[{stamp}] [I] Selected Device: Tesla T4
[{stamp}] [I] Enqueue Time: min = 0.1 ms, max = 0.2 ms, mean = 0.15 ms, median = 0.15 ms, percentile(99%) = 0.2 ms
[{stamp}] [I] GPU Compute Time: min = 141.9 ms, max = 152.4 ms, mean = 144.7 ms, median = 143.7 ms, percentile(99%) = 152.3 ms
[{stamp}] [I] D2H Latency: min = 0.006 ms, max = 0.02 ms, mean = 0.01 ms, median = 0.01 ms, percentile(99%) = 0.02 ms
"""
AIS = """[INFO] -----------------Performance Summary------------------
[INFO] NPU_compute_time (ms): min = {low}, max = {high}, mean = {mean}, median = {median}, percentile(99%) = {high}
[INFO] throughput {formula}: {rate}
[INFO] ------------------------------------------------------
"""
FORMULA = "1000*batchsize.mean({})/NPU_compute_time.mean({})"
MSAME = """Inference time: 105.383ms
Inference time: 105.504ms
Inference average time: 105.417100 ms
Inference average time without first time: 105.422889 ms
"""


def kept(tmp_path: Path, text: str, name: str = "run.log") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("batch", TSM_310)
def test_pure_inference_of_benchmark_is_the_guides_rate_of_one_chip(tmp_path: Path, batch: int) -> None:
    """TSM's five printed summaries give the five stored rates of one chip, the latency being one sample's."""
    rate, latency = TSM_310[batch]
    found = read(kept(tmp_path, PURE.format(batch=batch, rate=rate, latency=latency)), batch)
    stored = load_truth(MODELS, "tsm").rate("Ascend310-1chip", batch)

    assert stored is not None
    assert ("benchmark", batch, stored.value, 3) == (found.tool, found.batch, found.samples_per_s, found.line)
    assert Latency(float(latency), "sample") == found.latency


def test_older_and_newer_benchmark_print_the_same_numbers(tmp_path: Path) -> None:
    """`ave_throughputRate = ` and `ave_throughputRate: ` are the same line; a table's name has the batch."""
    older = kept(tmp_path, "ave_throughputRate = 155.975samples/s, ave_latency = 6.42435ms\n")
    table = kept(tmp_path, TEM_BS16.replace("inference", "infer"), "perf_vision_batchsize_16_device_1.txt")

    assert 155.975 == read(older, 1).samples_per_s
    assert (16, 12277.9) == (read(table).batch, read(table).samples_per_s)


def test_the_interface_rate_of_a_data_set_run_is_what_the_guide_quotes(tmp_path: Path) -> None:
    """Of BSN's table the rate of the inference interface counts, not that of the pipeline around it."""
    found = read(kept(tmp_path, TEM_BS16), 16)
    card = load_truth(MODELS, "bsn").rate("Ascend310", 16, "tem")

    assert card is not None
    assert (12277.9, 5, "module") == (found.samples_per_s, found.line, found.latency.of)
    assert found.samples_per_s is not None
    assert pytest.approx(card.value) == 4 * found.samples_per_s


@pytest.mark.parametrize(("model", "network", "batch"), T4)
def test_trtexec_gives_the_guides_t4_rate(tmp_path: Path, model: str, network: str, batch: int) -> None:
    """1000 / (mean / batch) of every printed GPU Compute block is the T4's stored rate.

    Its date is the log's.
    """
    found = read(kept(tmp_path, TRTEXEC.format(*T4[model, network, batch], stamp=STAMP)), batch)
    stored = load_truth(MODELS, model).rate("T4", batch, network)

    assert stored is not None
    assert found.samples_per_s == pytest.approx(stored.right, rel=2e-5)
    assert ("trtexec", "2021-08-02", 1) == (found.tool, found.day, found.line)
    assert float(T4[model, network, batch][4]) == found.latency.p99


def test_what_follows_a_block_of_trtexec_is_not_of_it(tmp_path: Path) -> None:
    """The block is six lines, and a line of other times may come next."""
    block = TRTEXEC.format(*T4["tsm", "", 16], stamp=STAMP)
    other = f"[{STAMP}] [I] Enqueue Time: min = 0.1 ms, max = 0.2 ms, mean = 0.15 ms, median = 0.15 ms\n"

    assert read(kept(tmp_path, block), 16) == read(kept(tmp_path, block + other), 16)


def test_newer_trtexec_says_batch_and_device_itself(tmp_path: Path) -> None:
    """The log's command tells the batch size; of its lines with a mean, GPU Compute Time's counts."""
    found = read(kept(tmp_path, TRT8.format(stamp=STAMP)))

    assert (16, 110.574, "Tesla T4", 4) == (found.batch, found.samples_per_s, found.chosen_device, found.line)
    assert Latency(144.7, "batch", 143.7, 141.9, 152.4, 152.3) == found.latency


@pytest.mark.parametrize("formula", [
    FORMULA.format(16, 22.0), "1000*batchsize(16)/NPU_compute_time.mean(22.0)",
    "(1000*batchsize/NPU_compute_time)",
])
def test_every_age_of_ais_bench_prints_rate_and_batch(tmp_path: Path, formula: str) -> None:
    """Three spellings of one formula; where the batch size is not printed it follows from rate and mean."""
    text = AIS.format(low=20.0, high=24.0, mean=22.0, median=21.5, formula=formula, rate=727.2727)

    found = read(kept(tmp_path, text))

    assert ("ais_bench", 16, 727.273, 3) == (found.tool, found.batch, found.samples_per_s, found.line)
    assert Latency(22.0, "batch", 21.5, 20.0, 24.0, 24.0) == found.latency


def test_a_summary_is_found_beside_or_inside_its_folder(tmp_path: Path) -> None:
    """ais_bench's summary.json since 2022-11 and its sumary.json before give the same rate.

    They give the batch size they were told.
    """
    ais_bench(tmp_path / "new", {}, "bin")
    older = ais_bench_of_2022_09(tmp_path / "old", {}, "bin")

    found = [read(folder) for folder in (tmp_path / "new" / "2022_12_01-10_00_00", older)]

    assert [(4, 181.818)] * 2 == [(one.batch, one.samples_per_s) for one in found]
    assert ["2022_12_01-10_00_00_summary.json:1", "sumary.json:1"] == [one.place for one in found]


def test_msame_counts_without_its_first_run(tmp_path: Path) -> None:
    """The first run holds the warm-up; the batch size is the user's to say."""
    found = read(kept(tmp_path, MSAME), 4)

    assert ("msame", 37.9424, 4) == (found.tool, found.samples_per_s, found.line)
    assert 105.383 == read(kept(tmp_path, "Inference average time : 105.383 ms\n"), 1).latency.mean


@pytest.mark.parametrize(("name", "text", "batch", "words"), [
    ("a.log", "nothing of it\n", 1, "no measurement is in it"),
    ("a.log", TEM_BS16 * 2, 16, "2 measurements are in it, on lines 5, 13"),
    ("a.log", MSAME, None, "the log of msame does not say the batch size"),
    ("a.log", TRT8, 32, "--shapes says batch 16, and --batch of this command says batch 32"),
    ("a.log", AIS.format(low=20, high=24, mean=22.0, median=22, formula=FORMULA.format(1, 22.0), rate=45.4545), 16,
     "the rate of ais_bench says batch 1, and --batch of this command says batch 16"),
    ("a.log", AIS.format(low=96.9, high=85520.7, mean=43273.1, median=43368.7, formula=FORMULA.format(4, 43273.1), rate=0.09243617), 4,
     "averages time stamps"),
    ("a.log", AIS.format(low=20, high=24, mean=22.0, median=22, formula=FORMULA.format(3.5, 22.0), rate=159.09), None,
     "no whole number of samples"),
    ("a.log", PURE.format(batch=16, rate="234.5", latency="68.3"), 16, "benchmark says 234.5 samples a second, and 68.3 ms a sample"),
    ("a_summary.json", "{}", None, "no summary of ais_bench"),
    ("a_summary.json", json.dumps({**SUMMARY, "throughput": 0}), None, "measured nothing"),
])
def test_a_log_that_cannot_be_one_number_is_an_error(tmp_path: Path, name: str, text: str, batch: int | None, words: str) -> None:
    """Nothing, several runs, an unknown or wrong batch size, averaged time stamps: each has a refusal."""
    with pytest.raises(ScoreError) as raised:
        read(kept(tmp_path, text, name), batch)

    assert words in str(raised.value)


def test_the_guides_print_every_measurement_once() -> None:
    """In the guides themselves, where they are at hand, all summaries and blocks are found.

    They are five summaries of TSM, four of BSN, and nine blocks of trtexec.
    """
    guides = Path(__file__).parents[4] / "shared" / "reference" / "guides"
    if not guides.is_dir():
        pytest.skip("shared/reference/guides is not beside this checkout")
    found = [one for path in sorted(guides.iterdir()) for one in in_text(path.read_text(), path)]

    assert {"benchmark": 9, "trtexec": 9} == {tool: sum(one.tool == tool for one in found) for tool in ("benchmark", "trtexec")}
