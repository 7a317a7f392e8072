"""The batch size that a tool's log speaks of: whatever says it must say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.errors import ScoreError

MODEL = re.compile(r"[^\s'\"=:,/\\]+\.(?:om|onnx|engine|plan|trt)\b|PureInfer_perf_of_[^\s/\\]+", re.IGNORECASE)
TABLE = re.compile(r"(?:PureInfer_perf_of_|perf_vision_)\S+")
IN_NAME = re.compile(r"(?<![a-z])(?:bs|batch_?-?(?:size)?)[_-]?(\d+)(?![\dx]|[-,]\d)|(?<![a-z\d])(\d+)bs(?![a-z])", re.IGNORECASE)
TOLD = re.compile(r"(?<!\S)(--?(?:batch_?size|batch|dymBatch))[=\s]+(\d+)", re.IGNORECASE)
FOUND = re.compile(r"try get model batchsize:\s*(\d+)")
RAN = re.compile(r"Input inference shape\s*:\s*(\S+?)\s*=\s*(\d+)x")
BOUND = re.compile(r"Input binding for (\S+) with dimensions (\d+)x|Created input binding for (\S+) with dimensions (\d+)x")
SHAPES = re.compile(r"--shapes=(\S+)")
OPTIMUM = re.compile(r"--optShapes=(\S+)")
FIRST = re.compile(r":(\d+)[x*]")
IMPLICIT = re.compile(r"\] Batch: (\d+)\s*$")
# What trtexec ran instead of what it was asked for, as its several ages say it.
OVERRODE = re.compile(r"^.*(?:Automatically (?:overriding|setting) shape|does not take explicit shapes|batch size specified|"
                      r"(?:shape|batch)\b.*\boverrid).*$",
                      re.IGNORECASE | re.MULTILINE)
AGAIN = "run it again with the batch size that the model has, and give that log"


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch size, and who says it."""

    who: str
    batch: int

    def __str__(self) -> str:
        return f"{self.who} says batch {self.batch}"


def agreed(claims: Sequence[Claim], where: str) -> int | None:
    """The batch size that all *claims* name; None if there are none.

    Raises:
        ScoreError: naming two that disagree.
    """
    for other in claims[1:]:
        if other.batch != claims[0].batch:
            raise ScoreError(f"{claims[0]}, and {other}: the rate would be {_times(claims[0].batch, other.batch)} times off", where=where,
                             remedy=AGAIN)
    return claims[0].batch if claims else None


def claims(text: str, path: Path) -> list[Claim]:
    """What a log's lines and the names of models in it say, and its own name if benchmark gave it.

    Of trtexec's shapes those count that ran: a model may be built for others (min, opt, max).

    Raises:
        ScoreError: trtexec overrode what it was asked for.
    """
    ran = [*_ran(text), *_told(text)]
    overrode = OVERRODE.search(text)
    if overrode:
        asked = [*ran, *_optimum(text)]
        raise ScoreError(f"trtexec says {overrode[0].strip()!r}" + (f", and {asked[0]}" if asked else ""), where=str(path),
                         remedy="run it again with --shapes=INPUT:NxCx..., so that it is known what ran")
    names = dict.fromkeys([*MODEL.findall(text), *TABLE.findall(path.name)])
    return [*ran, *(Claim(f"the name {name}", batch) for name in names if (batch := _in_name(name)))]


def _ran(text: str) -> Iterator[Claim]:
    for match in RAN.finditer(text):
        yield Claim(f"trtexec's 'Input inference shape' of {match[1]}", int(match[2]))
    for match in BOUND.finditer(text):
        yield Claim(f"trtexec's binding of {match[1] or match[3]}", int(match[2] or match[4]))
    for match in FOUND.finditer(text):
        yield Claim("the model that ais_bench loaded", int(match[1]))


def _told(text: str) -> Iterator[Claim]:
    for match in SHAPES.finditer(text):
        yield from (Claim("--shapes", int(size)) for size in FIRST.findall(match[1]))
    for match in TOLD.finditer(text):
        yield Claim(match[1], int(match[2]))
    for line in text.splitlines():
        if (printed := IMPLICIT.search(line)) and int(printed[1]) > 1:  # some versions print 1 for every explicit batch
            yield Claim("trtexec's 'Batch'", int(printed[1]))


def _optimum(text: str) -> list[Claim]:
    return [Claim("--optShapes", int(size)) for match in OPTIMUM.finditer(text) for size in FIRST.findall(match[1])]


def _in_name(name: str) -> int:
    """The batch size in a model's name like tsm_bs16.om, or 0: other numbers in names mean other things."""
    found = [int(match[1] or match[2]) for match in IN_NAME.finditer(name)]
    return found[0] if len(set(found)) == 1 else 0


def _times(one: int, other: int) -> str:
    return f"{max(one, other) / max(1, min(one, other)):g}"
