"""Options and the list of plugins; what they do lives in fixtures/ and tools/."""

from __future__ import annotations

import pytest

from tools import engines
from tools.spec.command_line import complete
from tools.spec.options import CONFIG, OF_PYTEST, OPTIONS

pytest_plugins = ["fixtures.cluster", "fixtures.readiness", "fixtures.matrix", "fixtures.benchmarks", "fixtures.timings", "fixtures.said",
                  "fixtures.build", "fixtures.run", "fixtures.nights", "fixtures.configured", "fixtures.resume", "fixtures.gates",
                  "fixtures.report", "fixtures.pages", "fixtures.workers", "fixtures.progress"]


def pytest_addoption(parser: pytest.Parser) -> None:
    everyday = parser.getgroup("clipgate", "clipgate, everyday: deployment acceptance of video models")
    rare = parser.getgroup("clipgate-rare", "clipgate, rarely needed")
    for one in (*OF_PYTEST, *OPTIONS, CONFIG):
        one.add_to((everyday if one.everyday else rare).addoption)
    everyday.addoption("--resume", nargs="?", const="last", metavar="RUN", help="go on with a run that was ended: the last one, or RUN")
    complete(parser.optparser, engines.devices)
