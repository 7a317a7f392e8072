"""A simulated device beside a real one excuses nothing that the real one needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tools.engines import findings as looked
from tools.engines.ascend import atc, cann, findings, ready
from tools.engines.ascend import nodes as npus
from tools.engines.cuda import findings as cuda
from tools.engines.cuda import nodes as gpus
from tools.engines.cuda import runtime
from tools.engines.findings import OK, WRONG, Finding
from tools.errors import CompileError
from tools.machine import versions
from tools.spec.case import Device
from tools.spec.settings import Settings

SETTINGS = Settings.parse({})
NONE, SIMULATED, MIXED, REAL = ((), (True,), (True, False), (False,))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[bool]], None]:
    """A machine that has these devices, and nothing of what real ones need."""
    def let(simulated: Sequence[bool]) -> None:
        for family, nodes in (("npu", npus), ("cuda", gpus)):
            devices = [Device(family, number, simulated=one) for number, one in enumerate(simulated)]
            monkeypatch.setattr(nodes, "devices", lambda found=devices: found)
        wrong = Finding(WRONG, "atc's python3", "it is too old", "take another")
        monkeypatch.setattr(cann, "find", lambda: None)
        monkeypatch.setattr(cann, "environment", lambda *given: {})
        monkeypatch.setattr(atc, "program", lambda environment: "atc")
        monkeypatch.setattr(findings, "python_of", lambda environment: wrong)
        monkeypatch.setattr(runtime, "installed", lambda: "1.31.1")
        monkeypatch.setattr(versions, "of", lambda *names: (("onnxruntime", "1.31.1"),))
        monkeypatch.setattr(cuda, "run", lambda *given: looked.run(["true"], 9))
        monkeypatch.setattr(findings, "run", lambda *given: looked.run(["false"], 9))
        monkeypatch.setattr(findings, "_runtime_environment", dict)

    return let


def compiler() -> bool:
    try:
        ready.require_compiler(SETTINGS)
    except CompileError:
        return False
    return True


def good(look: Callable[[Settings], list[Finding]]) -> Any:
    return lambda: all(one.word == OK for one in look(SETTINGS))


@pytest.mark.parametrize("is_good", [compiler, good(findings.driver), good(cuda.package), good(cuda.loaded)],
                         ids=["compiler", "driver", "package", "libraries"])
@pytest.mark.parametrize(("devices", "excused"), [(NONE, False), (SIMULATED, True), (MIXED, False), (REAL, False)])
def test_only_where_all_devices_are_simulated_their_needs_are_none(
        broken: Callable[[Sequence[bool]], None], is_good: Callable[[], bool], devices: Sequence[bool], excused: bool) -> None:
    broken(devices)

    assert excused is is_good()
