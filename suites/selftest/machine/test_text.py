"""Text files of people and other programs are read alike, whatever wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.machine.text import open_text, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_mark_and_line_ends_are_no_text(tmp_path: Path, encoding: str, end: str) -> None:
    """UTF-8 with and without its mark and UTF-16 with it, with any line ends, are the same lines."""
    path = tmp_path / "list.txt"
    path.write_bytes(f"v/clip\u00e9.mp4 0{end}v/b.mp4 1{end}".encode(encoding))

    assert "v/clip\u00e9.mp4 0\nv/b.mp4 1\n" == read_text(path)
    with open_text(path) as file:
        assert ["v/clip\u00e9.mp4 0\n", "v/b.mp4 1\n"] == list(file)


def test_bytes_that_are_no_text_are_told_or_replaced(tmp_path: Path) -> None:
    """A caller chooses: an error, as for a list, or a replacement, as for a log."""
    path = tmp_path / "x.txt"
    path.write_bytes(b"a \xe9 b")

    with pytest.raises(UnicodeDecodeError):
        read_text(path)
    assert "a \ufffd b" == read_text(path, errors="replace")
