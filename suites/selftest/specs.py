"""A model's spec, as the kind that a test is about."""

from __future__ import annotations

from pathlib import Path

from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec, ModelSpec


def recogniser_spec(folder: Path, name: str) -> ModelSpec:
    """The spec of a model that names the class of a clip."""
    spec = load_spec(folder, name)
    assert isinstance(spec, ModelSpec)
    return spec


def localiser_spec(folder: Path, name: str) -> LocaliserSpec:
    """The spec of a model that finds segments in a video."""
    spec = load_spec(folder, name)
    assert isinstance(spec, LocaliserSpec)
    return spec
