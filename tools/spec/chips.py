"""Facts of the kinds of Ascend chips, by the name npu-smi gives them."""

from __future__ import annotations

import re
from dataclasses import dataclass

SIMULATED = "Sim"
SLACK_MB = 200
_IDLE_MB = {"310": 2621, "310P": 1910, "310B": 3628, "910B": 3500}
_STORED = {
    "310": (("Ascend310-1chip", 1), ("Ascend310", 4)),
    "310P": (("Ascend310P3", 1), ("Ascend310P", 1)),
    "310P3": (("Ascend310P3", 1), ("Ascend310P", 1)),
}


@dataclass(frozen=True, slots=True)
class ChipKind:
    """What holds for every chip of a name; a simulated one has the facts of the chip it stands for, but not its figures.

    name: as npu-smi gives it, `Sim` included. soc_version: what atc compiles for; None where the name does not tell.
    stored_under: devices of the stored figures, each with the factor that turns one chip's rate into theirs.
    idle_memory_mb: the memory an idle chip may have in use; None where it is not known.
    """

    name: str
    simulated: bool
    soc_version: str | None
    chips_per_card: int
    stored_under: tuple[tuple[str, int], ...]
    idle_memory_mb: int | None


CPU = ChipKind("cpu", simulated=False, soc_version=None, chips_per_card=1, stored_under=(("cpu", 1),), idle_memory_mb=None)


def kind(name: str) -> ChipKind:
    """The kind of the chips npu-smi calls *name*: `310`, `310P3`, `910B2C`, `Ascend910`, `Sim310P3`.

    Sources: ModelZoo's guides, which write `--soc_version=Ascend${chip_name}` and multiply one 310's rate by the four of its
    card. Idle memory is the most that published `npu-smi info` tables show in use on a chip on which nothing runs (310:
    2621 MB of a card's chip; 310P: 1.0 to 1.9 GB; 310B: 3628 MB of a 310B4; 910B: 2.7 to 3.5 GB) and SLACK_MB. On a board
    whose chip shares its memory with the operating system (a 310 in RC mode: 5324 MB) that bound is too low.
    """
    if name == CPU.name:
        return CPU
    plain = "".join(name.split())  # some drivers write "Ascend 910B"
    simulated = plain.startswith(SIMULATED)
    model = plain.removeprefix(SIMULATED).removeprefix("Ascend")
    soc = f"Ascend{SIMULATED if simulated else ''}{model}"  # never what a real chip's model is kept under
    stored = () if simulated or not model else _STORED.get(model, ((soc, 1),))
    return ChipKind(name, simulated, soc if model not in ("", "910") else None,  # every A3 chip is called Ascend910
                    4 if model == "310" else 1, stored, _idle_memory_mb(model))


def _idle_memory_mb(model: str) -> int | None:
    family = re.match(r"310P|310B|310$|910B", model)
    return _IDLE_MB[family[0]] + SLACK_MB if family else None
