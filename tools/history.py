"""Shows and keeps what earlier nights measured: `python -m tools.history init DIR`."""

from __future__ import annotations
