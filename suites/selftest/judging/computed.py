"""What judging computes and says of made numbers, as text.

python -m suites.selftest.judging.computed   writes down what it computes now
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from suites.selftest.nights.cells import cell_of
from tools.judging import accuracy, asked, comparisons, guide_tables, interval, plausible, resampled, speed, spread, trend
from tools.judging.accuracy import Against
from tools.judging.comparisons import Rate
from tools.judging.likelihood import Nights, Noise, common_shift
from tools.judging.plausible import Known
from tools.judging.verdict import Judgement
from tools.localisation.detections import Detections
from tools.localisation.recall import average_recall
from tools.measuring import steady, timing
from tools.measuring.cell import Times
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.chips import kind
from tools.spec.expectations import NOTHING, Expectations
from tools.spec.figures import RECORDED
from tools.spec.settings import MODELS

WRITTEN = Path(__file__).with_name("written") / "computed.txt"
TSM = load_truth(MODELS, "tsm")
TRUTH = replace(TSM, figures=tuple(one for one in TSM.figures if one.provenance != RECORDED))  # what the guide has, which stays
NPU = Device("npu", 0)


def shown(value: Any) -> str:
    """Numbers with as many digits as every machine agrees on."""
    if isinstance(value, np.ndarray):
        return shown(value.tolist())
    if isinstance(value, float):
        return f"{value + 0.0:.6g}"  # nought has no sign
    if isinstance(value, list | tuple):
        return f"({', '.join(map(shown, value))})"
    return str(value)


def drawn(seed: int, cases: int, count: int, slower: float = 0.0) -> Nights:
    """Nights of cases that differ as on a real device, of one to four series each, some of them missing."""
    chance = np.random.default_rng(seed)
    series = chance.integers(0, 5, (cases, count)).astype(float)
    log_s = chance.normal(-4.0, 0.006, (cases, count)) + chance.normal(0.0, 0.5, (cases, 1)) + slower * np.maximum(np.arange(count) - 34, 0)
    log_s[:, 3] += 0.05  # a night that is bad for all
    squares = np.where(series > 1, chance.gamma(2.0, 5e-5, (cases, count)), 0.0) * np.maximum(series - 1, 0)
    return Nights(log_s, series, squares)


def of_nights() -> Iterator[str]:
    for seed, cases, count in ((1, 1, 9), (2, 12, 9), (3, 12, 60), (4, 40, 20), (5, 3, 1)):
        nights = drawn(seed, cases, count) if count > 3 else Nights(np.full((3, 1), -4.0), np.ones((3, 1)), np.zeros((3, 1)))
        noise = spread.noise_of(nights)
        yield f"noise {cases} x {count}: {shown((noise.between, noise.within, noise.nights, noise.alike_between, noise.alike_within))}"
        yield f"factors: {shown(spread.factor_likelihoods(nights, noise)[0])}"
    wide = drawn(6, 20, 30)
    wide.log_s[:5] += np.random.default_rng(7).normal(0, 0.05, (5, 30))
    noise = spread.noise_of(wide)
    yield f"cases that differ: {shown((noise.between, noise.within, noise.alike_between, noise.alike_within))}"
    for slower in (0.0, 0.001, 0.003):
        nights = drawn(8, 3, 80, slower)
        found = trend.creeping(nights, Noise(0.006, 0.01, 30))
        first = Nights(*(one[0] for one in nights))
        one = trend.trend(first, Noise(0.006, 0.01, 30))
        yield f"creep by {slower}: {shown(found.ratio)} since {shown(found.began)}; {shown(one and (one.began, one.risen, one.ratio))}"
        yield f"its start: {shown(trend.start_of(first, Noise(0.006, 0.01, 30)))}"
    apart = [np.linspace(0.0, 0.01 * (count - 1), count) - more for count in (7, 8, 20) for more in (0.0, 0.05)]
    yield f"off together: {shown([float(common_shift(one)) for one in apart])}"


def of_times() -> Iterator[str]:
    chance = np.random.default_rng(11)
    for count in (6, 20, 59, 60, 61, 120, 400):
        series = (0.1 + 0.01 * chance.gamma(1.0, 1.0, count) + 0.02 * np.exp(-np.arange(count) / 5)).tolist()
        found = timing.summarise(series, 16)
        yield f"{count} times: {shown([getattr(found, name) for name in found.__slots__])}"
        yield f"settling {steady.settling(series)}, drift {shown(steady.drift(sorted(series)))}, spread {shown(steady.spread(series))}"
        for statistic in ("median", "mean"):
            one = interval.typical_time(series, statistic, 0.95)
            half = interval.half_width(series, statistic)
            yield f"{statistic}: {shown((one.low, one.measured, one.high, half or 0.0))}"
        summary = replace(found, half_width=interval.half_width(series, "median"), short=count < 100, spent_s=9.5)
        yield f"few: {speed.too_few(summary, TRUTH)}"
    yield f"Student: {shown([interval.student(freedom, 0.95) for freedom in (5, 6, 19, 60)])}"
    yield f"unsteady: {[speed.unsteady([replace(summary, drift=one)], TRUTH) for one in (-0.0261, 0.0, 0.0304)]}"


def rows(judged: Sequence[Judgement]) -> Iterator[str]:
    for one in judged:
        reference = one.numbers and (one.numbers.measured, one.numbers.reference, one.numbers.limit, one.numbers.unit)
        yield f"{one.metric}: {one.verdict.value} {one.measured} {one.reference} {shown(reference)} {one.meaning}"


def of_accuracy() -> Iterator[str]:
    chance = np.random.default_rng(12)
    for clips, wrong, seen in ((30, 2, 0.9), (200, 1, 0.6), (3100, 40, 0.94), (3100, 4, 0.04), (19, 0, 0.1)):
        labels = chance.integers(0, 101, clips)
        theirs = chance.normal(0, 1, (clips, 101)).astype(np.float32)
        theirs[np.arange(clips), labels] += np.where(chance.random(clips) < seen, 9.0, -9.0)
        ours = theirs.copy()
        ours[:wrong] = -ours[:wrong]
        ours[-1] = ours[-2]
        ids = [f"v_{number}" for number in range(clips)]
        against = Against(TRUTH, clips > 3000, theirs, "as the test says", Expectations.parse("top1=0.5,top5=0.99"), ids=ids,
                          known=Known(0.945, "the guide"))
        yield f"== {clips} clips"
        yield from rows(accuracy.accuracy(ours, labels, against))
        yield from rows(accuracy.accuracy(ours, labels, replace(against, reference=None, unpaired="none is here", expect=NOTHING)))
        yield f"labels: {plausible.unlikely(theirs, labels, None)}; {shown(plausible.upper_bound(clips // 3, clips))}"


def of_speed(folder: Path) -> Iterator[str]:
    asking = ((16, 80.0, "bs16:clips/s=79,latency_ms=210,xT4=0.5"), (4, 500.0, "clips/s=2000"), (1, 99.0, "latency_ms=10.2"))
    for batch, rate, asks in asking:
        cell = cell_of(Case("tsm", batch, NPU), folder, rate)
        [part] = cell.parts
        alike = Times(tuple(batch / rate * (1 + 0.004 * (number % 7)) for number in range(70)), batch)
        for times in (alike, replace(alike, series=alike.series[:40])):
            one = replace(cell, parts=(replace(part, times=times),))
            yield f"== {one.case} {len(times.series)} times"
            yield from rows(asked.asked_of(one, TRUTH, kind("310P3"), Expectations.parse(asks)))
        yield from rows([speed.throughput(replace(speed.summary_of(alike), clips_per_s=rate), TRUTH, kind(chip), batch)
                         for chip in ("310", "310P3", "T4", "cpu")])
        yield from rows(speed.against_t4(rate, TRUTH, kind("310"), batch, [speed.summary_of(alike)]))
    measured = [*(Rate("tsm", "", "npu0", "310P3", batch, 10.0 * batch) for batch in (1, 16)),
                Rate("tsm", "", "npu1", "310", 8, 60.0, "mean")]
    yield from guide_tables.tables(measured, {"tsm": TRUTH})
    yield comparisons.heading_of(measured)


def of_recall() -> Iterator[str]:
    chance = np.random.default_rng(13)
    truths = [np.sort(chance.uniform(0, 60, (count, 2)), axis=1) for count in (1, 3, 0, 2)]
    sides = [[Detections(np.sort(chance.uniform(0, 60, (90, 2)), axis=1), np.sort(chance.random(90))[::-1]) for _ in truths] for _ in "ab"]
    ours, theirs = (average_recall(truths, found) for found in sides)
    found = resampled.recall_difference(ours, theirs, [len(one) for one in truths])
    yield f"recall: {shown(list(ours.named().items()))}; apart {shown((found.low, found.measured, found.high))}"


def told(folder: Path) -> Iterator[str]:
    for part in (of_nights(), of_times(), of_accuracy(), of_speed(folder), of_recall()):
        yield from part


if __name__ == "__main__":
    WRITTEN.write_text("".join(f"{line}\n" for line in told(Path("/nowhere"))), encoding="utf-8")
