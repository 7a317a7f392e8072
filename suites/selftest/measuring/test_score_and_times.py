"""The two loops of a measured network: every batch scored, then one batch timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tools.machine import events
from tools.measuring import measure
from tools.measuring.cell import Times


def test_times_are_of_the_kept_batch_and_the_devices_own_of_the_same_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device has times of every call; only those of the series count, which are the last."""
    def series(calls: Any, budget_s: float, beat: Callable[[int], None], *, whole: bool) -> list[float]:
        assert (1.0, True) == (budget_s, whole)
        for _ in range(5):
            calls()
        beat(5)
        return [1.0, 2.0, 3.0]

    batch, called = np.ones((2, 3), np.float32), []
    engine: Any = SimpleNamespace(bind=lambda given: lambda: called.append(given), precision="fp32",
                                  device_times=lambda: [9.0, 9.0, 0.1, 0.2, 0.3])
    kept: Any = SimpleNamespace(batch=batch, valid=1)
    monkeypatch.setattr(measure, "time_series", series)
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(events, "progress", lambda *what, **more: said.append((*what, more)))
    monkeypatch.setattr(measure, "doubt", lambda calls, series, kept, precision, by_device, budget_s:
                        f"{len(series)} {precision} {by_device} {budget_s}")
    times = measure.timed(engine, kept, 1.0, whole=True)

    assert Times((1.0, 2.0, 3.0), 1, (0.1, 0.2, 0.3), "3 fp32 [0.1, 0.2, 0.3] 1.0") == times
    assert 5 == len(called)
    assert all(one is batch for one in called)
    assert [("timing", 5, 5, {"unit": "calls"}), (measure.CHECKING, 0, 1, {})] == said


@pytest.mark.parametrize("by_device", [True, False])
def test_warm_up_is_kept_apart_from_the_series(monkeypatch: pytest.MonkeyPatch, by_device: bool) -> None:
    """The device's own times lose the same calls; the calls are looked at with all of them."""
    taken = [2.0, 1.5, *[1.0] * 20]
    engine: Any = SimpleNamespace(bind=lambda given: lambda: None, precision="fp32",
                                  device_times=lambda: [0.5, *(0.5 * one for one in taken)] if by_device else [])
    kept: Any = SimpleNamespace(batch=None, valid=3)
    monkeypatch.setattr(measure, "time_series", lambda *given, **more: list(taken))
    monkeypatch.setattr(measure, "doubt", lambda calls, series, kept, precision, by_device, budget_s: f"{len(series)}, {len(by_device)}")
    times = measure.timed(engine, kept, 1.0)

    own = (0.5,) * 20 if by_device else ()
    assert Times((1.0,) * 20, 3, own, f"22, {22 if by_device else 0}", warm_up=(2.0, 1.5)) == times
    assert 23.5 == times.summary().spent_s
    assert (20, 3 / (0.5 if by_device else 1.0)) == (times.summary().iterations, times.summary().clips_per_s)


def test_the_first_batch_is_kept_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy, since the stream fills the same memory again; progress counts the items that are done."""
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(events, "progress", lambda *what, **more: said.append((*what, more)))
    array = np.zeros((4, 3), np.float32)

    def stream() -> Iterator[Any]:
        for number, valid in enumerate((4, 1), 1):
            array[:] = number
            yield SimpleNamespace(array=array, valid=valid, ids=tuple(f"{number}{one}" for one in range(valid)))

    found, kept = measure.score(cast("Any", SimpleNamespace(infer=lambda given: given[:, :2] * 10, lanes=1)), stream(), 5)

    assert ("10", "11", "12", "13", "20") == found.ids
    assert [10.0] * 4 + [20.0] == found.scores[:, 0].tolist()
    assert (1.0, 10.0, 4) == (kept.batch.max(), kept.scores.max(), kept.valid)
    assert [("scoring", 4, 5), ("scoring", 5, 5)] == [tuple(one[:3]) for one in said]
    assert all("clips" == more["unit"] and 0 < more["busy"] <= 1 for *_, more in said)
