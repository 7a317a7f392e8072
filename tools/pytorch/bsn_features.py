"""Torch's own way to a video's features: mmaction2's loader for CSV, its pooling for arrays of any length.

Ours are compared with them, so nothing here is shared with our reader but the bytes of an array.
"""

from __future__ import annotations

import importlib.util
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from tools.errors import ReferenceRunError
from tools.localisation.snippet_features import COLUMNS
from tools.machine.reading import load_npy, read_text, refusing
from tools.media.preprocess import Floats
from tools.pytorch.networks import import_mmaction

POSITIONS = 100
SCRIPT = Path("tools", "data", "activitynet", "activitynet_feature_postprocessing.py")


def read_by_mmaction2(path: Path) -> Floats:
    """One video's features, [400, 100] float32.

    Raises:
        ReferenceRunError: mmaction2 cannot read them; they were checked before, so they have changed since.
    """
    import_mmaction()
    with refusing(ReferenceRunError, "mmaction2 cannot read the features", str(path), "let its files rest, and run again"), \
            warnings.catch_warnings(action="ignore"):  # NumPy warns of some damage besides
        found: Floats = np.ascontiguousarray(_pooled(path) if path.suffix.lower() == ".npy" else _loaded(path))
        assert found.shape[0] == COLUMNS, f"they have {found.shape[0]} columns"
    return found


def _loaded(path: Path) -> Floats:
    """By mmaction2's loader, which drops the first line: a file of 100 lines has no header to be dropped."""
    from mmaction.datasets.transforms import LoadLocalizationFeature

    lines = read_text(path, ReferenceRunError, "the features").rstrip().split("\n")
    feature_path = ["", *lines] if len(lines) == POSITIONS else str(path)
    found: Floats = LoadLocalizationFeature()({"feature_path": feature_path})["raw_feature"]
    return found


def _pooled(path: Path) -> Floats:
    """By mmaction2's script, which calls SciPy; it is given what half precision stands for, as float32."""
    stored = load_npy(path, ReferenceRunError, "the features")
    rows = stored.astype(np.float32) if stored.dtype == np.float16 else stored
    whole = rows if len(rows) == POSITIONS else _script().pool_feature(rows, POSITIONS)
    found: Floats = np.asarray(whole, np.float32).T
    return found


@cache
def _script() -> ModuleType:
    """The script of the installed mmaction2 that makes BSN's features; no module of it has this code."""
    import mmaction

    path = Path(mmaction.__file__).parent / ".mim" / SCRIPT
    if not path.is_file():
        raise ReferenceRunError("mmaction2 is installed without its script that pools features", where=str(path),
                                remedy="install it from its wheel, as ./tools/setup does; or give the features as CSV")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
