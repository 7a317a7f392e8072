"""Which clips are looked at: those that are named, or the batch of the worst clip of a failed cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import record
from suites.selftest.specs import recogniser_spec
from tools.datasets.clips import ClipSet
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.errors import MeasureError, OptionError, StoreError
from tools.judging import flips, results
from tools.judging.flips import Flip, Flips, Guess
from tools.judging.rows import Row
from tools.locating.clips import chosen, part
from tools.locating.values import Chosen
from tools.measuring import cell, predictions, recogniser
from tools.measuring.launch import Found
from tools.measuring.predictions import Predictions
from tools.media.decode import Clip
from tools.spec.case import Case, Device
from tools.spec.settings import Settings
from tools.storage import runs
from tools.storage.context import Context

SPEC = recogniser_spec(TINY_MODELS, "tiny")
CASE = Case("tiny", 4, Device("cpu"))
CLIPS = ClipSet("rawframes", tuple(Clip(f"v_{number}", Path(), number, 9, sha256=f"{number:064d}") for number in range(10)))
WEIGHTS = Weights(Path("w.pth"), "w" * 64, SPEC.network, "mini")
GRAPH = Graph(Path("tiny-bs4.onnx"), "9" * 64, "", (), 0, 0)
FOUND = Found((WEIGHTS,), CLIPS, (GRAPH,))
TORCH = np.full((10, 20), 0.05, np.float32)
OLD, NEW = "20260101-000000-1", "20260102-000000-1"
RED = Row(str(CASE), "fidelity", "mini", "mini", "difference", "1", "<= 0.1", "FAIL", "far away")


@dataclass
class Bench:
    """A folder of artifacts, and what the reference is."""

    folder: Path
    said: list[str]

    def cell(self, run: str = NEW, apart: Sequence[float] = (0.0,) * 10, rows: Sequence[Row] = (RED,), flipped: Sequence[str] = (),
             clips: ClipSet = CLIPS, **digests: str) -> Path:
        """A measured cell in *run*, whose clips' scores lie so far from torch's."""
        place = self.folder / runs.FOLDER / run
        of_case = place / str(CASE)
        of_case.mkdir(parents=True)
        scores = TORCH[: len(clips.ids)] * np.exp(np.asarray(apart, np.float32))[: len(clips.ids), None]
        predictions.save(Predictions(clips.ids, scores), of_case / predictions.FILE)
        noted = {"clips": clips.digest, "weights": WEIGHTS.sha256, "graph": GRAPH.digest, **digests}
        cell.write(replace(record(CASE, "tiny", len(clips.ids)), digests=noted), of_case / cell.RECORD)
        flips.keep(Flips(tuple(Flip(id, 0, (Guess(1, 0.9),), (Guess(0, 0.9),)) for id in flipped)), of_case)
        results.append(rows, place)
        return place

    def chosen(self, *ids: str, run: Path | None = None, found: Found = FOUND) -> Chosen:
        context = Context(Settings.parse({"artifacts": str(self.folder)}), SPEC, lambda event: self.said.append(str(event.get("text", ""))))
        return chosen(context, CASE, ids, found, run)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    def reference(context: object, checkpoints: object, clips: ClipSet) -> Predictions:
        return Predictions(clips.ids, TORCH[: len(clips.ids)])

    monkeypatch.setattr(recogniser, "torch_reference", reference)
    return Bench(tmp_path, [])


def test_named_clips_are_taken_as_they_are_named(bench: Bench) -> None:
    """In their order, whatever failed; the first two are looked at step by step."""
    bench.cell(apart=[9.0] * 10)

    assert (("v_7", "v_2", "v_3"), ("v_7", "v_2"), None) == ((found := bench.chosen("v_7", "v_2", "v_3")).ids, found.worst, found.run)
    assert "--clip" in found.why


@pytest.mark.parametrize(("asked", "remedy"), [
    ("a/v_cool_12", "near it: a/v_cool_11"), ("v_heat_12", "near it: a/v_heat_12"), ("nosuch", "for example: a/v_cool_11, b/strange")])
def test_an_unknown_clip_is_refused_with_names_near_it(bench: Bench, asked: str, remedy: str) -> None:
    """Where none is near, the first few stand as examples."""
    clips = replace(CLIPS, clips=tuple(replace(CLIPS.clips[0], id=name) for name in ("a/v_cool_11", "b/strange", "a/v_heat_12")))
    with pytest.raises(OptionError, match=f"none of the 3 clips is called '{asked}'") as caught:
        bench.chosen("b/strange", asked, found=replace(FOUND, dataset=clips))
    assert remedy == caught.value.remedy


def test_no_more_clips_are_named_than_a_batch_holds(bench: Bench) -> None:
    with pytest.raises(OptionError, match="batches of 4, and 5 clips are named"):
        bench.chosen(*CLIPS.ids[:5])


def test_without_a_failed_run_they_are_the_first_of_the_list(bench: Bench) -> None:
    """And it is said. A run that is green, or red of something else, is none."""
    others = [replace(RED, verdict="PASS"), replace(RED, case="tiny-bs1-cpu"), replace(RED, question="throughput"),
              replace(RED, superseded=True), replace(RED, verdict="NO VERDICT")]
    bench.cell(rows=others, apart=range(10))
    found = bench.chosen()

    assert (CLIPS.ids[:4], CLIPS.ids[:2], None) == (found.ids, found.worst, found.run)
    assert f"no run has a red row of {CASE}" in found.why


def test_of_a_failed_run_it_is_the_batch_of_the_clip_that_lies_farthest(bench: Bench) -> None:
    """As it was measured: clips 5 to 8, whose worst comes first where they are looked at step by step."""
    run = bench.cell(apart=[0, 3.5, 0, 0, 0, 2, 3, -4, 1, 1])
    found = bench.chosen()

    assert (("v_4", "v_5", "v_6", "v_7"), ("v_7", "v_6"), run) == (found.ids, found.worst, found.run)
    assert f"v_7, which lies farthest from torch in {NEW}, and its batch as it was measured: clips 5 to 8 of 10" == found.why


def test_the_last_batch_is_as_short_as_it_was(bench: Bench) -> None:
    few = cast("ClipSet", part(CLIPS, CLIPS.ids[:9]))
    bench.cell(OLD, apart=[0] * 9 + [1])
    assert ("v_8", "v_9") == bench.chosen().ids
    bench.cell(apart=[0] * 8 + [1], clips=few)
    assert f"number 9 of 9 clips in {NEW}, which lies farthest from torch" == bench.chosen().why


def test_flipped_clips_come_before_others(bench: Bench) -> None:
    """The worst of them, even where a clip that is no flip lies farther."""
    bench.cell(apart=[0, 1, 2, 0, 0, 0, 0, 0, 0, 9], flipped=["v_1", "v_2"])

    assert (("v_0", "v_1", "v_2", "v_3"), ("v_2", "v_1")) == ((found := bench.chosen()).ids, found.worst)
    assert found.why.startswith("v_2, the worst of 2 flipped clips")


def test_the_last_red_run_counts(bench: Bench) -> None:
    """A later one that is green, or no run by its name, is passed over; a red row of accuracy is one too."""
    bench.cell("20251231-000000-1", apart=[0] * 9 + [1])
    run = bench.cell(OLD, apart=[1] + [0] * 9, rows=[replace(RED, question="accuracy")])
    bench.cell(NEW, rows=[replace(RED, verdict="PASS")])
    bench.cell("my-own", apart=[0] * 9 + [1])

    assert (run, CLIPS.ids[:4]) == ((found := bench.chosen()).run, found.ids)


def test_a_run_may_be_named(bench: Bench) -> None:
    """Whatever its rows say, and it is said where none is red; one without the case is refused."""
    run = bench.cell("my-own", apart=[0] * 9 + [1], rows=())
    bench.cell(NEW, apart=[1] + [0] * 9)

    assert (run, ("v_8", "v_9")) == ((found := bench.chosen(run=run)).run, found.ids)
    assert found.why.endswith(f"; {CASE} was not red in my-own")
    assert (run, ("v_3",)) == ((found := bench.chosen("v_3", run=run)).run, found.ids)
    assert f"named with --clip; {CASE} was not red in my-own" == found.why
    assert "not red" not in bench.chosen(run=bench.folder / runs.FOLDER / NEW).why
    with pytest.raises(OptionError, match=f"no scores of {CASE}"):
        bench.chosen(run=bench.folder)


def test_a_damaged_cell_is_refused(bench: Bench) -> None:
    (bench.cell() / str(CASE) / predictions.FILE).write_bytes(b"no zip")

    with pytest.raises(MeasureError, match="predictions"):
        bench.chosen()


UNLIKE: dict[str, tuple[Callable[[], Found], str]] = {
    "lacking": (lambda: replace(FOUND, dataset=CLIPS.part(0, 8)), "clips that are not here: 2 of 10, the first of them v_8"),
    "data": (lambda: replace(FOUND, dataset=replace(CLIPS, clips=(replace(CLIPS.clips[0], sha256="f" * 64), *CLIPS.clips[1:]))),
             "other data"),
    "weights": (lambda: replace(FOUND, checkpoints=(replace(WEIGHTS, sha256="f" * 64),)), "other weights"),
    "graph": (lambda: replace(FOUND, graphs=(replace(GRAPH, digest="f" * 64),)), "another graph"),
}


@pytest.mark.parametrize("what", UNLIKE)
def test_a_run_of_other_clips_weights_or_graphs_is_refused(what: str, bench: Bench) -> None:
    """With one error that names the run, be it the named or the last one: its flips would mislead."""
    other, words = UNLIKE[what]
    run = bench.cell()

    for named in (None, run):
        with pytest.raises(OptionError, match=words) as caught:
            bench.chosen(run=named, found=other())
        assert str(run / str(CASE)) == caught.value.where


def test_an_earlier_red_run_of_these_clips_is_taken_before_none(bench: Bench) -> None:
    run = bench.cell(OLD, apart=[0] * 9 + [1])
    bench.cell(NEW, graph="f" * 64)

    assert run == (found := bench.chosen()).run
    assert f"{NEW}, a later red run, is passed over: the run measured another graph" in found.why


def test_named_clips_are_kept_in_no_run_of_another_graph(bench: Bench) -> None:
    run = bench.cell(graph="f" * 64)

    with pytest.raises(OptionError, match="another graph"):
        bench.chosen("v_3", run=run)
    assert ("v_3",) == bench.chosen("v_3").ids


def test_a_run_of_a_subset_has_batches_of_its_own(bench: Bench) -> None:
    """Its clips are among these with the same content, and their batches are those of the subset."""
    few = part(CLIPS, [f"v_{number}" for number in (0, 2, 4, 6, 8, 9)])
    bench.cell(clips=cast("ClipSet", few), apart=[0, 0, 0, 0, 0, 1])

    assert ("v_8", "v_9") == bench.chosen().ids


@pytest.mark.parametrize("absent", [None, StoreError("torch is not installed")], ids=["unmade", "impossible"])
def test_without_a_reference_flips_are_enough(absent: StoreError | None, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first flipped clip is taken; without flips it is the first batch, and it is said."""
    def nothing(*rest: object) -> None:
        if absent:
            raise absent

    monkeypatch.setattr(recogniser, "torch_reference", nothing)
    bench.cell(OLD)
    found = bench.chosen()
    assert CLIPS.ids[:4] == found.ids
    assert "no flipped clips and no scores of torch" in found.why
    assert bool(absent) == ("torch is not installed" in bench.said)
    bench.cell(NEW, flipped=["v_6", "v_9"])
    assert ("v_4", "v_5", "v_6", "v_7") == bench.chosen().ids


def test_scores_that_are_no_numbers_are_the_worst(bench: Bench) -> None:
    bench.cell(apart=[9, 9, 9, 9, 9, 9, 9, np.nan, 9, 9])

    assert "v_7" == bench.chosen().worst[0]


def test_logits_up_to_a_constant_are_compared_without_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is only higher as a whole lies nowhere near the farthest."""
    spec = replace(SPEC, network=replace(SPEC.network, softmax=False))
    run = bench.cell(rows=())
    torch = np.random.default_rng(0).random((10, 20), np.float32)
    ours = torch + np.float32(50) * np.eye(10, 1, dtype=np.float32)
    ours[6, 0] += 1
    predictions.save(Predictions(CLIPS.ids, ours), run / str(CASE) / predictions.FILE)
    cell.write(replace(cell.read(run / str(CASE)).record, shifted=True), run / str(CASE) / cell.RECORD)
    monkeypatch.setattr(recogniser, "torch_reference", lambda *rest: Predictions(CLIPS.ids, torch))
    context: Any = Context(Settings.parse({"artifacts": str(bench.folder)}), spec)

    assert "v_6" == chosen(context, CASE, (), FOUND, run).worst[0]
