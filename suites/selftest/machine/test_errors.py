"""Errors as they are shown."""

from __future__ import annotations

from tools.errors import DataError


def test_control_characters_are_shown_as_escapes() -> None:
    """What a file or server holds cannot move the cursor, colour or erase what is shown; letters stay."""
    shown = str(DataError("a\x1b[2Jb\rc é", where="x\x07.txt:1", remedy="one\ntwo\x9b\u202e"))

    assert "a\\x1b[2Jb\\rc é\n  where   x\\x07.txt:1\n  remedy  one\ntwo\\x9b\\u202e" == shown
