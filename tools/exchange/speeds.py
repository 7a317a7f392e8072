"""Speeds in what ais_bench, benchmark, msame and trtexec print or leave beside their results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tools.errors import ScoreError
from tools.exchange import batches
from tools.exchange.batches import Claim
from tools.machine import reading
from tools.spec.case import Precision

SpeedTool = Literal["ais_bench", "benchmark", "msame", "trtexec"]
N = r"([\d.]+(?:[eE][-+]?\d+)?)"
PURE = re.compile(rf"ave_throughputRate\s*[:=]\s*{N}\s*samples/s,\s*ave_latency\s*[:=]\s*{N}\s*ms")
INTERFACE = re.compile(rf"\[infer(?:ence)?\] throughputRate: {N}, Interface throughputRate: {N}, moduleLatency: {N}")
AIS_TIMES = re.compile(r"NPU_compute_time \(ms\): (.*)")
AIS_RATE = re.compile(rf"[Tt]hroughput \(?1000\*batchsize(?:\.mean)?(?:\({N}\))?/NPU_compute_time(?:\.mean)?(?:\({N}\))?\)?: {N}\s*$")
MSAME = re.compile(rf"Inference average time( without first time)?\s*:\s*{N}\s*ms")
TRT_FAILED = "&&&& FAILED"
TRT_LINE = re.compile(r"GPU Compute Time: (min = .*)")
TRT_BLOCK = re.compile(r"GPU Compute\s*$")
TRT_BLOCK_ROWS = 6
TRT_DAY = re.compile(r"^\s*\[(\d\d)/(\d\d)/(\d{4})-")
TRT_COMMAND = re.compile(r"\btrtexec\b(.*)")
TRT_FLAG = re.compile(r"(?<!\S)--\w+")
TRT_PRECISION = re.compile(r"\] Precision: (\w+(?:\+\w+)*)")
TRT_DEVICE = re.compile(r"Selected Device: (.+?)\s*$", re.MULTILINE)
STATISTIC = re.compile(rf"(min|max|mean|median|percentile\(99%\)|percentile)\s*[=:]\s*{N}")
# Beside the folder since 2022-11, before that inside it.
SUMMARIES = ("{}_summary.json", "{}/sumary.json", "{}/summary.json")
UNFIT = 0.5  # of 1: benchmark averages its rate and its latency each over other calls, and they differ by a few percent
STAMPED = 10.0  # times that grow this many times over, evenly, are time stamps and not durations


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds that the tool gives for a *batch*, a *sample*, or a *module* of its pipeline."""

    mean: float
    of: Literal["batch", "sample", "module"]
    median: float | None = None
    min: float | None = None
    max: float | None = None
    p99: float | None = None

    def __str__(self) -> str:
        more = [f"{name} {value:g}" for name in ("median", "min", "max", "p99") if (value := getattr(self, name)) is not None]
        return ", ".join([f"mean {self.mean:g} ms a {self.of}", *more])


@dataclass(frozen=True, slots=True)
class Speed:
    """One measurement of one device (one of the four chips of a 310's card), at *line* of *path*.

    batch: None where the tool does not say it; samples_per_s: None where it follows only from the batch size.
    chosen_device, day (2021-08-02): as the log gives them; empty where it does not.
    precision: of trtexec, where its log tells it.
    """

    tool: SpeedTool
    batch: int | None
    samples_per_s: float | None
    latency: Latency
    path: Path
    line: int
    chosen_device: str = ""
    day: str = ""
    precision: Precision = ""

    def __post_init__(self) -> None:
        """Refuse, with a ScoreError, a rate or a time that measures nothing: later they divide each other."""
        for value in (self.latency.mean, self.samples_per_s, self.batch):
            if value is not None:
                reading.positive(value, f"{self.path}:{self.line}", ScoreError, f"{self.tool} measured nothing:", "run it again")

    @property
    def place(self) -> str:
        return f"{self.path.name}:{self.line}"


