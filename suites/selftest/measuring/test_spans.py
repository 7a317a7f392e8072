"""Parts of a list, each scored by a process of its own, and the process that goes on from them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import keeping
from suites.selftest.measuring.resumed import BSN, CHANCE, TINY, Bench, fail, lines, whole
from tools.datasets.clips import ClipSet
from tools.errors import DeviceError, EngineError, MeasureError, StoreError
from tools.measuring import cell, earlier, launch, saved, spans
from tools.measuring.predictions import FILE
from tools.media.decode import Clip
from tools.spec.model import Tensor
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.shards import Span

SPEC = replace(TINY, network=replace(TINY.network, output=Tensor("class", (2,))))  # what the bench's device gives
BY = ("node-1 cpu: 8 clips", "node-2 cpu: 5 clips")
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path, SPEC)


@pytest.fixture
def undisturbed(tmp_path: Path) -> Bench:
    return whole(tmp_path / "undisturbed", SPEC)


def context(bench: Bench) -> Context[Any]:
    return Context(Settings.parse({}), bench.spec, keeping(bench.said))


def scored(bench: Bench, *chosen: Span, run: Path | None = None) -> dict[Span, bytes]:
    return {span: spans.score(context(bench), bench.case, bench.found, run or bench.run / "parts", span).read_bytes() for span in chosen}


def lay(bench: Bench, pieces: dict[Span, bytes]) -> None:
    spans.lay(context(bench), bench.case, bench.found, bench.run, pieces, BY)


def fed(bench: Bench) -> list[bytes]:
    return [batch.tobytes() for batch in bench.fed]


CUTS: dict[str, tuple[tuple[Span, ...], int]] = {  # the parts, and how many batches those have without a gap
    "one": (((0, 13),), 4), "three": (((0, 4), (4, 8), (8, 13)), 4), "an odd end": (((0, 12), (12, 13)), 4),
    "in any order": (((8, 13), (0, 8)), 4), "without the end": (((0, 8),), 2), "without the middle": (((0, 8), (12, 13)), 2),
}


@pytest.mark.parametrize(("cut", "batches"), CUTS.values(), ids=[*CUTS])
def test_what_is_scored_in_parts_ends_as_an_undisturbed_cell(bench: Bench, undisturbed: Bench, cut: tuple[Span, ...], batches: int) -> None:
    """Every batch of a part is one of the undisturbed cell's, padded alike; scores and record are the same.

    Whoever goes on runs the first batch again, and what no part has.
    """
    pieces = scored(bench, *cut)
    assert [undisturbed.fed[start // 4].tobytes() for first, end in cut for start in range(first, end, 4)] == fed(bench)
    bench.fed.clear()
    lay(bench, pieces)
    assert not [*bench.place().glob(spans.ARRIVED)]
    bench.measure()

    assert [batch.tobytes() for batch in [undisturbed.fed[0], *undisturbed.fed[batches:]]] == fed(bench)
    assert (bench.place() / FILE).read_bytes() == (undisturbed.place() / FILE).read_bytes()
    assert undisturbed.record() | {"scored_by": list(BY)} == bench.record()
    assert [array.tobytes() for array in undisturbed.timed] == [array.tobytes() for array in bench.timed]
    assert [] == bench.pieces()


def test_a_part_whose_process_is_killed_goes_on(bench: Bench, undisturbed: Bench) -> None:
    """It runs its own first batch again and what it lacks; the part is what it would have been."""
    bench.dies = lambda number: fail() if number == 2 else None
    with pytest.raises(EngineError, match="the device fails"):
        scored(bench, (4, 13))
    bench.dies = lambda number: None
    bench.fed.clear()
    [piece] = scored(bench, (4, 13)).values()

    assert [undisturbed.fed[number].tobytes() for number in (1, 3)] == fed(bench)
    [other] = scored(bench, (4, 13), run=bench.folder / "other").values()
    assert all(np.array_equal(arrays(piece)[name], arrays(other)[name]) for name in ("scores", "inputs", "by"))


def test_a_part_that_is_scored_is_not_scored_again(bench: Bench) -> None:
    assert scored(bench, (0, 8)) == scored(bench, (0, 8))
    assert (1, 2) == (bench.started, len(bench.fed))
    assert ["0000000-0000008.npz", "child.log"] == sorted(path.name for path in bench.run.rglob("*") if path.is_file())


def test_a_part_reads_its_own_clips_and_leaves_their_scores_last(bench: Bench) -> None:
    """What changes of the others' files ends nothing; a runtime's dumps go once the scores are there."""
    [job] = launch.jobs(context(bench), bench.case, bench.found, bench.run, timed=False)
    clips = ClipSet("rawframes", tuple(Clip(f"v_{number}", Path(), 0, 9) for number in range(13)))
    part = replace(job, dataset=clips, span=(8, 13))

    assert (clips.ids[8:], "tiny-bs4-cpu clips 9 to 13") == (part.read.ids, part.title)
    assert {part.folder / "0000008-0000013.npz"} == {part.scored, part.last}
    assert {job.folder / cell.RECORD} == {job.scored, job.last}


def test_a_part_that_fails_by_chance_is_tried_once_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a fresh process; after two the run has given up a device that lost its driver."""
    bench.fault = CHANCE
    failing = iter([True, False])
    bench.dies = lambda number: fail() if next(failing, False) else None
    assert 1 == len(scored(bench, (0, 8)))
    assert f"tiny-bs4-cpu: {CHANCE.sentence}; once more in a fresh process" in bench.said
    assert "measuring tiny-bs4-cpu clips 1 to 8 ..." in bench.said

    bench.dies = lambda number: fail()
    with pytest.raises(EngineError, match="twice, in two processes"):
        scored(bench, (8, 13))
    with pytest.raises(DeviceError, match="is not used again in this run"):
        scored(bench, (8, 13))
    assert 4 == bench.started


