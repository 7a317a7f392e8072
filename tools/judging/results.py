"""results.jsonl: each row as one JSON object, with numbers as numbers and their units in the keys."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_args

from tools.errors import MeasureError
from tools.judging.numbers import Numbers, Pairs, Timing, Unit
from tools.judging.rows import RESULTS, Row
from tools.machine import opening, typed
from tools.machine.files import write_whole
from tools.machine.reading import json_of, read_lines, refusing

SCHEMA_VERSION = 2  # 1 had numbers as texts, and no version
UNITS: tuple[str, ...] = get_args(Unit)
NEWER = ("graph", "learning", "within")  # than the first lines of this version
TEXTS = ("measured", "reference")  # newer too: under a key `measured_text`, beside the number
Value = str | int | float | bool | Mapping[str, Mapping[str, str]] | None
WORDS = ("case", "model", "device", "chip", "precision", "data", "weights", "question", "metric", "verdict", "exit_reason", "error",
         "reason", "graph", "learning", "within", "date", "commit")


def to_json(row: Row) -> dict[str, Value]:
    """The row as it stands in results.jsonl; the page of suites/ says what each key means."""
    told: dict[str, Value] = {"schema_version": SCHEMA_VERSION, **{name: getattr(row, name) or None for name in WORDS}}
    told |= {f"{name}_text": getattr(row, name) for name in TEXTS}
    told |= {"batch": row.batch or None, "simulated": row.simulated, "short": row.short, "attempt": row.attempt,
             "superseded": row.superseded, "digests": row.digests}
    numbers = row.numbers
    told["statistic"] = numbers.statistic or None if numbers else None
    told["limit"] = numbers.limit or None if numbers else None
    if numbers:
        told[f"measured_{numbers.unit}"] = _number(numbers.measured)
        told[f"reference_{numbers.unit}"] = _number(numbers.reference)
    if numbers and numbers.timing:
        told |= {name: value if isinstance(value, str) else _number(value) for name, value in asdict(numbers.timing).items()}
    if numbers and numbers.pairs:
        told |= {f"paired_{name}": _number(value) for name, value in asdict(numbers.pairs).items()}
    return told


def _number(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if value is not None and math.isfinite(value) else None


def from_json(told: Mapping[str, Any]) -> Row:
    """The row that `to_json` wrote; an older line has no texts of its numbers.

    Raises:
        ValueError, LookupError, TypeError: it is of another version, or lacks something.
    """
    if told["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"it is of schema version {told['schema_version']}, not {SCHEMA_VERSION}")
    rest: dict[str, Any] = {name: told[name] for name in ("simulated", "short", "attempt", "superseded", "digests")}
    rest |= {name: (told.get(name) if name in NEWER else told[name]) or "" for name in WORDS}  # an older line has none
    rest |= {name: told.get(f"{name}_text") or "" for name in TEXTS}
    return Row(**rest, batch=told["batch"] or 0, numbers=_numbers(told))


def _numbers(told: Mapping[str, Any]) -> Numbers | None:
    unit: Any = next((unit for unit in UNITS if f"measured_{unit}" in told), None)
    if unit is None or told[f"measured_{unit}"] is None:
        return None
    timing = Timing(**{one.name: _known(told[one.name]) for one in fields(Timing)}) if "median_ms" in told else None
    pairs = Pairs(**{one.name: told[f"paired_{one.name}"] for one in fields(Pairs)}) if "paired_clips" in told else None
    return Numbers(unit, told[f"measured_{unit}"], told[f"reference_{unit}"], told["statistic"] or "", timing,
                   told.get("limit") or "", pairs)  # an older line has no limit


def _known(value: Any) -> Any:  # noqa: ANN401 - JSON is anything
    return math.nan if value is None else value


def read(run: Path) -> list[Row]:
    """The rows of the run's results.jsonl; none where there is no such file.

    A last line without its end was being written when its process was killed, and is left out.

    Raises:
        MeasureError: a line cannot be read.
    """
    path = run / RESULTS
    if not path.is_file():
        return []
    found, what, remedy = [], "the results", "run the cases again"
    for number, line in read_lines(path, MeasureError, what, remedy):
        if line.strip() and line.endswith("\n"):
            where = f"{path}:{number}"
            found.append(row_of(line, where))
    return found


def row_of(line: str, where: str) -> Row:
    """The row of a line that is at *where*; a MeasureError where it cannot be read."""
    what, remedy = "the results", "run the cases again"
    fields = json_of(line, MeasureError, what, where, remedy)
    with refusing(MeasureError, f"{what} cannot be read", where, remedy):
        row = from_json(fields)
    return typed.require(row, MeasureError, where, remedy)


def asked_again(rows: Sequence[Row], case: str, question: str, *, anew: bool, replaced: bool = False) -> tuple[list[Row], int]:
    """The rows that an ended process left of a run, when a question is asked again; and the tries it has had.

    What was judged is judged again from the same measurement and takes the place of its row. An error or a
    skip stays as an earlier try, and so does all where the case was measured *anew*. *replaced*: there is a
    new measurement of the case, so that no answer to another question is of the one that counts either.
    """
    kept, tries = [], 0
    for row in rows:
        if (row.case, row.question) != (case, question):
            kept.append(replace(row, superseded=True) if replaced and row.case == case else row)
            continue
        over = anew or row.superseded or row.exit_reason != "judged"
        tries = max(tries, row.attempt if over else row.attempt - 1)
        kept += [replace(row, superseded=True)] if over else []
    return kept, tries


def append(rows: Sequence[Row], run: Path) -> None:
    """Add rows to the run's results.jsonl and flush them to disk."""
    run.mkdir(parents=True, exist_ok=True)
    with opening.to_write(run / RESULTS, append=True) as file:
        file.write(_lines(rows).encode())
        file.flush()
        os.fsync(file.fileno())


def rewrite(rows: Sequence[Row], run: Path) -> None:
    """Write the run's results.jsonl anew, with all of its rows."""
    write_whole(run / RESULTS, lambda file: file.write(_lines(rows).encode()))


def _lines(rows: Sequence[Row]) -> str:
    return "".join(json.dumps(to_json(row), allow_nan=False) + "\n" for row in rows)
