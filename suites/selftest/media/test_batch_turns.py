"""Decoding beside a cell that is timed: each has its turns."""

from __future__ import annotations

import time
from pathlib import Path

from suites.selftest.machine.turn_takers import noted, noting, overlapping, processes, silent, times_of, until
from suites.selftest.media.test_batches import at_most
from tools.machine.quiet import Units
from tools.media.batches import BatchStream, Feed
from tools.media.preprocess import Floats


def test_no_clip_is_decoded_while_something_is_timed(tmp_path: Path) -> None:
    """Neither by one worker nor by another, each of which has a lock of its own; between series all go on."""
    (tmp_path / "locks").mkdir(mode=0o700)
    locks, decoded, timed = str(tmp_path / "locks"), tmp_path / "decoded", tmp_path / "timed"

    def slowly(number: int, row: Floats) -> None:
        began = time.monotonic()
        time.sleep(0.02)
        noting(decoded, began)

    ids = tuple(map(str, range(60)))
    with (at_most(60), processes(lambda: times_of(locks, 4, 0.1, timed, apart_s=0.2)),
          BatchStream(Feed(ids, (1,), slowly), 5, Units(locks, silent)) as batches):
        assert ids == tuple(id for batch in batches for id in batch.ids)
        until(lambda: len(noted(timed)) == 4)
    begun, ended = noted(timed)[0][0], noted(timed)[-1][1]

    assert len(ids) == len(noted(decoded))
    assert [] == overlapping(noted(decoded), noted(timed))
    assert any(begun < one[0] < ended for one in noted(decoded)), "clips have to come in between"
