"""A node without Ray: the driver's side of a task on the tiny model, and what the node is given and told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS, own_locks
from tools.cluster import carrying, finding, home, looking
from tools.cluster.values import Span, What, Work
from tools.machine.event import Event
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage.context import Context

CASE = Case("tiny", 4, Device("cpu"))


@dataclass
class Heard:
    """The events that a driver is told."""

    events: list[Event] = field(default_factory=list)

    def tell(self, key: str, event: Event) -> None:
        self.events.append(event)

    @property
    def said(self) -> list[str]:
        return [event["text"] for event in self.events if event["kind"] == "say"]


@dataclass(frozen=True)
class Driver:
    """What a driver finds for a case, and the task that it makes of it."""

    context: Context[Spec]
    sources: finding.Sources

    @classmethod
    def of(cls, artifacts: Path, case: Case = CASE, **options: str) -> Driver:
        texts = {"models": str(TINY_MODELS), "artifacts": str(artifacts), "locks": str(own_locks()), "budget_s": "0.3", **options}
        settings = Settings.parse(texts)
        context = Context(settings, load_spec(settings.models, case.model), lambda event: None)
        return cls(context, finding.sources(context, case))

    def work(self, what: What = "cell", span: Span = (0, 0), **more: object) -> Work:
        settings = home.sent(self.context)
        sources = replace(self.sources, graphs=()) if what == "reference" else self.sources
        work = Work("tiny-bs4-cpu", what, settings, looking.code(settings), CASE, sources.digests, span, run="run-1")
        return replace(work, **more)  # type: ignore[arg-type] # the test names a field

    @property
    def entries(self) -> dict[str, list[bytes]]:
        root = self.context.settings.store
        return {finding.CLIPS: [self.sources.clips], **{name: list(carrying.packed(root, name)) for name in carrying.used(self.context)}}


def own_file(monkeypatch: pytest.MonkeyPatch, folder: Path, artifacts: str = "art", **options: str | int) -> None:
    """Let this process be a node whose own file of options lies in *folder*/node, with what it names."""
    node = folder / "node"
    node.mkdir()
    for name in options.values():
        if isinstance(name, str):
            (node / name).mkdir()
    lines = [f"{name} = {json.dumps(value)}" for name, value in {"artifacts": artifacts, **options}.items()]
    (node / "clipgate.toml").write_text("\n".join(["[tool.clipgate]", *lines]))
    monkeypatch.setenv(home.NODE, str(node / "clipgate.toml"))