@pytest.mark.parametrize("span", [(2, 8), (0, 6), (8, 14), (8, 8), (-4, 4), (12, 8)])
def test_other_batches_than_a_whole_run_has_are_refused(bench: Bench, span: Span) -> None:
    """Padding in the middle of a list, or a shifted batch, may change a score's last bit."""
    with pytest.raises(MeasureError, match="are no whole batches of 4") as caught:
        scored(bench, span)
    assert "begin and end parts at multiples of 4, or at the end of the list" == caught.value.remedy
    assert 0 == bench.started


def test_a_localiser_is_scored_by_one_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="its videos are scored by one process"):
        scored(Bench(monkeypatch, tmp_path, BSN), (0, 4))


def arrays(piece: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(piece)) as stored:
        return dict(stored)


def written(piece: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **piece)
    return file.getvalue()


CHANGES: dict[str, Change] = {
    "it holds inputs": lambda piece: [piece.pop(name) for name in [*piece] if name not in ("inputs", "scores")],
    "float64": lambda piece: piece.update(scores=piece["scores"].astype(np.float64)),
    "of shape": lambda piece: piece.update(scores=piece["scores"][:, :1]),
    "are no results of the items 8 to 13": lambda piece: piece.update(scores=piece["scores"][1:]),
    "the times of one piece": lambda piece: piece.update(seconds=np.ones(2)),
    "it does not tell": lambda piece: piece.update(spent=np.ones((1, 2))),
    "inputs that are compared": lambda piece: piece.update(inputs=piece["inputs"][1:]),
    "digests of inputs": lambda piece: piece.update(inputs=np.concatenate([piece["inputs"], piece["inputs"][:1]])),
    "lacks the digests": lambda piece: piece["inputs"].__setitem__((0, 0), "v_0"),
}


