"""Measured rates beside stored ones: of a case, as a table of ratios, in pytest-benchmark's JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tools.judging.judge import summary_of, toolchain_of
from tools.judging.rows import align
from tools.measuring.cell import Cell, Part
from tools.measuring.timing import Statistic, summarise
from tools.spec.chips import T4, is_gpu, kind, stored_device
from tools.spec.figures import RECORDED, Figure
from tools.spec.figures import rates as rates_of
from tools.spec.truth import Truth

HEADING = "over the stored figure of each device (clips/s a card; 1chip: one of a card's four)"


@dataclass(frozen=True, slots=True)
class Rate:
    """Clips per second of one chip, of a model or of one of its networks; *device* is its label, `npu0`.

    statistic: of which times it is computed. mode: what the case's text ends with, where it says how its
    device computes. toolchain: that of a GPU in words; empty for what has one way only.
    """

    model: str
    network: str
    device: str
    chip: str
    batch: int
    clips_per_s: float
    statistic: Statistic = "median"
    mode: str = ""
    toolchain: str = ""

    @property
    def name(self) -> str:
        case = "-".join(filter(None, (f"{self.model}-bs{self.batch}-{self.device}", self.mode)))
        return f"{case} {self.network}".rstrip()

    @property
    def on(self) -> str:
        """The device and how it computed."""
        return "-".join(filter(None, (self.device, self.mode)))

    @property
    def of_card(self) -> float:
        return self.clips_per_s * kind(self.chip).chips_per_card


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured rate beside a stored one of its batch size; *note* says why the stored one is doubtful.

    column: what the stored one is of, where that is more than its device: a GPU may have several, measured
    in several ways. measured: whether it is a GPU's that whoever stored it measured.
    """

    device: str
    clips_per_s: float
    ratio: float
    source: str
    note: str
    column: str = ""
    measured: bool = False

    @property
    def head(self) -> str:
        return self.column or self.device

    @property
    def key(self) -> str:
        """What it is kept under: what is published under its device."""
        return self.head if self.measured else self.device


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: a line above it, the words of its columns, and rows of texts."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def lines(self) -> list[str]:
        """The table as text, without the line above it."""
        return align([self.columns, *self.rows])


def rates(cell: Cell) -> list[Rate]:
    """The case's rate, and that of each of its networks where it has several."""
    several = [(part.record.network, part.rate()) for part in cell.parts] if len(cell.parts) > 1 else []
    case, chip = cell.case, cell.record.chip
    by = str(toolchain_of(cell)) if is_gpu(chip) else ""
    return [Rate(case.model, network, case.device.label, chip, case.batch, rate, cell.statistic, str(case.mode), by)
            for network, rate in (("", cell.rate()), *several)]


def comparisons(truth: Truth, rate: Rate) -> list[Comparison]:
    """The rate beside every stored device's at its batch size: GPUs that were measured, then the gate's T4.

    Other T4s that guides print are left out. The figure of a card is compared with the chip's rate times the
    card's chips.
    """
    gate = truth.throughput.t4
    figures = [figure for figure in truth.figures
               if (figure.metric, figure.batch, figure.network) == ("throughput", rate.batch, rate.network)
               and figure is _shown(truth, figure, rate)]
    figures.sort(key=lambda figure: (not _measured(figure), figure.device != gate))
    ours = {figure.device: rate.of_card if stored_device(figure.device).of_card else rate.clips_per_s for figure in figures}
    return [Comparison(figure.device, figure.right, ours[figure.device] / figure.right, f"{truth.path.name} {figure.id}", figure.doubt,
                       figure.column, _measured(figure)) for figure in figures]


def _measured(figure: Figure) -> bool:
    return figure.provenance == RECORDED and stored_device(figure.device).maker == "GPU"


