"""A run as values: all that its folder tells, and what stands beside it on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tools.errors import MeasureError, on_one_line
from tools.judging.otherwise import otherwise
from tools.judging.rows import RESULTS, Row
from tools.machine.reading import can_be_path
from tools.reporting import past, speeds, verdict
from tools.reporting.asked import RunAsked, began_of
from tools.reporting.cases import bare, by_case
from tools.reporting.facts import CaseFacts, Report
from tools.reporting.gallery import Gallery
from tools.reporting.lacking import Lacking, add, told
from tools.reporting.located import located
from tools.reporting.measured import Measured, measured
from tools.reporting.outcome import Outcome, outcome
from tools.spec.case import CONTROL, Case
from tools.spec.catalog import load_truth
from tools.spec.settings import MODELS
from tools.spec.truth import Truth


@dataclass(frozen=True, slots=True)
class Parts:
    """What every case of a run is told with."""

    run: Path
    asked: RunAsked
    truths: Mapping[str, Truth]
    pasts: past.Pasts
    gallery: Gallery
    lacking: Lacking


def gathered(run: Path, *, pictures: bool = True) -> Report:
    """All that is known of a run, from its folder; what is missing or damaged is told in sentences.

    pictures: whether frames of flipped clips are decoded.

    Raises:
        MeasureError: there is no such folder.
    """
    if not run.is_dir():
        raise MeasureError("no such run", where=str(run), remedy="name a folder of artifacts/runs, or last")
    lacking: Lacking = []
    found_out = outcome(run, lacking)
    known, told_rows = found_out.asked, found_out.rows
    truths = _truths(told_rows, known.models(), lacking)
    pasts = past.pasts(known.history(run), run.name, lacking) if told_rows else past.Pasts()
    parts = Parts(run, known, truths, pasts, Gallery(lacking) if pictures else Gallery(lacking, 0), lacking)
    each = by_case(told_rows)
    found = {name: measured(run, of_case[-1], lacking) for name, of_case in each.items() if _was_measured(of_case)}
    reds = set(map(id, found_out.reds))
    cases = tuple(_whole(bare(of_case, truths, reds), of_case, found.get(name, Measured()), parts) for name, of_case in each.items())
    _unjudged(run, each, lacking)
    _tell_age(told_rows, lacking)
    if pictures:
        parts.gallery.close()
    return _report(parts, found_out, cases, tuple(found.values()))


def _report(parts: Parts, told: Outcome, cases: tuple[CaseFacts, ...], found: Sequence[Measured]) -> Report:
    known, truths = parts.asked, parts.truths
    cells = [one.cell for one in found if one.cell and one.rate is not None]
    return Report(
        run=on_one_line(parts.run.name), folder=on_one_line(str(parts.run.absolute())),
        began=began_of(parts.run.name) or min((row.date for row in told.rows if row.date), default=""),
        commit=", ".join(dict.fromkeys(row.commit for row in told.rows if row.commit)),
        sentence=verdict.sentence(cases, reds=told.reds, problems=told.problems), word=verdict.word(cases, told.problems),
        why=(*told.problems, *verdict.why(told.rows, told.reds)), problems=told.problems, command=known.command, nightly=known.nightly,
        simulated=any(case.simulated for case in cases), cases=cases, speeds=speeds.speeds(cells, truths),
        tables=speeds.tables(cells, truths), environment=_environment(found), missing=tuple(parts.lacking))


def _was_measured(of_case: Sequence[Row]) -> bool:
    """Whether a case has left a measurement: what only failed or was skipped before it has none."""
    return any(row.exit_reason in ("judged", "xpass") for row in of_case)


def _truths(told_rows: Sequence[Row], models: Path, lacking: Lacking) -> dict[str, Truth]:
    """The stored numbers of the models of a run, from the folder of model files that it was run with."""
    found: dict[str, Truth] = {}
    for model in dict.fromkeys(row.model for row in told_rows if row.model):
        if Path(model).name != model or not can_be_path(f"{model}.toml"):
            add(lacking, f"{model} is no name of a model, so no stored numbers are shown beside it")
            continue
        place = models if (models / f"{model}.toml").is_file() else MODELS
        with told(lacking, f"{model}: the stored numbers are not shown beside the measured ones"):
            found[model] = load_truth(place, model)
    return found


def _whole(case: CaseFacts, rows: Sequence[Row], found: Measured, parts: Parts) -> CaseFacts:
    """The case with what its folder tells, and what stands beside it."""
    known = Case.parse(case.name, case.model)
    apart = any(otherwise(row.question, row) and not row.superseded for row in rows)
    flipped, count = ((), 0) if found.cell is None else parts.gallery.of(found.cell.folder, case.name, case.data)
    return replace(
        case, again=parts.asked.repeats(known) if known else "", locate=parts.asked.locates(known, parts.run) if known and apart else "",
        located=located(found.cell.folder, case.name, parts.lacking) if found.cell else (),
        clips_per_s=found.rate, flips=flipped, flips_found=count,
        latencies=found.latencies, digests=found.digests, facts=(*found.facts, *(("not compared", why) for why in found.doubts)),
        past=parts.pasts.of(case.name, parts.lacking) if found.rate is not None else None)


def _tell_age(told_rows: Sequence[Row], lacking: Lacking) -> None:
    """Say of a run that is older than the intervals of its accuracies that it has none."""
    if any(row.question == "accuracy" and row.numbers and not row.measured for row in told_rows):  # texts are as old as intervals
        add(lacking, "accuracies have no intervals, for this run is older than they are; run it again")


def _environment(found: Iterable[Measured]) -> tuple[tuple[str, str], ...]:
    """The versions and the machine of all cases together: where they differ, each that there is."""
    told: dict[str, dict[str, None]] = {}
    for one in found:
        for name, text in one.environment:
            told.setdefault(name, {})[text] = None
    return tuple((name, ", ".join(texts)) for name, texts in told.items())


def _unjudged(run: Path, judged: Mapping[str, object], lacking: Lacking) -> None:
    """Say which cells have been measured, at least in part, and have no result: the run ended before."""
    left = sorted(path.name for path in run.iterdir() if path.is_dir() and "-bs" in path.name and path.name not in judged
                  and not path.name.startswith(f"{CONTROL}-bs"))
    if left:
        names = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        have = "has" if len(left) == 1 else "have"
        add(lacking, f"{names} began to be measured and {have} no result in {RESULTS}; pytest --resume={run.name} goes on with the run")
