"""Why the times of a cell carry no judgement, whatever they are."""

from __future__ import annotations

from tools.measuring.cell import Cell


def doubts(cell: Cell) -> list[str]:
    """Why the times of a cell say nothing: there are none, no network ran, or the device was not idle.

    One whose clock was held down was not as it is meant to be either. The list is empty where a rate may be
    judged. A series that is too short or too spread out is for its judge.
    """
    untimed = [str(cell.untimed.what)] if cell.untimed else []
    seen = [f"the device was {part.idle.sentence}" for part in cell.parts if part.idle is not None and part.idle.state != "idle"]
    held = [f"the device was throttled: {part.idle.throttled}" for part in cell.parts if part.idle is not None and part.idle.throttled]
    return [*untimed, *(part.times.doubt for part in cell.parts if part.times is not None and part.times.doubt), *seen, *held]
