"""One command writes stored numbers: the difference first, one row, under the name of what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.conftest import Command
from suites.selftest.exchange.test_tool_speeds import PURE, STAMP, T4, TRT8, TRTEXEC
from tools.judging.comparisons import Rate, comparisons
from tools.judging.speed import stored_rate
from tools.spec.chips import kind
from tools.spec.truth import read_truth


def log(tmp_path: Path, text: str, name: str = "run.log") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def t4_log(tmp_path: Path, batch: int) -> Path:
    return log(tmp_path, TRTEXEC.format(*T4["tsm", "", batch], stamp=STAMP), f"t4_bs{batch}.log")


def test_the_difference_is_shown_and_written_only_when_told(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """Without --write the toml stays as it is.

    With it one row and its source are added, and everything else is kept byte for byte.
    """
    path = writable_models / "slowfast.toml"
    before = path.read_text()
    arguments = ("slowfast", "throughput", t4_log(tmp_path, 8), "--device", "T4", "--batch", 8)

    status, said = recording(*arguments)
    assert (0, before) == (status, path.read_text())
    assert "recorded-T4-bs8: - -> 108.571 samples/s (trtexec, 2021-08-02, t4_bs8.log:1)" in said
    assert "nothing is written; add --write" in said

    assert 0 == recording(*arguments, "--write")[0]
    added = [line for line in path.read_text().splitlines() if line not in before.splitlines()]
    figure = read_truth(path).rate("T4", 8)
    assert ["recorded = \"measured", "recorded = [", '    {id = "recor'] == [line[:20] if line[0] != " " else line[:16] for line in added]
    assert before == path.read_text().replace(f"{added[0]}\n", "").replace(f"{added[1]}\n{added[2]}\n]\n", "")
    assert figure is not None
    assert (108.571, "recorded", "samples/s") == (figure.value, figure.provenance, figure.unit)
    assert "section trtexec, 2021-08-02, t4_bs8.log:1" in figure.source


def test_renewing_replaces_one_row(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """The same device, batch and metric recorded again is the same row with another value.

    A second batch size is a second row.
    """
    for batch in (8, 16):
        recording("slowfast", "throughput", t4_log(tmp_path, batch), "--device", "T4", "--batch", batch, "--write")
    before = (writable_models / "slowfast.toml").read_text().splitlines()

    _, said = recording("slowfast", "throughput", t4_log(tmp_path, 32), "--device", "T4", "--batch", 16, "--write")
    after = (writable_models / "slowfast.toml").read_text().splitlines()

    assert "recorded-T4-bs16: 110.577 -> 55.4424 samples/s" in said
    beside = [line for line in said.splitlines() if " times " in line]
    assert beside
    assert not [line for line in beside if "recorded-T4-bs16" in line]  # a figure is no neighbour of itself
    found = read_truth(writable_models / "slowfast.toml").figures
    assert ["recorded-T4-bs8", "recorded-T4-bs16"] == [one.id for one in found if one.origin == "recorded"]
    assert 1 == sum(one != two for one, two in zip(before, after, strict=True))
    assert "nothing changes" in recording("slowfast", "throughput", t4_log(tmp_path, 32), "--device", "T4", "--batch", 16, "--write")[1]


def test_a_published_figure_goes_on_judging_unless_the_toml_says_otherwise(
        recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """Recorded beside a guide's figure, a figure judges only with judge_by = "recorded".

    The guide's figure is of the same device or of its card.
    """
    chip = log(tmp_path, PURE.format(batch=16, rate="200.5", latency="4.98"))
    path = writable_models / "tsm.toml"

    _, said = recording("tsm", "throughput", chip, "--device", "310P3", "--batch", 16, "--write")
    assert 'r0077 goes on judging there: [gates.throughput] judge_by = "published"' in said
    found = stored_rate(read_truth(path), kind("310P3"), 16)
    assert found is not None
    assert ("r0077", 151) == (found[0].id, found[0].value)

    path.write_text(path.read_text().replace("[gates.throughput]", '[gates.throughput]\njudge_by = "recorded"', 1))
    found = stored_rate(read_truth(path), kind("310P3"), 16)
    assert found is not None
    assert "recorded-Ascend310P3-bs16" == found[0].id
    _, said = recording("tsm", "throughput", t4_log(tmp_path, 8), "--device", "T4", "--batch", 16, "--write")
    truth = read_truth(path)
    assert "it is 1.964 times r0055, 110.577 at bs16 (guide)" in said
    beside = comparisons(truth, Rate("tsm", "", "npu0", "310P3", 16, 100.0))
    assert ["T4 measured: trtexec", "T4 guide: TensorRT fp16"] == [one.head for one in beside if one.device.startswith("T4")]
    assert ["recorded-T4-bs16", "r0055"] == [one.source.split()[1] for one in beside if one.device == "T4"]
    assert (gate := truth.rate("T4", 16)) is not None
    assert "recorded-T4-bs16" == gate.id, "it is what the ratio to a T4 is taken against"


@pytest.mark.parametrize(("device", "stored"), [
    ("310", "Ascend310-1chip"), ("Ascend310-1chip", "Ascend310-1chip"), ("310P3", "Ascend310P3"), ("Ascend310P", "Ascend310P"),
    ("910B3", "Ascend910B3"),
])
def test_a_tools_rate_is_one_chips(recording: Command, writable_models: Path, tmp_path: Path, device: str, stored: str) -> None:
    """What ais_bench, msame and benchmark measure is stored as one chip's, under the name that judges it."""
    one = log(tmp_path, PURE.format(batch=64, rate="12.5", latency="80"))

    assert 0 == recording("tsm", "throughput", one, "--device", device, "--batch", 64, "--write")[0]
    assert 12.5 == next(one.value for one in read_truth(writable_models / "tsm.toml").figures if (one.device, one.batch) == (stored, 64) and
                        one.origin == "recorded")


