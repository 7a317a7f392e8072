"""Takes out of the selftests' store what this code has not made: no test of a builder may find it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.measuring.adoption import KEPT_FROM
from tools.storage import code
from tools.storage.entries import HOST, Manifest, files_of, manifests, readable_manifest


def forget_other_code(store: Path) -> None:
    """Remove every entry that other code made, or whose content was taken over from one.

    Of the first kind a run would find none, but it keeps a reference of which it computes a few items again.
    """
    for path in others(store):
        if path.name == HOST:
            shutil.rmtree(path.parent, ignore_errors=True)  # another worker of pytest-xdist may be at it too
            continue
        for file in (*files_of(path), path):
            file.unlink(missing_ok=True)


def others(store: Path) -> list[Path]:
    """The manifests of such entries."""
    return [path for path in manifests(store) if (manifest := readable_manifest(path)) and _is_other(manifest)]


def _is_other(manifest: Manifest) -> bool:
    by_other = code.is_other(manifest.get("made_by"), manifest["shaped_by"].get(code.CODE, ""))
    return by_other or KEPT_FROM in manifest["facts"]
