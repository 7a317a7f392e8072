"""The lines of a history: one JSON object each, whose first keys stand in a fixed order.

What statistics need stands first, so that a million lines are read by their beginnings alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, NoReturn, get_args

from tools.errors import HistoryError
from tools.machine import typed
from tools.machine.reading import json_of, refusing
from tools.nights.record import VERSION, Accepted, Fingerprint, Night, Record, Series, Subject, Word

BEGIN = f'{{"version":{VERSION},'
HEADED = ("case", "unit", "fingerprint", "night", "began", "run", "word", "ratio")
CASE = f'{BEGIN}"case":"'
ACCEPTED = f'{BEGIN}"accepted":"'
NIGHT = ',"night":'  # what parts a line's subject from its night, which is the first list in it
MOST = 1e5  # of a logarithm or a ratio of them
HIGHEST = 10**12 - 1  # of a night's number: no damaged line sends those after it out of all bounds
BEGAN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SPECIAL = re.compile(r'["\\{}\[\]\x00-\x1f\x7f\ud800-\udfff]')  # what parts a line, or would need an escape
ITEMS = len(fields(Night))
NUMBER = re.compile(r"\d{12}")
WORDS = get_args(Word)
DAMAGED, BEGINNING = "a line of the history", "the beginning of a line"
LEFT_OUT = "nothing is to be done: it is left out"


def plain(text: str) -> str:
    """*text* as it can stand at the beginning of a line."""
    return _SPECIAL.sub("_", text)[:255] or "_"


def as_read(record: Record) -> Record:
    """The record with what names its subject and its run as a reader of its line has them."""
    return replace(record, case=plain(record.case), unit=plain(record.unit), run=plain(record.run),
                   fingerprint=Fingerprint(**_plainly(record.fingerprint)))  # type: ignore[arg-type]


def of_record(record: Record) -> str:
    """The record's line, without its end."""
    rest = {name: value for name, value in asdict(record).items() if name not in HEADED and value is not None}
    logs = record.logs
    mean = math.fsum(logs) / len(logs) if logs else None
    apart = math.fsum((one - mean) ** 2 for one in logs) if mean is not None else 0.0
    night = (f"{min(record.night, HIGHEST):012}", record.began, plain(record.run), record.word, _short(record.ratio),
             None if mean is None else _short(mean), len(logs), _short(apart))
    head = {"case": plain(record.case), "unit": plain(record.unit), "fingerprint": _plainly(record.fingerprint), "night": night}
    return _text({"version": VERSION, **head, **rest})


def _plainly(fingerprint: Fingerprint) -> dict[str, str | int]:
    """The parts of a fingerprint; what is not so is left out, as it was before anybody told it."""
    return {name: plain(value) if isinstance(value, str) else value for name, value in asdict(fingerprint).items() if value is not False}


def _short(number: float) -> float:
    return round(max(-MOST, min(MOST, number)), 9)


def _text(told: Mapping[str, object]) -> str:
    return json.dumps(told, separators=(",", ":"), allow_nan=False)


def of_accepted(accepted: Accepted) -> str:
    """The line that says what a person has accepted."""
    told = asdict(accepted)
    return _text({"version": VERSION, "accepted": plain(told.pop("case")), **told, "fingerprint": _plainly(accepted.fingerprint)})


def subject_of(key: bytes) -> Subject:
    """The subject that the beginning of a line, NIGHT included, names; a HistoryError where it names none."""
    told = _told(key.removesuffix(NIGHT.encode()) + b"}", BEGINNING)
    with refusing(HistoryError, f"{DAMAGED} cannot be read", BEGINNING):
        found = Subject(told["case"], told["unit"], Fingerprint(**told["fingerprint"]))
        return typed.require(found, HistoryError, BEGINNING, LEFT_OUT)


def nights_of(rows: Sequence[bytes]) -> list[Night]:
    """The nights in what follows NIGHT in lines; those that cannot be read are not among them."""
    try:
        told = _told(b"[" + b",".join(rows) + b"]", BEGINNING)
    except HistoryError:
        if len(rows) < 2:
            return []
        return [night for half in (rows[: len(rows) // 2], rows[len(rows) // 2:]) for night in nights_of(half)]
    return [_night(row) for row in told if _is_night(row)]


def _is_night(row: Any) -> bool:  # noqa: ANN401 - JSON is anything
    """Whether a list out of JSON has what a night has, of the types that it has them."""
    if not isinstance(row, list) or len(row) != ITEMS:
        return False
    number, began, run, word, ratio, log_s, series, apart = row
    texts = isinstance(number, str) and isinstance(began, str) and isinstance(run, str) and isinstance(word, str)
    return (texts and type(series) is int and 0 <= series < MOST
            and NUMBER.fullmatch(number) is not None and BEGAN.fullmatch(began) is not None and word in WORDS
            and _is_small(ratio) and _is_small(apart) and (log_s is None or _is_small(log_s)))


def _is_small(number: object) -> bool:
    return type(number) in (int, float) and -MOST <= number <= MOST  # type: ignore[operator]


def _night(row: list[Any]) -> Night:
    return Night(int(row[0]), *row[1:])


def record_of(line: bytes, where: str) -> Record:
    """The record in a line.

    Raises:
        HistoryError: it is none, or a number in it is not finite or cannot be what it should be.
    """
    told = _told(line, where)
    with refusing(HistoryError, f"{DAMAGED} cannot be read", where):
        rest = {name: value for name, value in told.items() if name not in ("version", "night")}
        [night] = [_night(row) for row in [told["night"]] if _is_night(row)]
        rest |= {"night": night.number, "began": night.began, "run": night.run, "word": night.word, "ratio": night.ratio}
        rest |= {"fingerprint": Fingerprint(**told["fingerprint"]), "series": tuple(Series(**one) for one in told["series"])}
        found = typed.require(Record(**rest), HistoryError, where, LEFT_OUT)
        for one in found.series:
            typed.require(one, HistoryError, where, LEFT_OUT)
    if not all(map(_is_rate, found.series)):
        raise HistoryError(f"{DAMAGED} holds what no record has", where=where, remedy=LEFT_OUT)
    return found


def accepted_of(line: bytes, where: str) -> Accepted:
    """What a person has accepted, out of a line; a HistoryError where it is no such line."""
    told = _told(line, where)
    with refusing(HistoryError, f"{DAMAGED} cannot be read", where):
        rest = {one.name: told[one.name] for one in fields(Accepted) if one.name not in ("case", "fingerprint")}
        found = Accepted(case=told["accepted"], fingerprint=Fingerprint(**told["fingerprint"]), **rest)
    return typed.require(found, HistoryError, where, LEFT_OUT)


def _is_rate(series: Series) -> bool:
    return 1e-9 < series.clips_per_s < 1e9 and series.iterations > 0


def _told(line: bytes, where: str) -> Any:  # noqa: ANN401 - JSON is anything
    return json_of(line, HistoryError, DAMAGED, where, LEFT_OUT, parse_constant=_refuse, parse_float=_finite)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text:.20} is too large")
    return found
