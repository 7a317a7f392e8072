"""The one table of the devices that figures are stored under, and the facts of the kinds of chips."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tools.errors import TruthError

T4 = "T4"
SIMULATED = "Sim"
SLACK_MB = 200
_IDLE_MB = {"310": 2621, "310P": 1910, "310B": 3628, "910B": 3500}
_CHIP = re.compile(rf"({SIMULATED})?(Ascend)?((?:\d{{3}}\w*(?:-\d+)?)?)")  # 910B4-1 is one, 310-1chip none
_ASCEND = ("310", "910")  # chips whose names people write without "Ascend"; a 3090 is none


@dataclass(frozen=True, slots=True)
class StoredDevice:
    """A device that figures are stored under.

    name: the `device` of a figure. stands_for: the kinds of chip that it is, as npu-smi or trtexec names
    them, its own first. chips: how many of them a rate is of, one or all of a card. maker: whose tools
    measure it.
    """

    name: str
    stands_for: tuple[str, ...]
    chips: int
    maker: Literal["Ascend", "GPU", "CPU"]

    @property
    def of_card(self) -> bool:
        """Whether its rates are of a whole card, as those of a card with one chip are."""
        return self.chips == _chips_per_card(self.stands_for[0])


DEVICES = (  # a chip's own comes before its card's
    StoredDevice("Ascend310-1chip", ("310",), 1, "Ascend"),
    StoredDevice("Ascend310", ("310",), 4, "Ascend"),
    StoredDevice("Ascend310P3", ("310P3", "310P"), 1, "Ascend"),
    StoredDevice("Ascend310P", ("310P", "310P3"), 1, "Ascend"),
    StoredDevice(T4, (T4, "NVIDIA T4", "Tesla T4"), 1, "GPU"),
    StoredDevice("T4(second measurement)", (T4,), 1, "GPU"),
    StoredDevice("cpu", ("cpu",), 1, "CPU"),
)


@dataclass(frozen=True, slots=True)
class ChipKind:
    """What holds for every chip of a name; a simulated one has the real one's facts, but not its figures.

    name: as its family's tool gives it, `Sim` included. soc_version: what atc compiles for; None where it is
    unclear, or the chip none of Ascend's.
    stored_under: devices of the stored figures that judge it, the chip's own first.
    idle_memory_mb: the memory an idle chip may have in use; None where that is not known.
    """

    name: str
    simulated: bool
    soc_version: str | None
    chips_per_card: int
    stored_under: tuple[StoredDevice, ...]
    idle_memory_mb: int | None

    def may_be(self, soc_version: str) -> bool:
        """Whether such a chip may be the one that atc calls *soc_version*.

        npu-smi may name a line of chips only, as 310P is that of a 310P3, and calls every A3 Ascend910. But a
        310 is no 310P3, and what is compiled for the line 910B does not load on a 910B2. Letter case is atc's
        business, and so are the 910s named Pro and Premium.
        """
        asked = re.sub(r"^910(pro|premium)", "910", soc_version.lower().removeprefix("ascend"))
        if self.soc_version is None:
            match = _CHIP.fullmatch("".join(self.name.split()))
            return match is not None and asked.startswith(f"{match[1] or ''}{match[3]}".lower())
        named = self.soc_version.lower().removeprefix("ascend")
        return asked == named or (named[-1].isalpha() and re.fullmatch(rf"{re.escape(named)}\d.*", asked) is not None)

    @property
    def own_device(self) -> StoredDevice | None:
        """The device of one chip's rates; None for a simulated chip, or one without a name."""
        own = [device for device in self.stored_under if device.chips == 1]
        return next((device for device in own if device.name == self.soc_version), own[0] if own else None)


CPU = ChipKind("cpu", simulated=False, soc_version=None, chips_per_card=1, stored_under=DEVICES[-1:], idle_memory_mb=None)


def kind(name: str) -> ChipKind:
    """The kind of the chips that are called *name*, whatever family they are of: `310P3`, `cpu`, `NVIDIA T4`.

    What is known of one of no family here is its name, under which its figures are stored.
    """
    if name == CPU.name:
        return CPU
    if _CHIP.fullmatch("".join(name.split())):
        return ascend_kind(name)
    listed = tuple(device for device in DEVICES if name in device.stands_for) or (StoredDevice(name, (name,), 1, "GPU"),)
    return ChipKind(name, is_simulated(name), None, 1, () if is_simulated(name) else listed, None)


def ascend_kind(name: str) -> ChipKind:
    """The kind of the chips npu-smi calls *name*: `310`, `310P3`, `910B2C`, `Ascend910`, `Sim310P3`.

    ModelZoo's guides write `--soc_version=Ascend${chip_name}`, and multiply one 310's rate by the four of
    its card. Idle memory is SLACK_MB more than the most that published `npu-smi info` tables show on a chip
    on which nothing runs (310: 2621 MB of a card's chip; 310P: 1.0 to 1.9 GB; 310B: 3628 MB of a 310B4;
    910B: 2.7 to 3.5 GB). That is too low for a chip that shares its memory with the operating system (a 310
    in RC mode: 5324 MB).

    Raises:
        TruthError: no Ascend chip is named like that.
    """
    match = _CHIP.fullmatch("".join(name.split()))  # some drivers write "Ascend 910B"
    if match is None:
        raise TruthError(f"{name!r} is no kind of Ascend chip", where="the name of a chip",
                         remedy="npu-smi names them 310, 310P3, 310B4, 910B3, Ascend910 and the like; figures of other devices are "
                                f"stored under names of their own, for example {T4}")
    sim, _, model = match.groups(default="")
    soc = f"Ascend{sim}{model}"  # never what a real chip's model is kept under
    return ChipKind(name, bool(sim), soc if model not in ("", "910") else None,  # every A3 chip is called Ascend910
                    _chips_per_card(model), () if sim or not model else _stored_under(model), _idle_memory_mb(model))


def stored_device(name: str) -> StoredDevice:
    """The device that *name* names: one of the table, one chip of an Ascend card, or else a GPU."""
    listed = next((device for device in DEVICES if device.name == name or (device.maker == "GPU" and name in device.stands_for)), None)
    chip = _CHIP.fullmatch("".join(name.split()))
    own = kind(name).own_device if chip and (chip[2] or chip[3].startswith(_ASCEND)) else None
    return listed or own or StoredDevice(name, (name,), 1, "GPU")


def is_gpu(name: str) -> bool:
    """Whether *name* is that of a chip that is neither an Ascend one nor a processor, simulated or not."""
    return name != CPU.name and not _CHIP.fullmatch("".join(name.split()))


def nvidia(name: str) -> str:
    """The name of a GPU as the driver gives it: a person or an older tool may leave the maker out of it."""
    return name if name == T4 else f"NVIDIA {name.removeprefix('NVIDIA ').removeprefix('Tesla ')}"


def is_simulated(name: str) -> bool:
    """Whether *name*, of a chip or of a figure's device, is that of a simulation."""
    return name.strip().startswith(SIMULATED)


def _stored_under(model: str) -> tuple[StoredDevice, ...]:
    listed = tuple(device for device in DEVICES if model in device.stands_for)
    return listed or (StoredDevice(f"Ascend{model}", (model,), 1, "Ascend"),)


def _chips_per_card(model: str) -> int:
    return max((device.chips for device in DEVICES if model in device.stands_for), default=1)


def _idle_memory_mb(model: str) -> int | None:
    family = re.match(r"310P|310B|310$|910B", model)
    return _IDLE_MB[family[0]] + SLACK_MB if family else None
