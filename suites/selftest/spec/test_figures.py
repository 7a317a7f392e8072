"""The published figures of each model: none is missing, faulty ones are marked, and the right ones judge."""

from __future__ import annotations

import re
from collections import Counter
from decimal import ROUND_DOWN, ROUND_HALF_UP
from fractions import Fraction

import pytest

from suites.selftest.spec.test_truth import NAMES, printed, rounded, whole
from tools.spec.figures import METRICS
from tools.spec.truth import Truth

TRUTHS = {name: whole(name) for name in NAMES}


@pytest.mark.parametrize(("name", "expected"), [
    ("tsm", {"guide": 86}), ("slowfast", {"guide": 11, "history": 1}), ("r2plus1d", {"guide": 34, "history": 2}),
    ("nonlocal", {"guide": 39, "official": 2}), ("bsn", {"guide": 85}),
])
def test_a_model_has_every_figure_of_its_guide(name: str, expected: dict[str, int]) -> None:
    """Every figure of a model's guide is stored; what it lacks comes from elsewhere, under its own source."""
    truth = TRUTHS[name]

    published = [figure for figure in truth.figures if figure.provenance == "published"]
    assert expected == Counter(figure.origin for figure in published)
    assert len(expected) == len({figure.source.partition(", section")[0] for figure in published})


def test_the_guides_have_255_figures() -> None:
    """Over all models every figure of the five guides is there once."""
    ids = sorted(figure.id for truth in TRUTHS.values() for figure in truth.figures if figure.origin == "guide")

    assert [f"r{number:04d}" for number in range(1, 256)] == ids


def test_bsn_has_figures_of_its_networks_and_of_both() -> None:
    """TEM and PEM have the same figures each: two batches of logs and T4 times, and the rates from them."""
    figures = [figure for figure in TRUTHS["bsn"].figures if figure.provenance == "published"]
    tem, pem = ({(figure.device, figure.metric, figure.batch) for figure in figures if figure.network == name} for name in ("tem", "pem"))

    assert {"": 9, "tem": 38, "pem": 38} == Counter(figure.network for figure in figures)
    assert tem == pem


@pytest.mark.parametrize(("name", "expected"), [
    ("tsm", {"top1": (0.9450, "guide"), "top5": (0.9958, "guide")}),
    ("slowfast", {"top1": (0.7019, "history")}),
    ("r2plus1d", {"top1": (0.8921, "history"), "top5": (0.9741, "history")}),
    ("nonlocal", {"top1": (0.7160, "official"), "top5": (0.9034, "official")}),
    ("bsn", {"AR@100": (0.7434, "guide")}),
])
def test_a_model_is_judged_by_torch_under_its_own_protocol(name: str, expected: dict[str, tuple[float, str]]) -> None:
    """The references are torch's figures for the guide's views; if it has none, another revision's."""
    truth = TRUTHS[name]
    references = {metric: truth.figure(id) for metric, id in truth.references.items()}

    assert expected == {metric: (pytest.approx(figure.fraction), figure.origin) for metric, figure in references.items()}
    assert {True} == {figure.device.startswith("pytorch-") for figure in references.values()}
    assert truth.accuracy is not None
    assert 0.01 == truth.accuracy.max_drop


def test_slowfast_is_never_compared_with_thirty_views() -> None:
    """Of SlowFast no figure of the 30-view protocol (76.94 and 92.8) is stored, and no top-5 judges it."""
    truth = TRUTHS["slowfast"]

    assert set() == {76.94, 92.8, 0.7694, 0.928} & {figure.right for figure in truth.figures}
    assert "top5" not in truth.references


@pytest.mark.parametrize("name", NAMES)
def test_an_accuracy_is_a_share(name: str) -> None:
    """Whichever way an accuracy is printed, as a fraction it lies between a half and one."""
    shares = {figure.id: figure.fraction for figure in TRUTHS[name].figures if figure.metric in METRICS}

    assert {} == {id: share for id, share in shares.items() if not 0.5 < share < 1}
    assert shares


def rates(truth: Truth, device: str, network: str = "") -> dict[int | None, float]:
    return {figure.batch: figure.right for figure in truth.figures
            if (figure.device, figure.metric, figure.network, figure.best) == (device, "throughput", network, False)
            and figure.provenance == "published"}


@pytest.mark.parametrize(("name", "t4", "expected"), [
    ("tsm", "T4", {1: 100.325, 4: 106.671, 8: 108.571, 16: 110.577, 32: 110.885}),
    ("slowfast", None, {}),
    ("r2plus1d", "T4", {1: 38.2989, 4: 38.8568, 8: 39.5354, 16: 40.3182, 32: 31.6976}),
    ("nonlocal", "T4", {1: 62.1658, 4: 67.59371, 8: 68.28619, 16: 70.01545, 32: 69.8979, 64: 70.4010}),
    ("bsn", "T4", {1: 12965, 16: 34696}),
])
def test_ratios_are_taken_against_the_t4_of_the_guide(name: str, t4: str | None, expected: dict[int, float]) -> None:
    """A model's T4 column is its guide's, the raw-output one if there are two; SlowFast's has none."""
    truth = TRUTHS[name]

    assert t4 == truth.throughput.t4
    assert expected == rates(truth, "T4")


