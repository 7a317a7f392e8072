"""Torch's scores as they are kept: a row a clip, float32, with the digests of the clips they belong to.

As float16 the smallest probabilities of a clip become zero or lose their bits, and `difference` is judged on their logarithms.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tools import elsewhere
from tools.entries import Key
from tools.manifest import Manifest
from tools.predictions import FILE, Predictions, load, save
from tools.preprocess import Floats
from tools.store import Say, Store

DIGESTS = "clips.json"  # the SHA-256 of every clip by its id


def write(clips: Manifest, scores: Floats, folder: Path) -> None:
    """Write the scores of all *clips*, in their order, into an entry's folder."""
    save(Predictions(tuple(clip.id for clip in clips.clips), scores), folder / FILE)
    (folder / DIGESTS).write_text(json.dumps({clip.id: clip.sha256 for clip in clips.clips}, indent=0))


def of_superset(store: Store, wanted: Key, clips: Manifest, say: Say) -> Predictions | None:
    """The rows of *clips* out of a stored reference that has them all by id and digest, among others."""
    for key in elsewhere.differing_in(store.root, wanted, "clips"):
        entry = store.find(key)
        if entry is None or DIGESTS not in entry.files:
            continue
        digests = json.loads(entry.file(DIGESTS).read_text())
        if all(digests.get(clip.id) == clip.sha256 for clip in clips.clips):
            say(f"torch's scores of these {len(clips.clips):,} clips are among those of {len(digests):,}: {key}")
            return _rows(load(entry.file(FILE)), clips)
    return None


def _rows(stored: Predictions, clips: Manifest) -> Predictions:
    number = {id: row for row, id in enumerate(stored.ids)}
    ids = tuple(clip.id for clip in clips.clips)
    return Predictions(ids, np.ascontiguousarray(stored.scores[[number[id] for id in ids]]))