def _shown(truth: Truth, figure: Figure, rate: Rate) -> Figure | None:
    """The one that stands for all of this figure's device; of a GPU for those measured as it was."""
    device = stored_device(figure.device)
    if T4 in device.stands_for and figure.device != truth.throughput.t4 and not (_measured(figure) and figure.device == T4):
        return None
    if device.maker != "GPU":
        return truth.rate(figure.device, rate.batch, rate.network)
    return next(one for one in rates_of(truth.figures, figure.device, rate.batch, rate.network)
                if (one.provenance, one.toolchain) == (figure.provenance, figure.toolchain))


def extra_info(cell: Cell, compared: Sequence[Comparison]) -> dict[str, object]:
    """What pytest-benchmark's JSON keeps with a rate: numbers, digests, environment, figures, ratios."""
    record = cell.record
    parts = {part.record.network: _numbers(part) for part in cell.parts}
    return {
        "case": str(cell.case), "data": record.data, "weights": record.weights, "precision": record.precision,
        "chip": record.chip, "simulated": record.simulated,
        **(parts[record.network] if len(parts) == 1 else {"networks": parts, "clips_per_s": cell.rate(), "statistic": cell.statistic}),
        "compared": {found.key: asdict(found) for found in compared},
        "versions": dict(record.versions), "machine": dict(record.machine),
    }


def _numbers(part: Part) -> dict[str, object]:
    assert part.times is not None
    record = part.record
    return {"valid_rows": part.times.valid, **asdict(summary_of(part)),
            "host_clock": asdict(summarise(part.times.series, part.times.valid)) if part.times.device_series else {},
            "end_to_end_clips_per_s": record.clips / record.scoring_s, "end_to_end_statistic": "mean",
            "digests": dict(record.digests), "surgery": record.surgery,
            "waited_s": part.times.waited_s, "worked_beside": list(part.times.beside)}


def heading_of(measured: Sequence[Rate]) -> str:
    """The line above a table of ratios: it says what stands over the columns."""
    by = dict.fromkeys(f"{rate.on}: {rate.toolchain}" for rate in measured if rate.toolchain)
    return f"measured clips/s ({'; '.join([_statistics(measured), *by])}) {HEADING}"


def _statistics(measured: Sequence[Rate]) -> str:
    """Of which times the rates are; where it differs, of which devices."""
    of: dict[str, list[str]] = {}
    for rate in measured:
        of.setdefault(rate.statistic, []).append(rate.device)
    return ", ".join(statistic if len(of) == 1 else f"{statistic} on {', '.join(dict.fromkeys(devices))}"
                     for statistic, devices in of.items())


def ratio_table(compared: Sequence[tuple[str, Sequence[Comparison]]]) -> list[str]:
    """A line for each case: its rate over that of each stored device; `-` where nothing is stored.

    What was measured on GPUs comes first. Everybody asks for the T4: its column comes next, and is there even
    where no guide has a figure for it.
    """
    found = ratio_grid(compared)
    return found.lines if found else []


def ratio_grid(compared: Sequence[tuple[str, Sequence[Comparison]]], heading: str = "") -> Grid | None:
    """The same as a table; None where nothing is stored of any case."""
    found = {one.head: one for _, beside in compared for one in beside}
    if not found:
        return None
    t4s = [head for head, one in found.items() if T4 in stored_device(one.device).stands_for]
    first = [head for head, one in found.items() if one.measured]
    heads = list(dict.fromkeys([*(head for head in first if head in t4s), *first, *(t4s or [T4]), *found]))
    rows = []
    for case, beside in compared:
        ratios = {one.head: f"{one.ratio:.3f}" for one in beside}
        rows.append((case, *(ratios.get(head, "-") for head in heads)))
    return Grid(heading, ("case", *(f"x {head}" for head in heads)), tuple(rows))


def doubts(compared: Sequence[tuple[str, Sequence[Comparison]]]) -> list[str]:
    """A line for each stored figure that was compared with and is doubtful, with the reason."""
    return list(dict.fromkeys(f"{one.source} ({one.device}, {one.clips_per_s:g}): {one.note}"
                              for _, beside in compared for one in beside if one.note))
