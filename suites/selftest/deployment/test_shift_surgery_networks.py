"""Networks after the rewrite of their temporal shifts keep every bit of their scores."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import Run, built, tiny_places
from suites.selftest.deployment.test_shift_surgery import TINY, badly_described, without_reader, zeros
from suites.selftest.deployment.test_surgery import kinds, loaded
from suites.selftest.deployments import exported, in_onnx, noise, random_weights, specialised
from tools.deployment import specialise
from tools.spec.catalog import load_spec
from tools.spec.digest import network_digest, spec_digest
from tools.spec.model import Network
from tools.spec.settings import MODELS
from tools.storage.entries import Entry


def both(network: Network, graph: Entry, batch: int) -> tuple[Path, Path]:
    """The graphs without and with optional surgery."""
    return specialised(network, graph, batch), specialised(network, graph, batch, "all")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    folder = tmp_path_factory.mktemp("tiny")
    return exported(random_weights(TINY.networks[0], folder), folder / "onnx")


@pytest.mark.torch
@pytest.mark.parametrize("batch", [1, 4])
def test_tiny_keeps_its_scores(tiny: Entry, batch: int) -> None:
    """Its eight shifts keep three Slices each, no Sub and every bit of the output; nothing else goes."""
    before, after = both(TINY.networks[0], tiny, batch)
    clips = noise(batch, *TINY.networks[0].input.shape)
    gone = kinds(loaded(before)) - kinds(loaded(after))

    assert {"Slice": 56 - 24, "Sub": 16} == gone
    assert [(batch, 1, 8, 256), (batch, 1, 16, 64), (batch, 1, 32, 16), (batch, 1, 64, 4)] == zeros(loaded(after))
    assert set() == badly_described(loaded(after)) | without_reader(loaded(after))
    assert np.array_equal(in_onnx(before)(clips), in_onnx(after)(clips))


@pytest.mark.torch
def test_both_graphs_share_one_weights_file(tiny: Entry) -> None:
    """The rewritten graph lies beside the other one and carries its zeros only."""
    before, after = both(TINY.networks[0], tiny, 4)
    carried = sum(4 * math.prod(shape) for shape in zeros(loaded(after)))

    assert ("bs4.onnx", "bs4-all.onnx") == (before.name, after.name)
    assert before.stat().st_size < 100_000
    assert after.stat().st_size < before.stat().st_size + carried


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("name", ["tsm", "nonlocal"])
def test_the_full_size_networks_keep_their_scores(name: str, tmp_path: Path) -> None:
    """Sixteen shifts at batch 4: 48 of 112 Slices, none of 32 Subs, five constants.

    The constants have the sizes that the guide's script names.
    """
    (network,) = load_spec(MODELS, name).networks
    before, after = both(network, exported(random_weights(network, tmp_path), tmp_path / "onnx"), 4)
    clips = noise(4, *network.input.shape)

    assert [(112, 32), (48, 0)] == [(kinds(loaded(path))["Slice"], kinds(loaded(path))["Sub"]) for path in (before, after)]
    assert [(4, 1, 8, 3136), (4, 1, 32, 3136), (4, 1, 64, 784), (4, 1, 128, 196), (4, 1, 256, 49)] == zeros(loaded(after))
    assert np.array_equal(in_onnx(before)(clips), in_onnx(after)(clips))


@pytest.mark.torch
def test_optional_surgery_shapes_a_second_graph_only(tiny: Entry) -> None:
    """A spec that gains optional surgery keeps weights and export.

    Only with the surgery has the graph a key of its own.
    """
    (network,) = TINY.networks
    bare = replace(network, optional_surgery=())

    assert network_digest(bare) == network_digest(network)
    assert spec_digest(replace(TINY, network=bare)) == spec_digest(TINY)
    assert specialise.stage(bare, tiny, 4, "needed").key == specialise.stage(network, tiny, 4, "needed").key
    assert specialise.stage(bare, tiny, 4, "all").key == specialise.stage(network, tiny, 4, "needed").key
    assert specialise.stage(network, tiny, 4, "all").key != specialise.stage(network, tiny, 4, "needed").key


def test_needed_surgery_comes_first() -> None:
    """With all surgery a network's needed rewrites are still applied, before the optional ones."""
    network = replace(TINY.networks[0], surgery=("conv1d-to-conv2d",))

    assert ("conv1d-to-conv2d",) == network.surgeries("needed")
    assert ("conv1d-to-conv2d", "constant-shift") == network.surgeries("all")


def test_a_run_with_all_surgery_says_so(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """--surgery all measures the rewritten graph, which passes like the other one.

    cell.json and extra_info name the rewrite.
    """
    kept = tmp_path / "benchmark.json"
    built("specialise", "tiny", "4", *tiny_places(), "--surgery=all")
    done = acceptance("-k", "bs4", "--surgery=all", f"--benchmark-json={kept}")

    assert done.returncode == 0, done.stdout + done.stderr
    run_folder = Path(re.search(r"^results: (.+)/results.jsonl$", done.stdout, re.MULTILINE)[1])  # type: ignore[index]
    record = json.loads((run_folder / "tiny-bs4-cpu" / "cell.json").read_text())
    [benchmark] = json.loads(kept.read_text())["benchmarks"]
    [manifest] = [json.loads(path.read_text()) for path in tiny_store.glob("store/onnx/tiny-*/bs4-all-*.json")]
    assert "constant-shift" == record["surgery"] == benchmark["extra_info"]["surgery"] == manifest["shaped_by"]["surgery"]
    assert manifest["files"]["bs4-all.onnx"] == record["digests"]["graph"]
