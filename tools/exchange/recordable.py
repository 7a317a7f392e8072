"""Which measurements of a log or a run may become stored numbers, and under which names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tools.errors import ClipgateError, MeasureError, RecordError
from tools.exchange import runs
from tools.exchange.speeds import Speed
from tools.exchange.toml_edit import NewFigure
from tools.judging import judge
from tools.judging.asked import METRICS as ASKED
from tools.judging.rows import RESULTS, Row
from tools.judging.speed import stored_rate, unsteady
from tools.judging.verdict import Verdict
from tools.machine.reading import positive
from tools.measuring.cell import RECORD, Cell, Part
from tools.measuring.timing import MIN_ITERATIONS, MIN_SECONDS
from tools.spec.case import Case
from tools.spec.chips import T4, is_simulated, kind, nvidia, stored_device
from tools.spec.figures import METRICS
from tools.spec.model import Spec
from tools.spec.truth import Truth


def told(figure: NewFigure, old: Truth, new: Truth) -> list[str]:
    """What changes, how the figure compares with its neighbours, and which figure judges from now on."""
    was = next((f"{one.value:g}" for one in old.figures if one.id == figure.id), "-")
    lines = [f"{figure.id}: {was} -> {figure.value:g} {figure.unit} ({figure.section})"]
    if figure.metric != "throughput":
        names = "names what does" if new.accuracy else "is not there to name it"
        return [*lines, f"  it judges nothing: [gates.accuracy.references] {names}"]
    return [*lines, *(f"  {other}" for other in _beside(figure, old)), f"  {_judging(figure, new)}"]


def _beside(figure: NewFigure, old: Truth) -> list[str]:
    """The figure over that of its device at the nearest batch size: a wrong one would show."""
    others = [one for one in old.figures if (one.device, one.metric, one.network) == (figure.device, "throughput", figure.network)
              and one.batch is not None and one.id != figure.id]
    nearest = min((abs(math.log2(one.batch / figure.batch)) for one in others if one.batch), default=0.0)
    return [f"it is {figure.value / one.right:.3f} times {one.id}, {one.right:g} at bs{one.batch} ({one.origin})" for one in others
            if one.batch and abs(math.log2(one.batch / figure.batch)) == nearest]


def _judging(figure: NewFigure, new: Truth) -> str:
    device, by = stored_device(figure.device), figure.toolchain
    if T4 in device.stands_for and by.usual and figure.device != new.throughput.t4:
        return f'no ratio is taken against it: [gates.throughput] has t4 = "{new.throughput.t4 or ""}"'
    found = None if device.maker == "GPU" else stored_rate(new, kind(device.stands_for[0]), figure.batch, figure.network, by)
    judging = found[0] if found else new.rate(figure.device, figure.batch, figure.network, by)
    if judging is None or judging.id == figure.id:
        return "from now on what is measured there is judged by it, or compared with it"
    return f'{judging.id} goes on judging there: [gates.throughput] judge_by = "{new.throughput.judge_by}"'


CIRCUMSTANCES = {  # of a measurement, by the names in its record, with the words of a figure's note
    "cpu": "cpu", "cores": "cores", "cann": "cann", "driver": "driver", "cuda": "CUDA", "onnxruntime-gpu": "onnxruntime-gpu",
    "clock_mhz": "clock in MHz", "temperature_c": "temperature in C"}
AT_REST = ("clock_mhz", "temperature_c")  # one look at a device that rests: what was read while it worked says more
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*")


def device_of_chip(name: str) -> str:
    """The device under which the rate of one chip is stored, by the name that npu-smi gives the chip.

    Raises:
        RecordError: it is simulated, or has no name.
        TruthError: no chip is named like that.
    """
    if is_simulated(name):
        raise RecordError(f"{name} is simulated, and nothing measured on it is a fact", where=name, remedy="measure on a device")
    own = kind(name).own_device
    if own is None:
        raise RecordError("nobody knows which chip it was measured on", where=f"chip {name!r}", remedy="measure it again")
    return own.name


def device_of_log(speed: Speed, named: str) -> str:
    """The device under which a tool's rate is stored, *named* by whoever has the log.

    Raises:
        RecordError: the tool does not run there, its log names another device, or *named* is a whole card.
    """
    where, device = f"--device {named}", stored_device(named)
    if is_simulated(named):
        return device_of_chip(named)
    if not NAME.fullmatch(named):
        raise RecordError("that is no device's name", where=where, remedy="for example --device T4, --device 310P3")
    if device.maker != ("GPU" if speed.tool == "trtexec" else "Ascend"):
        raise RecordError(f"{speed.tool} does not run on {named}", where=where, remedy="name a GPU, for example T4"
                          if speed.tool == "trtexec" else "name an Ascend chip as npu-smi does, for example 310P3")
    if speed.chosen_device and nvidia(named).removeprefix("NVIDIA ").lower() not in speed.chosen_device.lower():
        raise RecordError(f"the log was made on {speed.chosen_device}, not on {named}", where=speed.place, remedy="name that device")
    if device.chips > 1:
        chip = device.stands_for[0]
        raise RecordError(f"{named} stands for a card of {device.chips} chips, and the tools measure one of them", where=where,
                          remedy=f"--device {chip}: it is stored as {device_of_chip(chip)}, and a card is derived from it")
    return stored_device(nvidia(named)).name if device.maker == "GPU" else device.name


def of_log(speed: Speed, device: str, network: str) -> NewFigure:
    """A tool's measurement as a figure."""
    assert speed.batch is not None
    assert speed.samples_per_s is not None
    return NewFigure(device=device_of_log(speed, device), network=network, batch=speed.batch, metric="throughput",
                     value=speed.samples_per_s, unit="samples/s", note=str(speed.latency),
                     section=f"{speed.tool}, {speed.day or _day(speed.path)}, {speed.place}",
                     engine="trtexec" if speed.tool == "trtexec" else "", precision=speed.precision)


