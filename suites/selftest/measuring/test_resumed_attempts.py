"""A run that goes on: devices it gave up, second attempts, and the second of two networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.measuring.resumed import BSN, CHANCE, Bench, fail, lines, same, whole
from tools.errors import DeviceError, EngineError
from tools.machine import child
from tools.measuring import measure, quarantine
from tools.measuring.predictions import FILE

READ_BACK = "tiny-bs4-cpu: measured before, and read back"


def quarantine_of(bench: Bench) -> Path:
    return bench.run / quarantine.FOLDER / f"{bench.case.device.label}.json"


def test_a_cell_measured_before_its_device_was_given_up_stands(bench: Bench) -> None:
    """It is read back; what is not finished is refused."""
    bench.measure()
    quarantine.give_up(bench.run, bench.case.device, "it is lost")
    bench.measure()
    assert [READ_BACK] == bench.said

    with pytest.raises(DeviceError, match="is not used again in this run: it is lost"):
        bench.measure(resume=False)


def attempts(bench: Bench, *errors: type[BaseException] | None) -> Callable[..., None]:
    """A process that ends in turn as *errors* say."""
    left = iter(errors)

    def call(work: Callable[[], object], title: str, **rest: Any) -> None:
        error = next(left)
        if error:
            bench.started += 1
            rest["log"].touch()
            raise error("so it ends")
        bench.call(work, title, **rest)

    return call


def test_a_cell_read_back_says_why_it_was_measured_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of its numbers must know it, in whichever process they are read."""
    bench.fault = CHANCE
    monkeypatch.setattr(child, "call", attempts(bench, EngineError, None))
    notes = bench.measure().notes

    assert [f"measured at the second attempt: {CHANCE.sentence}"] == notes
    assert notes == bench.measure().notes
    assert [READ_BACK] == bench.said


def test_a_second_attempt_that_was_killed_is_made_once_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not twice: the first one has failed already. Once it fails as well, whoever starts again has two."""
    bench.fault = CHANCE
    monkeypatch.setattr(child, "call", attempts(bench, EngineError, KeyboardInterrupt, *[EngineError] * 3))
    with pytest.raises(KeyboardInterrupt):
        bench.measure()
    with pytest.raises(EngineError, match=r"twice, in two processes"):
        bench.measure()
    assert 3 == bench.started

    quarantine_of(bench).unlink()
    with pytest.raises(EngineError, match=r"twice, in two processes"):
        bench.measure()
    assert 5 == bench.started


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """A model of two networks, of which the second one's process fails half way."""
    bench = Bench(monkeypatch, tmp_path, BSN)
    bench.dies = lambda number: fail() if len(bench.fed) == 6 else None
    with pytest.raises(EngineError):
        bench.measure()
    bench.dies = lambda number: None
    bench.fed.clear()
    return bench


def test_of_two_networks_only_what_is_lacking_is_measured(both: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first is read back, and the second goes on; both end as undisturbed ones do."""
    both.measure()

    assert ["bsn-bs4-cpu tem: measured before, and read back"] == [*lines(both)]
    assert "resuming at video 9 of 13\n" in capsys.readouterr().err
    assert 1 + 2 == len(both.fed)
    undisturbed = whole(tmp_path / "undisturbed", BSN)
    assert all(same(both, undisturbed, name) for name in ("tem", "pem"))


def test_other_scores_of_the_first_network_make_the_second_afresh(both: Bench) -> None:
    """What it is fed is made of them."""
    both.bias = 1.0
    (both.place("tem") / FILE).unlink()
    both.measure()

    [first, second] = lines(both)
    assert first.startswith("bsn-bs4-cpu tem: measured again, since the predictions cannot be read")
    assert "bsn-bs4-cpu pem: measured again, since the first network's scores have changed" == second
    assert 4 + 4 == len(both.fed)


def test_a_failed_timing_is_all_that_is_done_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a second attempt as well as in a later process."""
    timing = measure.timed
    monkeypatch.setattr(measure, "timed", lambda *given, **how: fail())
    bench.fault = CHANCE
    assert bench.measure().untimed is not None
    assert (2, 4 + 1) == (bench.started, len(bench.fed))

    monkeypatch.setattr(measure, "timed", timing)
    quarantine_of(bench).unlink()
    assert bench.measure().untimed is None
    assert 4 + 2 == len(bench.fed)
