"""A device is fed while it computes, and what it stood still for is told."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from suites.selftest.measuring.sleeper import SIZE, Lane, Sleeper, stream
from tools.errors import DataError, EngineError
from tools.machine import events
from tools.measuring import measure
from tools.measuring.feeding import Spent, answered
from tools.media.preprocess import Floats


def fail(error: Exception) -> None:
    raise error


def of_pure_rate(engine: Sleeper, count: int) -> float:
    """The rate of a scoring pass over that of runs whose input is on the device already.

    The best of three: what else this machine does slows a pass, and makes none faster.
    """
    shares = []
    for _ in range(3):
        lane = engine.bind(np.zeros((SIZE, 1), np.float32))
        began = time.perf_counter()
        for _ in range(count):
            lane()
        between = time.perf_counter()
        measure.score(engine, stream(count), SIZE * count)
        shares.append((between - began) / (time.perf_counter() - between))
        if shares[-1] >= 0.9:
            break
    return max(shares)


def test_a_device_that_is_fed_while_it_computes_is_scored_at_its_own_rate() -> None:
    """At least 90 % of it, where copying takes half as long as computing. Fed in turn it is slower."""
    assert of_pure_rate(Sleeper(2, 0.02, 0.01), 40) >= 0.9
    assert of_pure_rate(Sleeper(1, 0.02, 0.01), 20) < 0.9


@pytest.mark.parametrize("lanes", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_scores_come_in_order_and_are_of_their_own_batch(lanes: int, count: int) -> None:
    """Though the memory of a batch is another's when the next one is taken, which is copied by then."""
    engine = Sleeper(lanes, 0.002, 0.001)
    found, kept = measure.score(engine, stream(count), SIZE * count)

    assert tuple(f"v{number}" for number in range(SIZE * count)) == found.ids
    assert [10.0 * number for number in range(SIZE * count)] == found.scores[:, 0].tolist()
    assert ([0.0, 1.0, 2.0, 3.0], [0.0, 10.0, 20.0, 30.0]) == (kept.batch[:, 0].tolist(), kept.scores[:, 0].tolist())
    assert min(count, 2) * (lanes > 1) == engine.bounds, "no more batches lie on a device than are needed"
    assert 1 == len(engine.threads)
    assert (lanes == 1) == (threading.get_ident() in engine.threads)


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("error", [DataError("a clip cannot be read"), EngineError("the device is lost")])
@pytest.mark.parametrize("number", [0, 1, 4])
def test_an_error_of_either_side_arrives_as_it_is(lanes: int, error: Exception, number: int) -> None:
    """At once, and no thread outlives it."""
    before = threading.active_count()
    in_run = isinstance(error, EngineError)
    engine = Sleeper(lanes, 0.002, fails=lambda run: fail(error) if in_run and run == number else None)
    with pytest.raises(type(error)) as caught:
        measure.score(engine, stream(9) if in_run else stream(number, then=lambda: fail(error)), 9 * SIZE)

    assert caught.value is error
    assert engine.runs <= number
    assert before == threading.active_count()


def test_a_device_with_room_for_one_batch_is_fed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """All scores are there, and a line says why it is slower; one without room for any is an error."""
    said: list[str] = []
    monkeypatch.setattr(events, "say", said.append)
    engine = Sleeper(2, 0.002, 0.001)
    bind, room = engine.bind, [1]

    def narrow(batch: Floats) -> Lane:
        if not room:
            raise EngineError("the GPU's memory is exhausted")
        room.pop()
        return bind(batch)

    engine.bind = narrow  # type: ignore[method-assign]
    found, _ = measure.score(engine, stream(4), SIZE * 4)
    assert [10.0 * number for number in range(SIZE * 4)] == found.scores[:, 0].tolist()
    assert ["each batch is brought when the one before it has run, since a second one finds no room: the GPU's memory is exhausted"] == said
    with pytest.raises(EngineError, match="exhausted"):
        measure.score(engine, stream(4), SIZE * 4)


def test_where_both_fail_the_devices_error_goes_first() -> None:
    """What came of decoding stands behind it as its cause."""
    lost, unread = EngineError("the device is lost"), DataError("a clip cannot be read")
    engine = Sleeper(2, 0.02, fails=lambda run: fail(lost) if run == 2 else None)
    with pytest.raises(EngineError) as caught:
        measure.score(engine, stream(3, then=lambda: fail(unread)), 9 * SIZE)

    assert (lost, unread) == (caught.value, caught.value.__cause__)


def test_a_pass_that_is_broken_off_leaves_no_thread() -> None:
    before = threading.active_count()
    answers = answered(Sleeper(2, 0.01), stream(9), Spent())
    assert [0, 4] == [int(next(answers)[1][0, 0] / 10), int(next(answers)[1][0, 0] / 10)]
    answers.close()  # type: ignore[attr-defined]

    assert before == threading.active_count()


def test_what_gives_no_scores_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lane, "scores", lambda *given: None)
    with pytest.raises(EngineError, match="nothing that could be scores"):
        measure.score(Sleeper(), stream(2), 2 * SIZE)


@pytest.mark.parametrize(("lanes", "seconds", "waited"), [
    (2, (0.03, 0.0, 0.01), "decode_s"), (2, (0.0, 0.03, 0.01), "copy_s"), (1, (0.03, 0.0, 0.01), "decode_s"), (2, (0.01, 0.005, 0.03), "")])
def test_a_device_waits_for_what_takes_longer_than_it_computes(lanes: int, seconds: tuple[float, float, float], waited: str) -> None:
    """It waits for no more than is not done meanwhile; computing and waiting together are the whole pass."""
    decode_s, copy_s, compute_s = seconds
    spent, count = Spent(), 12
    began = time.perf_counter()
    for _ in answered(Sleeper(lanes, compute_s, copy_s), stream(count, decode_s), spent):
        pass
    passed = time.perf_counter() - began
    hidden = compute_s if lanes > 1 else 0.0
    least = {"decode_s": decode_s + (count - 1) * (decode_s - hidden), "copy_s": copy_s + (count - 1) * (copy_s - hidden), "": 0.0}

    assert 0.75 * passed <= spent.computed_s + spent.decode_s + spent.copy_s <= 1.001 * passed
    assert count * compute_s <= spent.computed_s
    for name in ("decode_s", "copy_s"):
        longest = decode_s if name == "decode_s" else copy_s
        if name == waited:
            assert 0.9 * least[name] <= getattr(spent, name) <= passed - spent.computed_s
        else:
            assert getattr(spent, name) <= 3 * longest + 0.05
    assert spent.share(passed) == pytest.approx(spent.computed_s / passed)


def test_a_share_is_of_the_whole_pass() -> None:
    """From its begin on; nothing is a share of no time."""
    assert (0.25, 1.0, 0.0) == (Spent(2.0).share(8.0), Spent(2.0).share(1.9), Spent().share(0.0))
