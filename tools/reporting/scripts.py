"""What draws charts, as one script: made once of a pinned package and kept, since making it takes seconds."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from tools.errors import StoreError
from tools.machine import opening
from tools.machine.files import write_whole, writing

PACKAGE = "vl-convert-python"
SNIPPET = "window.vegaEmbed=vegaEmbed;"  # all that a page calls; Vega-Lite and Vega come with it


def charts_script(cache: Path) -> str:
    """The script that gives a page `vegaEmbed`, with Vega-Lite and Vega, from the installed package.

    It is kept below *cache*, its digest in its first line; a file that does not fit its digest is made anew.

    Raises:
        StoreError: it cannot be written.
    """
    kept = cache / f"vega-{version(PACKAGE)}.js"
    script = _read(kept)
    if script is None:
        script = _made()
        whole = f"{_digest(script)}\n{script}".encode()
        with writing("what draws charts", cache, StoreError):
            cache.mkdir(parents=True, exist_ok=True)
            write_whole(kept, lambda file: file.write(whole))
    return script


def _read(path: Path) -> str | None:
    """The script of a file; None where there is none, or not the one that was written."""
    if not path.is_file():
        return None
    with opening.to_read(path) as file:
        digest, _, script = file.read().decode(errors="replace").partition("\n")
    return script if digest == _digest(script) else None


def _made() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle(SNIPPET))


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()