@pytest.mark.parametrize(("device", "more", "words"), [
    ("Ascend310", (), "stands for a card of 4 chips"), ("T4", (), "benchmark does not run on T4"), ("Sim310P3", (), "is simulated"),
    ("", (), "does not say on which kind of device"), ("310P3", ("--network", "tem"), "has no network 'tem'"),
])
def test_units_that_do_not_fit_are_refused(
        recording: Command, writable_models: Path, tmp_path: Path, device: str, more: tuple[str, ...], words: str) -> None:
    """A card's name for a chip's rate, a GPU's for an NPU tool's, a simulation, no name: none is written."""
    before = (writable_models / "tsm.toml").read_bytes()
    one = log(tmp_path, PURE.format(batch=16, rate="12.5", latency="80"))

    status, said = recording("tsm", "throughput", one, "--device", device, "--batch", 16, "--write", *more)

    assert 0 != status
    assert words in said
    assert before == (writable_models / "tsm.toml").read_bytes()


def test_a_log_of_another_gpu_is_refused(recording: Command, tmp_path: Path) -> None:
    """A log of trtexec names its GPU; what is recorded under another name, or for an NPU, is refused."""
    one = log(tmp_path, TRT8.format(stamp=STAMP))

    assert "the log was made on Tesla T4, not on A10" in recording("tsm", "throughput", one, "--device", "A10")[1]
    assert "trtexec does not run on 310P3" in recording("tsm", "throughput", one, "--device", "310P3")[1]
    assert "recorded-T4-bs16: - -> 110.574" in recording("tsm", "throughput", one, "--device", "T4")[1]


UNPUBLISHED = """# nothing about this model was ever printed
dataset = "UCF101-split1-val(3783)"

[gates.pairs]
max_loss_clips = 1
max_loss_share = 0.01

[gates.fidelity.fp32]
max_relative_difference = 1e-3
min_cosine = 0.9999
max_flipped_share = 0.01
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_model_without_any_figure_can_be_recorded(recording: Command, writable_models: Path, tmp_path: Path, ends: str) -> None:
    """The tables for figures and their source are added behind all else, which stays byte for byte."""
    path, before = writable_models / "tsm.toml", UNPUBLISHED.replace("\n", ends)
    path.write_bytes(before.encode())
    for batch in (8, 16):
        assert 0 == recording("tsm", "throughput", t4_log(tmp_path, batch), "--device", "T4", "--batch", batch, "--write")[0]
    after = path.read_bytes().decode()

    assert after.startswith(before)
    assert after.count("\n") == after.count(ends)
    assert [("recorded-T4-bs8", "recorded"), ("recorded-T4-bs16", "recorded")] == [
        (figure.id, figure.provenance) for figure in read_truth(path).figures]