@pytest.mark.parametrize("words", CHANGES)
def test_what_is_no_piece_of_these_clips_is_not_laid(bench: Bench, undisturbed: Bench, words: str) -> None:
    """The error says what is wrong with it. The pieces before it count, and the cell can be measured."""
    pieces = scored(bench, (0, 8), (8, 13))
    wrong = arrays(pieces[8, 13])
    CHANGES[words](wrong)
    with pytest.raises((MeasureError, StoreError), match=words):
        lay(bench, pieces | {(8, 13): written(wrong)})
    assert not [*bench.place().glob(spans.ARRIVED)]
    bench.measure()

    assert (bench.place() / FILE).read_bytes() == (undisturbed.place() / FILE).read_bytes()


def test_a_torn_piece_is_not_laid(bench: Bench) -> None:
    pieces = scored(bench, (0, 13))
    with pytest.raises(StoreError, match="the results of items 0 to 13 cannot be read"):
        lay(bench, {(0, 13): pieces[0, 13][:-30]})
    assert [] == bench.pieces()


def test_scores_that_this_device_does_not_repeat_are_made_anew(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The first batch shows it. Then nobody else has scored the cell, and its record says so."""
    pieces = scored(bench, (0, 8), (8, 13))
    bench.bias, bench.fed = 1.0, []
    lay(bench, pieces)
    measured = bench.measure()

    assert "scored again from the first clip on, since its first batch has other scores than those saved" in capsys.readouterr().err
    assert (1 + 4, ()) == (len(bench.fed), tuple(measured.record.scored_by))


def test_seconds_and_what_the_device_did_are_of_all_processes(bench: Bench) -> None:
    """Of each part's own, and of the first batch that whoever goes on has run."""
    pieces = scored(bench, (0, 8), (8, 13))
    lay(bench, pieces)
    parts = [arrays(piece) for piece in pieces.values()]
    laid = saved.Saved(bench.place(), spans.sameness(context(bench), bench.case, bench.found, bench.run).digest,
                       tuple(f"v_{number}" for number in range(13)), frozenset())

    assert (13, BY) == (laid.count, laid.by)
    assert sum(part["seconds"][0] for part in parts) == pytest.approx(laid.seconds)
    assert sum(part["spent"][0, 0] for part in parts) == pytest.approx(laid.spent.computed_s)


def test_nothing_is_laid_over_a_scored_cell(bench: Bench) -> None:
    pieces = scored(bench, (0, 13))
    bench.measure()
    before = (bench.place() / cell.RECORD).read_bytes()
    lay(bench, pieces)
    assert ["tiny-bs4-cpu: measured before, and read back"] == [*lines(bench)]
    bench.measure()

    assert (before, []) == ((bench.place() / cell.RECORD).read_bytes(), bench.pieces())
    assert 2 == bench.started


def test_what_was_measured_with_something_else_is_set_aside(bench: Bench) -> None:
    """It stays the evidence of its verdicts; pieces of a half-scored cell make room for those laid."""
    bench.measure()
    (bench.folder / "graph.onnx").write_bytes(b"another graph")
    lay(bench, scored(bench, (0, 13)))
    assert (bench.place() / earlier.ASIDE / "1" / cell.RECORD).is_file()
    assert ["0000000-0000013.npz"] == [path.name for path in bench.pieces()]

    bench.broken(2, resume=False)
    lay(bench, scored(bench, (0, 13)))
    assert ["0000000-0000013.npz"] == [path.name for path in bench.pieces()]


def test_who_measures_stands_in_the_record(bench: Bench) -> None:
    """Where it is read elsewhere; a process on its own machine says nothing."""
    found = launch.launch(context(bench), bench.case, bench.found, bench.run, place="node-1/npu3")
    assert ("node-1/npu3", ["measured on node-1/npu3"]) == (found.record.place, found.notes)
    assert ("", []) == ((own := bench.measure(resume=False)).record.place, own.notes)
