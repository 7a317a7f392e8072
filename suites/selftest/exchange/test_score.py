"""Results of other tools: judged as our own cell is, by published figures or torch, or told as unjudged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS, ran, tiny_places
from suites.selftest.exchange.tool_folders import LAYOUTS, NAMES, ais_bench, batches_of, msame
from tools import engines
from tools import score as tools_score
from tools.deployment import specialise, weights
from tools.exchange import dump, score
from tools.exchange.labels import read_info
from tools.exchange.pairing import Scored
from tools.exchange.score import Given
from tools.judging.verdict import Verdict
from tools.machine import events
from tools.measuring import measure, stored_reference
from tools.measuring.metrics import hits
from tools.measuring.predictions import Predictions
from tools.measuring.recogniser import feed
from tools.media.batches import BatchStream
from tools.media.preprocess import Floats
from tools.spec.case import Device
from tools.spec.catalog import load_spec, load_truth
from tools.spec.expectations import Expectations
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

TINY = load_spec(TINY_MODELS, "tiny")
Layout = Callable[[Path, Mapping[str, Floats], str], Path]


@dataclass(frozen=True)
class Trip:
    """The tiny model's mini clips: our cell's scores, and the same graph's outputs for each dumped file."""

    given: Given
    ours: Predictions
    outputs: Mapping[str, Floats]


