"""What must hold of every model, at every batch size, on every device."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from fixtures.gates import Gate, ThroughputGate
    from tools.measuring.cell import Cell


def test_accuracy(cell: Cell, accuracy_gate: Gate) -> None:
    """The device is right on as many clips as the reference."""
    accuracy_gate(cell)


def test_fidelity(cell: Cell, fidelity_gate: Gate) -> None:
    """The device computes what torch computes, clip by clip."""
    fidelity_gate(cell)


def test_throughput(timed_cell: Cell, benchmark: BenchmarkFixture, throughput_gate: ThroughputGate) -> None:
    """The device is as fast as the stored figure for its kind."""
    throughput_gate(timed_cell, benchmark)
