"""How a device was fed and what it told of itself, as facts of a case."""

from __future__ import annotations

from pathlib import Path

from suites.selftest.reporting.runs import cell_of, rate, run_of
from tools.engines.idle import BEFORE, Idle, Reading
from tools.measuring.cell import IDLE, write
from tools.reporting.gather import gathered

CASE = "tiny-bs4-cpu"


def test_how_a_device_was_fed_and_what_it_told_are_facts_of_a_case(tmp_path: Path) -> None:
    """What its runtime says too; a run of before any of this was kept has none of it."""
    run = run_of(tmp_path, [rate()])
    bare_facts = dict(gathered(run).cases[0].facts)
    cell_of(run / CASE, CASE, busy=0.57, waited_s={"decode": 3.2, "copy": 0.14}, engine={"provider": "CUDA", "nodes on the CPU": "2"})
    readings = (Reading(300.0, 30.0),) * BEFORE + (Reading(1590.0, 58.0, 69.0), Reading(1005.0, 62.0, 70.0))
    write(Idle("idle", (), 5, "NVML", readings), run / CASE / IDLE)
    facts = dict(gathered(run).cases[0].facts)

    assert {"device busy": "57% of that time; it waited 3.2 s for decoding and 0.1 s for copying", "provider": "CUDA",
            "nodes on the CPU": "2", "device told": "1005 to 1590 MHz, 58 to 62 C, 69 to 70 W"} == {
        name: text for name, text in facts.items() if name not in bare_facts}
