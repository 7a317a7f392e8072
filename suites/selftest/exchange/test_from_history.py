"""A truth is moved by hand: what nights propose is shown with its false alarms, and written when asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.conftest import Command
from suites.selftest.nights.made import CHIP, RECORD, kept, night
from tools.nights.record import Record
from tools.spec.truth import read_truth

TINY = replace(RECORD, case="tiny-bs16-npu0", model="tiny")


def nights(record: Record = TINY, first: int = 1) -> list[Record]:
    """Eleven nights around 80 clips/s, of which one is slower by 8 %."""
    return [night(first + n, slower, record=record) for n, slower in enumerate([0.08, *(0.002 * (n - 5) for n in range(10))])]


def test_nights_propose_their_median(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """With how many nights it is, their spread, the false alarms that it would make, and the difference."""
    folder = kept(tmp_path / "h", nights()).folder
    before = (writable_models / "tiny.toml").read_text()

    status, said = recording("tiny", "--from-history", "--device", "310P3", "--history", folder)

    assert (0, before) == (status, (writable_models / "tiny.toml").read_text()), said
    assert "11 nights of 1 chip: median 80 clips/s, from 73.8493 to 80.804, spread 2.51%" in said
    assert "1 of these nights are slower than the figure by 5%, 9.09%; a normal spread would make it 2.05% of all nights" in said
    assert "nothing is written; add --write" in said
    assert "value = 80.0" in said


def test_it_is_written_when_asked(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """As what one chip does, with its source and the software that it was measured with."""
    folder = kept(tmp_path / "h", nights()).folder

    status, said = recording("tiny", "--from-history", "--device", "310P3", "--history", folder, "--write")

    figure = read_truth(writable_models / "tiny.toml").rate("Ascend310P3", 16)
    assert (0, True) == (status, figure is not None), said
    assert figure is not None
    assert (80.0, True) == (figure.value, "11 nights of a history" in figure.source)
    assert "driver 24.1.0" in figure.note


def test_only_the_newest_fingerprint_and_fine_nights_count(recording: Command, tmp_path: Path) -> None:
    """Another driver's nights, slow ones, and those of another chip or model say nothing of it."""
    newer = replace(TINY, fingerprint=replace(CHIP, driver="25.0.1"))
    records = [*nights(), *(night(30 + n, 0.2, record=newer) for n in range(8)), night(40, 0.5, "slow", newer),
               *nights(replace(TINY, fingerprint=replace(CHIP, chip="910B3"))), *nights(replace(TINY, case="tiny-bs4-npu0"))]

    status, said = recording("tiny", "--from-history", "--device", "310P3", "--history", kept(tmp_path / "h", records).folder)

    assert 0 == status
    assert "8 nights of 1 chip: median 65.4985 clips/s" in said


def test_the_processor_is_a_device_too(recording: Command, tmp_path: Path) -> None:
    """Its kind of chip names its model, and it is stored as cpu."""
    records = nights(replace(TINY, case="tiny-bs16-cpu", fingerprint=replace(CHIP, chip="cpu A Processor, 8 cores")))

    status, said = recording("tiny", "--from-history", "--device", "cpu", "--history", kept(tmp_path / "h", records).folder)

    assert (0, True) == (status, "recorded-cpu-bs16: - -> 80" in said), said


@pytest.mark.parametrize(("arguments", "status", "words"), [
    (("--device", "310P3"), 1, "bs16: 7 nights that were found fine under 24.1.0, and 8 are wanted"),
    (("--device", "Sim310P3"), 1, "is simulated"), (("--device", "910B3"), 1, "proposes no figure of tiny on 910B3"),
    ((), 2, "a history may hold several kinds of chips"), (("accuracy", "--device", "310P3"), 2, "leave the logs and runs out"),
])
def test_what_proposes_nothing_is_refused(recording: Command, tmp_path: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    """Too few nights, a simulation, a chip that the history has not: each by name."""
    folder = kept(tmp_path / "h", [night(n, record=TINY) for n in range(7)]).folder

    found, said = recording("tiny", *arguments[:1], *arguments[1:], "--from-history", "--history", folder)

    assert (status, True) == (found, words in said), said