def read(path: Path, batch: int | None = None) -> Speed:
    """The only measurement in a log, a summary, or beside a result folder; *batch*: if that does not say it.

    Raises:
        ScoreError: there is none or more than one, or its batch size is unknown or is another.
    """
    if path.is_dir():
        path = summary_of(path) or path
    text = _text(path)
    found = in_text(text, path)
    if len(found) != 1:
        lines = ", ".join(str(one.line) for one in found)
        raise ScoreError(f"{len(found)} measurements are in it, on lines {lines}" if found else "no measurement is in it", where=str(path),
                         remedy="give a log of one run of ais_bench, benchmark, msame or trtexec, or ais_bench's summary.json")
    return _at_batch(found[0], [Claim("--batch of this command", batch)] if batch else [], batches.claims(text, path))


def _at_batch(found: Speed, asked: list[Claim], logged: list[Claim]) -> Speed:
    """The measurement at the one batch size that the rate, the log around it and this command speak of."""
    where = f"{found.path}:{found.line}"
    printed = [Claim(f"the rate of {found.tool}", found.batch)] if found.batch else []
    size = batches.agreed([*printed, *logged, *asked], where)
    if size is None:
        raise ScoreError(f"the log of {found.tool} does not say the batch size", where=where, remedy="add --batch N")
    rate = 1000 * size / found.latency.mean if found.samples_per_s is None else found.samples_per_s
    return replace(found, batch=size, samples_per_s=float(f"{rate:.6g}"))


def summary_of(folder: Path) -> Path | None:
    """ais_bench's summary of a result folder: beside the folder, or in it from older versions."""
    names = [Path(pattern.format(folder)) for pattern in SUMMARIES]
    return next((path for path in [*names, *sorted(folder.glob("*_summary.json"))] if path.is_file()), None)


def in_text(text: str, path: Path) -> list[Speed]:
    """Every measurement in a tool's text."""
    if path.suffix == ".json":
        return [_summary(text, path)]
    lines = text.splitlines()
    readers: tuple[Callable[[Sequence[str], Path], list[Speed]], ...] = (_benchmark, _ais_bench, _msame, _trtexec)
    return [found for reader in readers for found in reader(lines, path)]


def _benchmark(lines: Sequence[str], path: Path) -> list[Speed]:
    found = []
    for number, line in enumerate(lines, 1):
        if match := PURE.search(line):
            rate, latency = _number(match[1], path, number), _number(match[2], path, number)
            if abs(rate * latency / 1000 - 1) > UNFIT:
                raise ScoreError(f"benchmark says {rate:g} samples a second, and {latency:g} ms a sample",
                                 where=f"{path}:{number}", remedy=batches.AGAIN)
            found.append(Speed("benchmark", None, rate, Latency(latency, "sample"), path, number))
        elif match := INTERFACE.search(line):
            found.append(Speed("benchmark", None, _number(match[2], path, number), Latency(_number(match[3], path, number), "module"),
                               path, number))
    return found


def _ais_bench(lines: Sequence[str], path: Path) -> list[Speed]:
    found, times = [], ""
    for number, line in enumerate(lines, 1):
        if match := AIS_TIMES.search(line):
            times = match[1]
        elif match := AIS_RATE.search(line):
            numbers = _statistics(times, path, number)
            mean = _number(match[2], path, number) if match[2] else numbers.get("mean", 0.0)
            said = _number(match[1], path, number) if match[1] else None
            found.append(_ais_bench_speed({**numbers, "mean": mean}, _number(match[3], path, number), said, path, number))
    return found


def _summary(text: str, path: Path) -> Speed:
    remedy = "its summary has NPU_compute_time and throughput"
    stored = reading.json_of(text, ScoreError, "no summary of ais_bench: it", str(path), remedy)
    with reading.refusing(ScoreError, "no summary of ais_bench", str(path), remedy):
        line = text[: text.index('"throughput"')].count("\n") + 1
        times = {str(name): _number(value, path, line) for name, value in stored["NPU_compute_time"].items()}
        rate = _number(stored["throughput"], path, line)
    return _ais_bench_speed(times, rate, None, path, line)


