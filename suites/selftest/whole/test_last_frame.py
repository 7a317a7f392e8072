"""Of what ends a run pytest shows where it struck, and parses no more sources for that than it must."""

from __future__ import annotations

import pytest

from fixtures.resume import LastFrame


def hidden(error: BaseException) -> None:
    __tracebackhide__ = True
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), pytest.exit.Exception("enough")])
def test_of_what_ends_a_run_one_frame_is_kept_that_can_be_shown(error: BaseException) -> None:
    """pytest.exit hides its own, and so may whatever Ctrl-C has hit."""
    with pytest.raises(type(error)) as caught:
        hidden(error)
    LastFrame().pytest_keyboard_interrupt(caught)

    assert 1 == len(caught.traceback)
    assert caught.getrepr().reprcrash is not None