def test_tsm_keeps_the_second_t4_table() -> None:
    """TSM's T4 table without raw output is stored, and no gate names it."""
    assert {1: 100, 4: 109, 8: 111, 16: 112, 32: 113, 64: 115} == rates(TRUTHS["tsm"], "T4(second measurement)")


@pytest.mark.parametrize(("batch", "expected"), [(1, "0.548"), (16, "0.852")])
def test_bsn_on_a_310_over_a_t4_follows_from_raw_figures(batch: int, expected: str) -> None:
    """Four chips' interface rates and trtexec's means give both networks' ratio in a row.

    That holds whatever formula is printed.
    """
    raw = {(figure.metric, figure.network): figure.value for figure in TRUTHS["bsn"].figures
           if figure.batch == batch and figure.kind == "raw"}
    ascend = 1 / sum(1 / (4 * raw["interface_throughput", name]) for name in ("tem", "pem"))
    t4 = 1000 / (sum(raw["gpu_compute_mean", name] for name in ("tem", "pem")) / batch)
    [ratio] = [figure for figure in TRUTHS["bsn"].figures if (figure.metric, figure.batch) == ("throughput_ratio", batch)]

    assert expected == f"{ascend / t4:.3f}"
    assert f"{ratio.right:g}" == f"{round(ascend / t4, len(f'{ratio.value:g}') - 2):g}"


def test_a_misprinted_ratio_is_corrected() -> None:
    """R(2+1)D's 2.2446 at batch 4 is kept as printed; right is 2.0713; its T4 figure says it is in doubt."""
    figure = TRUTHS["r2plus1d"].figure("r0196")

    assert (2.2446, 2.0713, "wrong") == (figure.value, figure.right, figure.status)
    assert "35.8568" in TRUTHS["r2plus1d"].figure("r0194").doubt


@pytest.mark.parametrize(("name", "expected"), [
    ("tsm", {"r0072", "r0075", "r0078", "r0081", "r0084"}),  # the second T4 table
    ("slowfast", {"r0091", "r0097"}),  # 146.4, later 138.4
    ("r2plus1d", {"r0183", "r0184", "r0185", "r0186", "r0194", "r0209"}),  # all four accuracies, two T4 rates
    ("nonlocal", set()),
    ("bsn", {"r0098"}),  # the paper's AR@100
])
def test_every_figure_in_doubt_says_so(name: str, expected: set[str]) -> None:
    """A figure that another figure or revision contradicts is marked and says why; no reference is one."""
    truth = TRUTHS[name]
    doubted = {figure.id: figure.doubt for figure in truth.figures if figure.doubt}

    assert expected == set(doubted)
    assert [] == [text for text in doubted.values() if not re.fullmatch(r"suspect: .{20,}", text)]
    assert set() == expected & set(truth.references.values())


COUNTED = [pytest.param(name, figure.id, id=f"{name}-{figure.id}") for name in ("tsm", "r2plus1d") for figure in TRUTHS[name].figures
           if figure.metric in METRICS]


@pytest.mark.parametrize(("name", "id"), COUNTED)
def test_an_accuracy_that_no_count_of_clips_gives_is_marked(name: str, id: str) -> None:
    """Each UCF-101 accuracy is a count of the set's clips, rounded or truncated, or marked impossible."""
    value, clips = printed(name)[id]["value"], int(re.findall(r"\((\d+)\)", TRUTHS[name].dataset)[0])
    near = int(value * clips)
    shares = [rounded(Fraction(count, clips), value, how) for count in range(near - 1, near + 3) for how in (ROUND_DOWN, ROUND_HALF_UP)]

    assert (value not in shares) == (TRUTHS[name].figure(id).status == "impossible-at-N")


@pytest.mark.parametrize(("name", "expected"), [
    ("tsm", {"": "1fae312b"}), ("slowfast", {"": "73547d2b"}), ("nonlocal", {"": "d8ad84d2"}), ("r2plus1d", {"": ""}),
    ("bsn", {"tem": "", "pem": "b7cf0fd9"}),
])
def test_published_weights_have_a_place_and_a_digest(name: str, expected: dict[str, str]) -> None:
    """Published checkpoints are named with address and digest, or neither.

    A digest in a file's name is the one that is checked.
    """
    truth = TRUTHS[name]
    weights = {**truth.network_weights, **({"": truth.weights} if truth.weights else {})}

    assert expected == {network: found.sha256_prefix for network, found in weights.items()}
    assert [] == [found.file for found in weights.values() if bool(found.url) != bool(found.sha256_prefix)]
    assert [] == [found.url for found in weights.values() if found.url and not found.url.endswith(f"/{found.file}")]
    for found in weights.values():
        assert re.findall(r"-([0-9a-f]{8})\.pth$", found.file) in ([], [found.sha256_prefix])
