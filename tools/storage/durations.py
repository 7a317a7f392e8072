"""How long each stage took when it was last made in a store: what the next one is told to take."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from tools.machine import opening
from tools.storage.entries import Key

SHORTEST_S = 5.0  # nobody needs an estimate of less
LONGEST_S = 1e7
MOST_BYTES = 100


def last(root: Path, key: Key) -> float | None:
    """Seconds that an entry of the key's kind and name took; None where nobody knows."""
    return of(root, key.kind, key.name)


def of(root: Path, kind: str, name: str) -> float | None:
    """The same of an entry of that kind and name."""
    with suppress(OSError, ValueError):
        with opening.to_read(_path(root, kind, name)) as file:
            seconds = json.loads(file.read(MOST_BYTES))
        if isinstance(seconds, float) and SHORTEST_S <= seconds < LONGEST_S:
            return seconds
    return None


def note(root: Path, key: Key, seconds: float) -> None:
    """Keep how long it took; a courtesy, so that no disk or user who cannot keep it ends anything."""
    path = _path(root, key.kind, key.name)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with opening.to_write(path) as file:
            file.write(json.dumps(round(seconds, 1)).encode())


def _path(root: Path, kind: str, name: str) -> Path:
    return root / "logs" / f"{kind}-{name}.seconds"