def rates_of_run(run: Path, spec: Spec, truth: Truth) -> tuple[list[NewFigure], list[ClipgateError]]:
    """Clips per second of each measured case of a run, and why each of the other cases has none.

    A case of several networks has a rate of each, and one of all together.

    Raises:
        RecordError, MeasureError: no case was measured, or each was simulated, could not be judged, or has
            times that spread too far.
        TruthError: no chip is named as one of them.
    """
    judged, cases = runs.rows(run), runs.cases(run, spec)
    found: list[NewFigure] = []
    left: list[ClipgateError] = [
        MeasureError(f"{row.case} was not measured: {row.reason}", where=str(run / RESULTS), remedy="run it again") for row in judged
        if (row.question, row.verdict) == ("throughput", Verdict.ERROR.value) and row.case not in map(str, cases)
        and Case.parse(row.case, spec.name)]
    for case in cases:
        try:
            found += _rates(run, runs.read(case, run, spec), truth, judged)
        except (RecordError, MeasureError) as error:
            left.append(error)
    if not found:
        raise left[0] if len(left) == 1 else RecordError(f"none of the {len(left)} cases of {spec.name} can be stored", where=str(run),
                                                         remedy="\n    ".join(error.what for error in left))
    return found, left


def _rates(run: Path, cell: Cell, truth: Truth, judged: Sequence[Row]) -> list[NewFigure]:
    _require_rate(cell, truth, judged)
    if len(cell.parts) == 1:
        return [_rate(run, cell, "", cell.parts[0].rate(), _times(cell.parts[0]))]
    each = [_rate(run, cell, part.record.network, part.rate(), _times(part)) for part in cell.parts]
    return [*each, _rate(run, cell, "", cell.rate(), "1 / (sum of 1/rate) of its networks")]


def _rate(run: Path, cell: Cell, network: str, clips_per_s: float, how: str) -> NewFigure:
    figure = _figure(run, cell, "throughput", float(f"{clips_per_s:.6g}"), "samples/s", network)
    return replace(figure, note="; ".join([how, figure.note, *cell.notes]))


def _figure(run: Path, cell: Cell, metric: str, value: float, unit: str, network: str = "") -> NewFigure:
    """What a run measured of a cell or a *network* of it, as a figure; its note names the circumstances."""
    record = cell.record
    surgery = [f"surgery {record.surgery}"] if record.surgery else []
    told, by = {**record.machine, **record.versions}, judge.toolchain_of(cell)
    during = _during([part for part in cell.parts if network in ("", part.record.network)])
    machine = [f"{words} {told[name]}" for name, words in CIRCUMSTANCES.items() if told.get(name) and not (during and name in AT_REST)]
    note = ", ".join([record.precision, f"weights {record.weights}", f"data {record.data}", *surgery, *machine, *during])
    section = f"clipgate, {_day(cell.parts[-1].folder / RECORD)}, {run.name}/{cell.case}"
    return NewFigure(device=device_of_chip(record.chip), network=network, batch=cell.case.batch, metric=metric,
                     value=value, unit=unit, section=section, note=note, engine=by.engine, precision=by.precision)


