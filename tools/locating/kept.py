"""What was located, as it is kept in the case's folder: JSON that the report reads again, and the curves."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.errors import MeasureError
from tools.locating import curves, told
from tools.locating.values import Cause, Chosen, Difference, Found, Located, Seen, Span, StageSeen, Step
from tools.machine import typed
from tools.machine.files import write_whole, writing
from tools.machine.reading import load_json, refusing

FOLDER = "locate"
SCHEMA = 1
AGAIN = "look for it again: python -m tools.locate"
WHAT = "what was located"
LONGEST = 100  # letters of a part's name in that of a file


@dataclass(frozen=True, slots=True)
class Kept:
    """What was *located*, in *sentences*, the first cause first; *names*: what people call its spans.

    complete: whether the search has ended; it may be gone on with where it has not.
    """

    located: Located
    names: Mapping[str, str]
    sentences: tuple[str, ...]
    complete: bool

    @property
    def layers(self) -> tuple[told.Layer, ...]:
        """The parts in the network's order; none where nothing was searched."""
        return told.layers(self.located.found, self.names) if self.located.found else ()


def of(located: Located, names: Mapping[str, str], *, complete: bool = True) -> Kept:
    """What was located with what it says."""
    return Kept(located, names, told.sentences(located, names), complete)


def folder_of(run: Path, case: str) -> Path:
    """Where a run keeps what was located of a case."""
    return run / case / FOLDER


def path_in(folder: Path, located: Located) -> Path:
    """The JSON file of what was located, in that folder."""
    return folder / f"{_file_name(located)}.json"


def keep(kept: Kept, run: Path) -> Path:
    """Write it into the run, over what was there; the JSON file.

    A part has a file of its own. What is not complete leaves in its place what is.

    Raises:
        MeasureError: the disk is full, or the folder cannot be written.
    """
    located = kept.located
    folder = folder_of(run, located.case)
    path = path_in(folder, located)
    if not kept.complete and _is_complete(path):
        return path
    picture = folder / f"{_file_name(located)}.svg"
    with _or_refused(folder), writing(WHAT, run, MeasureError):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_plain({"schema_version": SCHEMA, **asdict(kept)}), indent=1, allow_nan=False)
        write_whole(path, lambda file: file.write(text.encode()))
        if located.found:
            drawn = curves.svg(kept.layers, located.found.limit, " ".join(kept.sentences))
            write_whole(picture, lambda file: file.write(drawn.encode()))
        else:
            picture.unlink(missing_ok=True)
    return path


@contextmanager
def _or_refused(folder: Path) -> Iterator[None]:
    """Turn what stands in the way, as a folder of a file's name, into an error that names it."""
    try:
        yield
    except OSError as error:
        raise MeasureError(f"cannot write {WHAT}: {error.strerror}", where=str(error.filename or folder),
                           remedy="take away what stands there, or name another run with --run DIR") from error


def _file_name(located: Located) -> str:
    """That of a network, or of a part of it: what a person calls it, as far as a file may be called so."""
    part = quote(located.part, safe=" ()")
    part = part if len(part) <= LONGEST else hashlib.sha256(part.encode()).hexdigest()[:16]
    return f"{located.network}-{part}" if part else located.network


def _is_complete(path: Path) -> bool:
    """Whether a search that has ended lies there; what is damaged is none."""
    try:
        return path.is_file() and _read(path).complete
    except MeasureError:
        return False


def read(case_folder: Path) -> tuple[Kept, ...]:
    """What was located of the networks of a case; nothing where nobody has looked.

    Raises:
        MeasureError: a file of it cannot be read.
    """
    return tuple(_read(path) for path in sorted((case_folder / FOLDER).glob("*.json")))


def _read(path: Path) -> Kept:
    told_ = load_json(path, MeasureError, WHAT, AGAIN)
    with refusing(MeasureError, f"{WHAT} cannot be read", str(path), AGAIN):
        found = Kept(_located(told_["located"]), dict(told_["names"]), tuple(told_["sentences"]), told_["complete"])
    _require(found, str(path))
    return found


def _require(value: object, where: str) -> None:
    """Check the types of a dataclass and of all dataclasses in it."""
    typed.require(value, MeasureError, where, AGAIN)
    for one in fields(value):  # type: ignore[arg-type]
        inside = getattr(value, one.name)
        for each in inside if isinstance(inside, tuple) else (inside,):
            if is_dataclass(each):
                _require(each, where)


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON is anything
    """*value* as JSON has it: without bounds is null, and a path a text."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _located(said: Mapping[str, Any]) -> Located:
    found = said["found"]
    return Located(said["case"], said["network"], said["device"], said["precision"], _chosen(said["chosen"]),
                   tuple(Step(**{**one, "difference": _difference(one["difference"])}) for one in said["steps"]),
                   tuple(_stage(one) for one in said["stages"]), None if found is None else _found(found), said["repeat"], said["part"])


def _chosen(said: Mapping[str, Any]) -> Chosen:
    run = None if said["run"] is None else Path(said["run"])
    return Chosen(**{**said, "ids": tuple(said["ids"]), "run": run, "worst": tuple(said["worst"])})


def _stage(said: Mapping[str, Any]) -> StageSeen:
    return StageSeen(**{**said, "difference": _difference(said["difference"]), "first": _span(said["first"])})


def _found(said: Mapping[str, Any]) -> Found:
    return Found(**{**said, "span": _span(said["span"]), "segment": _span(said["segment"]), "own": _difference(said["own"]),
                    "usual": _number(said["usual"]), "limit": _number(said["limit"]), "seen": tuple(map(_seen, said["seen"])),
                    "halves": tuple(map(_seen, said["halves"])), "causes": tuple(Cause(**one) for one in said["causes"]),
                    "scores": _difference(said["scores"])})


def _seen(said: Mapping[str, Any]) -> Seen:
    return Seen(Span(**said["span"]), _difference(said["own"]), _difference(said["cumulative"]))


def _span(said: Mapping[str, Any] | None) -> Span | None:
    return None if said is None else Span(**said)


def _difference(said: Mapping[str, Any] | None) -> Difference | None:
    if said is None:
        return None
    cosine = 0.0 if said["cosine"] is None else said["cosine"]
    return Difference(**{**said, "relative": _number(said["relative"]), "rms": _number(said["rms"]), "cosine": cosine})


def _number(said: float | None) -> float:
    return math.inf if said is None else said