@pytest.fixture(scope="module")
def trip(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Trip:
    """Dump at batch 4, then run the files one by one through ONNX Runtime, as another tool would."""
    import onnxruntime

    assert isinstance(TINY, ModelSpec)
    settings = Settings.parse({"models": str(TINY_MODELS), "artifacts": str(tiny_store), "data": "mini"})
    out = tmp_path_factory.mktemp("dump")
    context = Context(settings, TINY)
    made = dump.write_inputs(context, 4, out)
    (checkpoint,) = weights.checkpoints(context)
    graph = specialise.graph(context, checkpoint, 4)
    session = onnxruntime.InferenceSession(str(graph.path), providers=["CPUExecutionProvider"])
    outputs = {path.stem: session.run(None, {"video": np.fromfile(path, np.float32).reshape(4, *TINY.network.input.shape)})[0]
               for path in made.folder.glob("*.bin")}
    listed = stored_reference.listed(context, 20)
    assert listed is not None
    reference = stored_reference.find(context, listed)
    assert reference is not None
    with BatchStream(feed(reference.clips, TINY), 4) as stream:
        engine = engines.open_engine(Device("cpu"), graph.path, TINY.network, 4)
        ours, _ = measure.score(engine, stream, 23)
    given = Given(context, load_truth(TINY_MODELS, "tiny"), 20, (read_info(out / "labels.info"),), listed, reference.predictions)
    return Trip(given, ours, outputs)


@pytest.mark.parametrize(("layout", "ending"), LAYOUTS, ids=NAMES)
def test_a_round_trip_through_files_gives_our_own_cells_accuracy(trip: Trip, tmp_path: Path, layout: Layout, ending: str) -> None:
    """Dumped, run file by file and written as each tool writes, the clips have our own cell's top-1.

    They pass beside torch.
    """
    assert trip.given.listed is not None
    labels = np.array([clip.label for clip in trip.given.listed.clips])
    expected = f"{hits(trip.ours.scores, labels, 1).mean():.4f}"

    rows, notes, verdict = score.score(trip.given, layout(tmp_path / "out", trip.outputs, ending))

    assert ("top1", expected, "PASS (mini)", "mini") == (rows[0].metric, rows[0].measured, rows[0].verdict, rows[0].data)
    assert Verdict.PASS == verdict
    assert "23 clips" in notes[0]
    assert "1 clips' rows of padding at the end are left out" in notes


def test_without_a_list_the_info_is_enough_and_judges_nothing(trip: Trip, tmp_path: Path) -> None:
    """With an .info alone there is no reference: accuracy is RECORDED, with what would judge it.

    ais_bench's rate stands beside it.
    """
    context = replace(trip.given.context, settings=replace(trip.given.context.settings, data="auto"))
    rows, _, verdict = score.score(replace(trip.given, context=context, listed=None, reference=None),
                                   ais_bench(tmp_path / "out", trip.outputs, "npy"))

    assert ["RECORDED"] * 3 == [row.verdict for row in rows]
    assert ("labels.info", "unsaid", "-") == (rows[0].data, rows[0].weights, rows[0].reference)
    assert "python -m tools.reference tiny" in rows[0].reason
    assert ("clips/s", "181.818/s mean") == (rows[2].metric, rows[2].measured)
    assert Verdict.RECORDED == verdict


def published(count: int, wrong: int, tmp_path: Path, text: str = "published") -> tuple[Given, Floats]:
    """What a user of TSM gives who has *count* labels, and scores that miss *wrong* of them."""
    spec = load_spec(MODELS, "tsm")
    assert isinstance(spec, ModelSpec)
    labels = np.arange(count) % 101
    path = tmp_path / "ucf101.info"
    path.write_text("".join(f"{number} {label}\n" for number, label in enumerate(labels)))
    scores: Floats = np.full((count, 101), 0.001, np.float32)
    scores[:, 1:] -= np.linspace(0, 0.0005, 100, dtype=np.float32)
    scores[np.arange(count), (labels + (np.arange(count) < wrong) * 7) % 101] = 0.9
    context = Context(Settings.parse({"weights": text}), spec)
    return Given(context, load_truth(MODELS, "tsm"), 101, (read_info(path),), None, None), scores


@pytest.mark.parametrize(("count", "wrong", "weights_said", "expected"), [
    (3783, 209, "published", "PASS"),  # 3574 hits, the guide's own 0.9448
    (3783, 246, "published", "FAIL"),  # 0.9350 is not above 0.9350
    (3783, 209, "auto", "RECORDED"),
    (3782, 209, "published", "RECORDED"),
])
def test_published_figures_judge_published_weights_on_all_clips(
        tmp_path: Path, count: int, wrong: int, weights_said: str, expected: str) -> None:
    """The stored figures judge only the published weights on as many clips as the data set has."""
    given, scores = published(count, wrong, tmp_path, weights_said)

    rows, _, _ = score.score(given, msame(tmp_path / "out", batches_of(scores, 16), "bin"))

    assert ("top1", expected, f"{1 - wrong / count:.4f}") == (rows[0].metric, rows[0].verdict, rows[0].measured)


@pytest.mark.parametrize(("floor", "expected"), [("0.95", "FAIL"), ("0.9", "PASS")])
def test_what_is_expected_is_judged_here_too(tmp_path: Path, floor: str, expected: str) -> None:
    """--expect is a floor for any results: 18 of 20 reach 0.9 and not 0.95, whatever else is recorded."""
    given, scores = published(20, 2, tmp_path, "auto")
    context = replace(given.context, settings=replace(given.context.settings, expect=Expectations.parse(f"top1={floor}")))

    rows, _, verdict = score.score(replace(given, context=context), ais_bench(tmp_path / "out", batches_of(scores, 4), "bin"))

    assert ("top1 expected", "0.9000", expected) in [(row.metric, row.measured, row.verdict) for row in rows]
    assert (Verdict.FAIL if expected == "FAIL" else Verdict.RECORDED) == verdict


def test_lost_clips_are_named(tmp_path: Path) -> None:
    """Beside torch, as in a row of our own cell."""
    ids, (given, ours), (_, theirs) = tuple(f"c{number}" for number in range(20)), published(20, 2, tmp_path), published(20, 0, tmp_path)
    judged = score.judge(replace(given, reference=Predictions(ids, theirs)), Scored(ids, ours, np.arange(20), ()), "bin")

    assert judged[0].reason.startswith("2 of 20 clips lost, 0 won against torch")
    assert "; lost: c0, c1" in judged[0].reason


def test_tied_zeros_of_txt_are_counted_and_resolved_against_the_label(tmp_path: Path) -> None:
    """Scores that six decimals cannot tell apart tie.

    The clips they leave undecided count as wrong, and the reason says how many.
    """
    given, scores = published(202, 0, tmp_path)
    confident: Floats = np.where(scores > 0.5, scores, scores * np.float32(1e-5))
    confident[2] = np.roll(confident[2], 1)  # its label is third, among a hundred that print as zero

    exact, _, _ = score.score(given, ais_bench(tmp_path / "exact", batches_of(confident, 1), "bin"))
    printed, notes, _ = score.score(given, ais_bench(tmp_path / "printed", batches_of(confident, 1), "txt"))

    assert ["0.9950", "1.0000"] == [row.measured for row in exact[:2]]
    assert ["0.9950", "0.9950"] == [row.measured for row in printed[:2]]
    assert "1 clips tie with others across rank 5 and count as wrong, 1.0000 if all were right; write BIN or NPY" in printed[1].reason
    assert "tie" not in exact[1].reason + printed[0].reason
    assert any("20200 of 20402 scores are exactly 0" in note for note in notes)


def test_scores_that_are_no_numbers_fail(tmp_path: Path) -> None:
    """A NaN in a result is a FAIL that names the clip, not an accuracy."""
    given, scores = published(20, 0, tmp_path)
    scores[3, 3] = np.nan

    rows, _, verdict = score.score(given, ais_bench(tmp_path / "out", batches_of(scores, 4), "txt"))

    assert Verdict.FAIL == verdict
    assert ("finite", "FAIL", "the scores of 3 are not finite numbers") == (rows[0].metric, rows[0].verdict, rows[0].reason)


def test_the_command_prints_the_table_and_is_red_when_clips_are_lost(trip: Trip, tmp_path: Path) -> None:
    """`python -m tools.score MODEL FOLDER` judges several folders; status 1 if one of them fails."""
    good = msame(tmp_path / "good", trip.outputs, "bin")
    bad = msame(tmp_path / "bad", {stem: rows[:, ::-1] for stem, rows in trip.outputs.items()}, "bin")

    done = ran("score", "tiny", str(good), str(bad), "--data=mini", *tiny_places())

    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("tiny ")]
    assert (1, "") == (done.returncode, done.stderr)
    assert ["PASS", "PASS", "FAIL", "FAIL"] == [line[6] for line in lines]
    assert "note: 6 bin files of msame in" in done.stdout


@pytest.mark.parametrize(("arguments", "words"), [
    (("bsn", "."), "python -m tools.evaluate bsn RESULTS.json"),
    (("tsm", "nowhere"), "there is no such folder of results"),
    (("tsm", ".", "--info", "nowhere.info"), "the labels cannot be read"),
])
def test_a_command_that_cannot_be_meant_is_one_error(
        capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str) -> None:
    """A localiser, a folder and an .info that are not there."""
    assert 0 != events.run_command(tools_score.main, arguments)
    assert words in capsys.readouterr().err


def test_a_summary_of_fewer_clips_than_a_file_has_tells_no_rate(tmp_path: Path) -> None:
    """A run with --batchsize forgotten leaves batch 4 beside files of sixteen clips: both are told."""
    given, scores = published(64, 0, tmp_path)

    rows, notes, _ = score.score(given, ais_bench(tmp_path / "out", batches_of(scores, 16), "bin"))

    assert "clips/s" not in [row.metric for row in rows]
    assert any("summary.json:1 says batch 4, and a file has the scores of 16 clips" in note for note in notes)
