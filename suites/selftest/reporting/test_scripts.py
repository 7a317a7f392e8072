"""What draws charts is made once of the installed package, and never taken from a file that changed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from tools.errors import StoreError
from tools.reporting import scripts

MADE = "window.vegaEmbed = 1;\n// ends with a line\n"


@pytest.fixture
def makings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each making of the script, which takes no seconds here."""
    done: list[str] = []
    monkeypatch.setattr(scripts, "_made", lambda: done.append("made") or MADE)
    return done


def test_it_is_made_once_and_named_by_its_version(tmp_path: Path, makings: list[str]) -> None:
    assert [MADE, MADE] == [scripts.charts_script(tmp_path / "charts") for _ in range(2)]
    assert ["made"] == makings
    assert [f"vega-{version(scripts.PACKAGE)}.js"] == [path.name for path in (tmp_path / "charts").iterdir()]


@pytest.mark.parametrize("damage", [b"", b"window.hostile = 1;", b"\xff\xfe\n"])
def test_a_damaged_file_is_made_anew(damage: bytes, tmp_path: Path, makings: list[str]) -> None:
    scripts.charts_script(tmp_path)
    kept = next(tmp_path.iterdir())
    kept.write_bytes(damage if not damage.startswith(b"window") else kept.read_bytes().partition(b"\n")[0] + b"\n" + damage)

    assert MADE == scripts.charts_script(tmp_path) == scripts.charts_script(tmp_path)
    assert ["made", "made"] == makings


def test_a_link_in_its_place_leads_nobody_elsewhere(tmp_path: Path, makings: list[str]) -> None:
    """Somebody else's file behind a planted link stays as it is."""
    (tmp_path / "victim").write_text("theirs")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / f"vega-{version(scripts.PACKAGE)}.js.partial").symlink_to(tmp_path / "victim")

    with pytest.raises(StoreError, match="cannot write what draws charts"):
        scripts.charts_script(cache)
    assert "theirs" == (tmp_path / "victim").read_text()
    assert ["made"] == makings
