"""The lines of a history: one JSON object each, whose first keys stand in a fixed order.

What statistics need stands first, so that a million lines are read by their beginnings alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, NoReturn

from tools.errors import HistoryError
from tools.machine import typed
from tools.machine.reading import json_of, refusing
from tools.nights.record import VERSION, Accepted, Fingerprint, Night, Record, Series, Subject

BEGIN = f'{{"version":{VERSION},'
CASE = f'{BEGIN}"case":"'
ACCEPTED = f'{BEGIN}"accepted":"'
MOST = 1e5  # of a logarithm or a ratio of them
HIGHEST = 10**12 - 1  # of a night's number: no damaged line sends those after it out of all bounds
_NUMBER = rb"-?\d{1,6}(?:\.\d{1,20})?(?:e-\d\d?)?"
HEAD = re.compile(
    re.escape(BEGIN.encode()) + rb'("case":"[^"\n]{1,300}","unit":"[^"\n]{1,300}","fingerprint":\{[^}\n]{1,4000}\}),'
    rb'"night":(\d{1,12}),"began":"([0-9T:Z-]{20})","run":"([^"\n]{1,255})","word":"([a-z ]{0,20})",'
    rb'"ratio":(' + _NUMBER + rb'),"log_s":(null|' + _NUMBER + rb'),"taken":(\d{1,6}),"apart":(' + _NUMBER + rb'),[^\n]*\}\n')
Head = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
BEGAN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SPECIAL = re.compile(r'["\\{}\x00-\x1f\x7f\ud800-\udfff]')  # what HEAD does not look for inside a text
DAMAGED = "a line of the history"


def plain(text: str) -> str:
    """*text* as it can stand at the beginning of a line."""
    return _SPECIAL.sub("_", text)[:255] or "_"


def of_record(record: Record) -> str:
    """The record's line, without its end."""
    found = {name: value for name, value in asdict(record).items() if name not in HEADED}
    logs = record.logs
    mean = math.fsum(logs) / len(logs) if logs else None
    apart = math.fsum((one - mean) ** 2 for one in logs) if mean is not None else 0.0
    head = {"case": plain(record.case), "unit": plain(record.unit), "fingerprint": _plainly(record.fingerprint),
            "night": min(record.night, HIGHEST), "began": record.began, "run": plain(record.run), "word": record.word,
            "ratio": _short(record.ratio), "log_s": None if mean is None else _short(mean), "taken": len(logs), "apart": _short(apart)}
    return _text({"version": VERSION, **head, **found})


HEADED = ("case", "unit", "fingerprint", "night", "began", "run", "word", "ratio")


def _plainly(fingerprint: Fingerprint) -> dict[str, str | int]:
    return {name: plain(value) if isinstance(value, str) else value for name, value in asdict(fingerprint).items()}


def _short(number: float) -> float:
    """A number as HEAD finds it: neither so large nor so small that it has another form."""
    return round(max(-MOST, min(MOST, number)), 9)


def _text(told: Mapping[str, object]) -> str:
    return json.dumps(told, separators=(",", ":"), allow_nan=False)


def of_accepted(accepted: Accepted) -> str:
    """The line that says what a person has accepted."""
    told = asdict(accepted)
    return _text({"version": VERSION, "accepted": plain(told.pop("case")), **told, "fingerprint": _plainly(accepted.fingerprint)})


def subject_of(key: bytes) -> Subject:
    """The subject that a head's first group names; a HistoryError where it is none."""
    told = json_of(b"{" + key + b"}", HistoryError, DAMAGED, "a line's beginning", parse_constant=_refuse)
    with refusing(HistoryError, f"{DAMAGED} cannot be read", "a line's beginning"):
        return typed.require(Subject(told["case"], told["unit"], Fingerprint(**told["fingerprint"])), HistoryError, "a line's beginning",
                             "nothing is to be done: it is left out")


def night_of(head: Head) -> Night:
    """What HEAD found in a line."""
    word: Any = head[4].decode()
    return Night(int(head[1]), head[2].decode(), head[3].decode(errors="replace"), word, float(head[5]),
                 None if head[6] == b"null" else float(head[6]), int(head[7]), float(head[8]))


def record_of(line: bytes, where: str) -> Record:
    """The record in a line.

    Raises:
        HistoryError: it is none, or a number in it is not finite or cannot be what it should be.
    """
    told = _told(line, where)
    with refusing(HistoryError, f"{DAMAGED} cannot be read", where):
        rest = {name: value for name, value in told.items() if name not in ("version", "log_s", "taken", "apart")}
        rest["fingerprint"] = Fingerprint(**told["fingerprint"])
        rest["series"] = tuple(Series(**one) for one in told["series"])
        found = typed.require(Record(**rest), HistoryError, where, LEFT_OUT)
        for one in found.series:
            typed.require(one, HistoryError, where, LEFT_OUT)
    if not BEGAN.fullmatch(found.began) or not 0 <= found.night <= HIGHEST or not all(map(_is_rate, found.series)):
        raise HistoryError(f"{DAMAGED} holds what no record has", where=where, remedy=LEFT_OUT)
    return found


def accepted_of(line: bytes, where: str) -> Accepted:
    """What a person has accepted, out of a line; a HistoryError where it is no such line."""
    told = _told(line, where)
    with refusing(HistoryError, f"{DAMAGED} cannot be read", where):
        rest = {one.name: told[one.name] for one in fields(Accepted) if one.name not in ("case", "fingerprint")}
        found = Accepted(case=told["accepted"], fingerprint=Fingerprint(**told["fingerprint"]), **rest)
    return typed.require(found, HistoryError, where, LEFT_OUT)


LEFT_OUT = "nothing is to be done: it is left out"


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
