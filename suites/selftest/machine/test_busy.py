"""Which share of the time a device is busy."""

from __future__ import annotations

from tools.machine.busy import Busy


def test_busy_is_what_happens_inside_from_the_first_time_on() -> None:
    """Time before the first batch is no idleness of the device."""
    now = [100.0]
    device = Busy(lambda: now[0])
    now[0] = 150.0
    assert 0.0 == device.share
    for inside, after in ((1.0, 3.0), (2.0, 2.0)):
        with device:
            now[0] += inside
        now[0] += after

    assert 3 / 8 == device.share
