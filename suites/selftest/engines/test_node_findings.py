"""What is said of device nodes that this user may not open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.engines import node_findings
from tools.engines.findings import WRONG
from tools.engines.node_findings import Steps
from tools.engines.nodes import NODES, Nodes

OURS = Nodes("npu", "davinci", "NPU", "RENUMBERED")
STEPS = Steps("bring one", "bring them", "HwHiAiUser")


@pytest.mark.parametrize(("owners", "group"), [("video", "video"), (None, "HwHiAiUser")], ids=["by name", "by a number that has none here"])
def test_the_group_that_may_open_a_node_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owners: str | None, group: str) -> None:
    """As in a container, where the host's groups have no names: then it is the usual one."""
    def named(path: Path) -> str:
        if owners is None:
            raise KeyError("getgrgid(): gid not found: 54321")
        return owners

    (tmp_path / "davinci0").touch()
    monkeypatch.setenv(NODES, str(tmp_path))
    monkeypatch.setattr(Path, "group", named)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    [found] = node_findings.of("device nodes", OURS, (), STEPS)

    assert (WRONG, "closed to this user: davinci0") == (found.word, found.found)
    assert f"sudo usermod -aG {group} $USER" in str(found.remedy)