def _ais_bench_speed(times: Mapping[str, float], rate: float, said: float | None, path: Path, line: int) -> Speed:
    """ais_bench's rate is 1000 * batch / mean: where it does not print the batch size, that follows."""
    mean, low, high = times.get("mean", 0.0), times.get("min", 0.0), times.get("max", 0.0)
    where = f"{path}:{line}"
    if not rate or not mean:
        raise ScoreError("ais_bench measured nothing: its rate or its mean time is 0", where=where, remedy="run it again")
    if high > STAMPED * low and abs(mean - (low + high) / 2) < 0.05 * high and abs(times.get("median", 0.0) - mean) < 0.05 * high:
        raise ScoreError(f"the times grow from {low:g} to {high:g} ms: this pair of ais_bench and aclruntime averages time stamps, not "
                         "durations", where=where, remedy="install ais_bench and aclruntime of the same age, and run it again")
    batch = _number(rate * mean / 1000 if said is None else said, path, line)
    if abs(batch - round(batch)) > 1e-3 * batch or round(batch) < 1 or abs(rate * mean / 1000 - batch) > 1e-2 * batch:
        raise ScoreError(f"rate {rate:g} times mean {mean:g} ms is no whole number of samples", where=where,
                         remedy="several batch sizes or threads were mixed in this run: measure one at a time")
    latency = Latency(mean, "batch", times.get("median"), times.get("min"), times.get("max"), times.get("percentile(99%)"))
    return Speed("ais_bench", round(batch), rate, latency, path, line)


def _msame(lines: Sequence[str], path: Path) -> list[Speed]:
    """The average without the first time, which is the warm-up; the plain one where there is no other."""
    found: list[Speed] = []
    for number, line in enumerate(lines, 1):
        if (match := MSAME.search(line)) and _number(match[2], path, number):
            speed = Speed("msame", None, None, Latency(_number(match[2], path, number), "batch"), path, number)
            found = [*found[:-1], speed] if match[1] else [*found, speed]
    return found


def _trtexec(lines: Sequence[str], path: Path) -> list[Speed]:
    """The GPU Compute times: one line in newer versions, a block in older ones; other blocks do not count."""
    text = "\n".join(lines)
    if TRT_FAILED in text:
        raise ScoreError("trtexec says that it failed", where=str(path), remedy="measure again; its times carry nothing")
    device = TRT_DEVICE.search(text)
    found = []
    for number, line in enumerate(lines, 1):
        block = "\n".join(lines[number : number + TRT_BLOCK_ROWS]) if TRT_BLOCK.search(line) else None
        one = TRT_LINE.search(line)
        numbers = _statistics(one[1] if one else block or "", path, number)
        if "mean" in numbers:
            latency = Latency(numbers["mean"], "batch", numbers.get("median"), numbers.get("min"), numbers.get("max"),
                              numbers.get("percentile(99%)", numbers.get("percentile")))
            day = TRT_DAY.search(line)
            found.append(Speed("trtexec", None, None, latency, path, number, device[1] if device else "",
                               f"{day[3]}-{day[1]}-{day[2]}" if day else "", _precision(text)))
    return found


def _precision(text: str) -> Precision:
    """What trtexec computed in, by its own command line and its list of options; empty where neither tells.

    With integers among its choices, or all that it can do, nobody knows what it chose.
    """
    flags = {flag for line in TRT_COMMAND.findall(text) for flag in TRT_FLAG.findall(line)}
    listed = TRT_PRECISION.findall(text)
    if flags & {"--int8", "--best", "--fp8", "--bf16"} or any(set(one.split("+")) - {"FP32", "FP16"} for one in listed):
        return ""
    if "--fp16" in flags or any("FP16" in one for one in listed):
        return "fp16"
    return "fp32" if "--noTF32" in flags else ""


def _statistics(text: str, path: Path, line: int) -> dict[str, float]:
    return {match[1]: _number(match[2], path, line) for match in STATISTIC.finditer(text)}


def _number(text: object, path: Path, line: int) -> float:
    return reading.number(text, f"{path}:{line}", ScoreError, remedy="the log is damaged: measure again")


def _text(path: Path) -> str:
    return reading.read_log(path, ScoreError, remedy="give a file, or ais_bench's result folder")
