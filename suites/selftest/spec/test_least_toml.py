"""What a toml must hold is little: no accuracy needs to be published, and no figure stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest import own_graphs
from tools.errors import TruthError
from tools.spec.settings import MODELS
from tools.spec.truth import FidelityGate, PairsGate, ThroughputGate, Truth, read_truth

LEAST = own_graphs.LEAST.replace("colours", "ours")


def read(folder: Path, text: str) -> Truth:
    path = folder / "own.toml"
    path.write_text(text)
    return read_truth(path)


def test_pairs_and_limits_are_enough(tmp_path: Path) -> None:
    """Neither accuracy nor weights, sources, figures and throughput need a table."""
    truth = read(tmp_path, LEAST)

    assert (None, {}, None, {}, (), (), ()) == (truth.accuracy, truth.references, truth.weights, truth.network_weights, truth.figures,
                                                truth.archive, truth.known_issues)
    assert PairsGate(1, 0.01) == truth.pairs
    assert {"fp32": FidelityGate(1e-3, 0.9999, 0.01)} == truth.fidelity


def test_the_limits_of_speed_have_the_defaults_that_every_toml_here_writes(tmp_path: Path) -> None:
    """Ours are not invented anew: the spread and the slowdown are those of all shipped models."""
    written = {(truth.throughput.max_variation, truth.throughput.max_slowdown) for truth in map(read_truth, MODELS.glob("*.toml"))}

    assert written == {(0.1, 0.05)}
    assert ThroughputGate(max_variation=0.1, max_slowdown=0.05) == read(tmp_path, LEAST).throughput
    assert 0.2 == read(tmp_path, f"{LEAST}[gates.throughput]\nmax_variation = 0.2\n").throughput.max_variation


@pytest.mark.parametrize("left_out", ["dataset", "[gates.pairs]", "[gates.fidelity.fp32]", "min_cosine"])
def test_nothing_more_can_be_left_out(tmp_path: Path, left_out: str) -> None:
    """Each of what is left is asked for."""
    head, _, rest = LEAST.partition(left_out)
    _, *lines = rest.splitlines()
    if left_out.startswith("["):
        lines = lines[next((at for at, line in enumerate(lines) if line.startswith("[")), len(lines)):]

    with pytest.raises(TruthError):
        read(tmp_path, head + "\n".join(lines))


def test_weights_of_networks_need_no_figures(tmp_path: Path) -> None:
    """The checkpoints of a model of several networks may be known where nothing was printed of them."""
    weights = '[weights.tem]\nfile = "a.pth"\nurl = ""\nsha256_prefix = ""\n'

    assert ["tem"] == list(read(tmp_path, LEAST + weights).network_weights)


def test_a_figure_still_needs_its_source(tmp_path: Path) -> None:
    """Who stores a number says where it is from."""
    row = '{id = "a", device = "T4", metric = "throughput", value = 1, unit = "fps", kind = "raw", status = "ok", section = "1"}'

    with pytest.raises(TruthError, match=r"\[sources\] is missing"):
        read(tmp_path, f"{LEAST}[figures]\nguide = [{row}]\n")
