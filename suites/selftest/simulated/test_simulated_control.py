"""The fixed small graph is compiled for an NPU and timed there, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.conftest import keeping
from suites.selftest.measuring.resumed import TINY
from suites.selftest.simulated.npu import SimulatedNpu
from tools import engines
from tools.errors import EngineError
from tools.machine import child
from tools.measuring import cell
from tools.measuring.control import control_series
from tools.spec.case import Case
from tools.spec.settings import Settings
from tools.storage.context import Context


def test_the_control_is_compiled_and_timed_on_an_npu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the device's own times and says that it is simulated.

    A person's flags do not reach it. A kernel that fails while it is a control is an error, and its own times
    stay.
    """
    npu = SimulatedNpu(tmp_path / "host", rounding=True)
    for name, value in npu.environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "locks").mkdir(mode=0o700)
    calling = child.call
    monkeypatch.setattr(child, "call", lambda work, title, **how: calling(work, title, **how) if title.startswith("measuring") else work())
    device, said = engines.parse("npu:0"), list[str]()
    settings = Settings.parse({"artifacts": str(tmp_path), "locks": str(tmp_path / "locks"), "budget_s": "0.02",
                               "atc_flags": "--no_such_flag=1"})
    context = Context(settings, TINY, keeping(said))
    own = control_series(context, device, tmp_path / "run")

    [part] = own.parts
    assert part.times is not None
    assert ("control-bs1-npu0sim", "Sim310P3", "fp16", True) == (str(own.case), own.record.chip, own.record.precision, own.record.simulated)
    assert ("", len(part.times.series)) == (part.times.doubt, len(part.times.device_series))
    assert part.idle is not None
    assert own.rate() == pytest.approx(len(part.times.series) / sum(part.times.device_series))
    assert ["compiling control at batch 1 for AscendSim310P3 (minutes) ..."] == [text for text in said if "minutes" in text]

    npu.fault("kernel", device=0)
    with pytest.raises(EngineError, match="a kernel failed"):
        control_series(context, device, tmp_path / "run", 1, Case("tiny", 4, device))
    assert own.rate() == cell.read(own.folder).rate()
    assert own.rate() == control_series(context, device, tmp_path / "run").rate()
