"""Which options do not go with a cluster."""

from __future__ import annotations

from tools.errors import OptionError
from tools.spec.settings import Settings


def require_alone(settings: Settings, *, workers: bool) -> None:
    """Refuse workers of pytest-xdist beside a cluster, and series that confirm a speed.

    Raises:
        OptionError: one sentence.
    """
    if workers:
        raise OptionError("-n starts processes on this machine, and with --ray all nodes of the cluster work at once by themselves",
                          where=f"--ray {settings.ray}", remedy="leave -n out")
    if settings.confirm:
        raise OptionError("no doubtful speed is measured again across a cluster, where each task may be given another device",
                          where=f"--confirm {settings.confirm} --ray {settings.ray}", remedy="leave --confirm out")