def _during(parts: Sequence[Part]) -> list[str]:
    """Between which clocks, temperatures and powers the device was while *parts* were measured, in words."""
    return [f"{part.idle.told} while {part.record.network if len(parts) > 1 else 'it'} was measured"
            for part in parts if part.idle and part.idle.told]


def require_real(cell: Cell) -> None:
    """Refuse a cell that was simulated."""
    record = cell.record
    if record.simulated or cell.case.device.simulated or is_simulated(record.chip):
        raise RecordError(f"{cell.case} was measured on a simulation, and is no fact", where=str(cell.folder), remedy="measure on a device")


def _require_rate(cell: Cell, truth: Truth, judged: Sequence[Row]) -> None:
    require_real(cell)
    where = str(cell.folder)
    for part in cell.parts:
        if part.times is None:
            raise RecordError(f"{cell.case} has no times of {part.record.network}", where=where, remedy="measure it again")
        seen = part.times.summary()
        if seen.short:
            raise RecordError(f"the rate of {cell.case} cannot be stored: {seen.iterations} iterations in {seen.total_s:.1f} s are too "
                              f"few, {MIN_ITERATIONS} iterations and {MIN_SECONDS:g} s are wanted", where=where,
                              remedy="measure it again with a longer --budget-s")
        if crept := unsteady([seen], truth):
            raise RecordError(f"the rate of {cell.case} cannot be stored: its calls {crept}", where=where,
                              remedy="measure it again with a longer --budget-s, once the device has warmed up")
        spread = seen.variation
        if spread > truth.throughput.max_variation:
            raise RecordError(f"the times of {cell.case} spread by {spread:.1%}, over the limit of {truth.throughput.max_variation:.0%}",
                              where=where, remedy="measure it again on an idle machine")
    said = [(row.verdict, row.reason) for row in judged if (row.case, row.question) == (str(cell.case), "throughput")
            and row.metric not in ASKED]  # what a person asked of a rate says nothing about how well it was measured
    said += [(one.verdict.value, one.reason) for one in judge.throughput(cell, truth)]
    for verdict, reason in said:
        if verdict in (Verdict.NO_VERDICT.value, Verdict.ERROR.value):
            raise RecordError(f"the rate of {cell.case} is {verdict}: {reason}", where=where, remedy="measure it again")


def accuracies_of_run(run: Path, spec: Spec) -> list[NewFigure]:
    """The accuracy of every case that pytest has judged on the complete data set with the published weights.

    Raises:
        RecordError: a case was simulated, or had other data or weights; pytest has judged nothing good.
    """
    judged = [row for row in runs.rows(run) if row.question == "accuracy" and row.metric in METRICS]
    found: dict[str, NewFigure] = {}
    for cell in runs.cells(run, spec):
        require_real(cell)
        if cell.given:
            raise RecordError(f"{cell.case} was measured with a graph that a person gave, and nobody knows whose weights it holds",
                              where=str(cell.folder), remedy="measure it without --graph")
        record = cell.record
        if (record.weights, record.data, record.clips) != ("published", "full", spec.clips):
            raise RecordError(f"{cell.case} judged {record.weights} weights on {record.data} ({record.clips} clips), which is no accuracy "
                              "of the model", where=str(cell.folder),
                              remedy=f"run it with --data full --weights published, all {spec.clips} clips")
        for row in judged:
            if row.case == str(cell.case) and row.verdict in (Verdict.PASS.value, Verdict.RECORDED.value) and row.numbers:
                share = float(f"{positive(row.numbers.measured, str(run), RecordError, f'{row.metric} is'):.4f}")
                one = _figure(run, cell, row.metric, share, "fraction")
                found[one.id] = one
    if not found:
        raise RecordError("pytest has judged no accuracy of this run good", where=str(run), remedy=f"pytest -m {spec.name} --data full")
    return list(found.values())


def _day(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


def _times(part: Part) -> str:
    assert part.times is not None
    seen = part.times.summary()
    clock = "the device's clock" if part.times.device_series else "our clock"
    return (f"mean {1000 * seen.mean_s:.6g} ms a batch, median {1000 * seen.median_s:.6g}, p99 {1000 * seen.p99_s:.6g} by {clock}, "
            f"{seen.iterations} iterations, spread {seen.variation:.1%}{', cut short' if seen.short else ''}")
