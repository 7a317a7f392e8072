"""Options and the list of plugins; what they do lives in fixtures/ and tools/."""

from __future__ import annotations

import pytest

from tools.spec.settings import OPTIONS, action_of

pytest_plugins = ["fixtures.readiness", "fixtures.matrix", "fixtures.benchmarks", "fixtures.timings", "fixtures.said", "fixtures.build",
                  "fixtures.run", "fixtures.nights", "fixtures.resume", "fixtures.gates", "fixtures.report", "fixtures.pages",
                  "fixtures.workers", "fixtures.progress"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("clipgate", "clipgate: deployment acceptance of video models")
    group.addoption("--device", default="auto", metavar="auto|cpu|npu:K[,npu:K]", help="devices to measure on")
    group.addoption("--nightly", action="store_true", help="every verdict must be a real one: RECORDED turns red, mini needs --allow")
    group.addoption("--allow", default="", metavar="WORD[,WORD]",
                    help="what --nightly may end well with: mini (data or weights of the harness's own), recorded, no-verdict")
    group.addoption("--resume", nargs="?", const="last", metavar="RUN",
                    help="go on with a run that was ended, the last one or artifacts/runs/RUN: nothing is measured twice")
    group.addoption("--report", choices=("auto", "off"), default="auto", help="off: leave no report.html, report.md and junit.xml")
    for flag, default, metavar, text in OPTIONS:
        group.addoption(flag, action=action_of(flag), default=default, metavar=metavar, help=text)
