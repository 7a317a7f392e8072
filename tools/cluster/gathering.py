"""A list in parts: which clips each task scores, and whether the parts that come back are one list again."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tools.cluster.values import Answer, Span
from tools.errors import ClusterError
from tools.measuring.saved import FIELDS
from tools.measuring.spans import NO_TIME
from tools.storage.shards import Arrays, name_of

LEAST, MOST = 500, 5000  # clips of a part: a task takes seconds to begin, and a lost one is scored again
ROUNDS = 4  # parts that each device gets in turn: a slow or a lost one holds the others up for the less
NAME = re.compile(r"(\d{7,})-(\d{7,})\.npz")


@dataclass(frozen=True, slots=True)
class Scored:
    """A part that is scored: its clips, who did it, and what shaped it, as the JSON of a Sameness.

    fresh: whether this process of the run was given it; else an ended one was.
    """

    span: Span
    by: str
    same: str
    fresh: bool = True


def size_of_part(total: int, batch: int, slots: int, shard: int) -> int:
    """How many clips a task scores of *total*: whole batches, so that each has the clips it always has.

    slots: devices that score at once. shard: what a person asks for; 0: what suits the list and the cluster.
    """
    wanted = shard or min(MOST, max(LEAST, -(-total // (ROUNDS * max(1, slots)))))
    return -(-wanted // batch) * batch


def span_of(name: str) -> Span | None:
    """The part whose scores a file of that name has; None where it has none."""
    match = NAME.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def part_of(answer: Answer, span: Span) -> bytes:
    """The file of a part's scores; a ClusterError where the answer is another one."""
    files, name = dict(answer.files), name_of(span)
    if set(files) != {name}:
        raise ClusterError(f"{answer.node} gave {', '.join(files) or 'nothing'}, and {name} was asked for")
    return files[name]


def words(span: Span) -> str:
    """The clips of a part as people count them: from 1 on."""
    return f"clips {span[0] + 1:,} to {span[1]:,}"


def wrong_inputs(noted: Collection[str], ids: Sequence[str], wanted: Collection[str], span: Span) -> str:
    """What is wrong with the clips of whose inputs a part tells; empty where they are those of its span.

    ids: of the whole list. wanted: those whose inputs are noted, wherever they are scored.
    """
    due = [id for id in ids[slice(*span)] if id in wanted]
    strange = [*sorted(set(noted) - set(due)), *sorted(set(due) - set(noted))]
    return f"it tells of the inputs of other clips than {words(span)}, as of {strange[0]}" if strange else ""


def wrong_part(arrays: Arrays, shape: tuple[int, ...], ids: Sequence[str], wanted: Collection[str], span: Span) -> str:
    """What is wrong with the file of a part's scores; empty where a cell can be measured with it.

    shape: of the scores of one clip. ids, wanted: as for `wrong_inputs`.
    """
    if arrays.keys() != FIELDS:
        return f"it holds {', '.join(sorted(arrays))}"
    scores, inputs = arrays["scores"], arrays["inputs"]
    if scores.dtype != np.float32 or scores.shape != (span[1] - span[0], *shape):
        return f"its scores are {scores.dtype} of shape {scores.shape}"
    if [(NO_TIME.shape, NO_TIME.dtype), ((1,), NO_TIME.dtype)] != [(arrays[one].shape, arrays[one].dtype) for one in ("spent", "seconds")]:
        return "it does not tell the times of one part"
    if inputs.dtype.kind != "U" or inputs.ndim != 2 or inputs.shape[1] != 2:
        return "it does not tell of its inputs"
    noted = [str(id) for id in inputs[:, 0]]
    twice = len(noted) != len(set(noted))
    return "it tells twice of an input" if twice else wrong_inputs(noted, ids, wanted, span)


def unlike(parts: Sequence[Scored], differs: Callable[[str, str], str]) -> tuple[Scored, Scored, str] | None:
    """Two parts that were scored with different things, and with which; None where all are of one kind.

    differs: says in words what no two nodes of a run may have differently.
    """
    kinds: dict[str, Scored] = {}
    for part in sorted(parts, key=lambda part: part.span):
        kinds.setdefault(part.same, part)
    return next(((one, other, why) for one, other in combinations(kinds.values(), 2) if (why := differs(one.same, other.same))), None)


def by_whom(parts: Sequence[Scored]) -> tuple[str, ...]:
    """Who scored how many clips: `node-1 npu3: 1,250 clips`."""
    clips: dict[str, int] = {}
    for part in sorted(parts, key=lambda part: part.span):
        clips[part.by] = clips.get(part.by, 0) + part.span[1] - part.span[0]
    return tuple(f"{name}: {count:,} clips" for name, count in clips.items())


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What has changed of what shapes a measurement, by its names; empty where nothing has."""
    return ", ".join(name for name in {**before, **now} if before.get(name) != now.get(name))
