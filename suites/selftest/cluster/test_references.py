"""A reference that a cluster scores is the one of this machine; what is kept is not run again."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.cluster.fake_cluster import Handle, Tasks, cluster, node
from suites.selftest.conftest import TINY_MODELS, keeping
from suites.selftest.specs import recogniser_spec
from tools.cluster import joined, references, session
from tools.cluster.values import Answer
from tools.datasets.clips import ClipSet
from tools.deployment.weights import Weights
from tools.errors import ClipgateError, ClusterError, ReferenceRunError
from tools.measuring import recogniser, reference, reference_inputs
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.media.decode import Clip
from tools.pytorch import run
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.entries import Key
from tools.storage.shards import Ranges

SPEC = recogniser_spec(TINY_MODELS, "tiny")
COUNT = 40
CLIPS = ClipSet("rawframes", tuple(Clip(f"v_{number}", Path(), number % 4, 9, sha256=f"{number:064d}") for number in range(COUNT)))
SCORES = np.random.default_rng(0).random((COUNT, 4), np.float32) + np.eye(4, dtype=np.float32)[np.arange(COUNT) % 4]


@dataclass
class Bench:
    """A run that wants the reference of CLIPS from a fake cluster, and what came of it."""

    context: Context[Any]
    weights: Weights
    tasks: Tasks = field(default_factory=lambda: Tasks(SCORES))
    nodes: tuple[Any, ...] = ()
    said: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return reference.key(SPEC, self.weights, CLIPS)

    @property
    def ranges(self) -> Ranges:
        return Ranges(self.context.store.unfinished(self.key), COUNT)

    def make(self, device: str = "cpu", shard: int = 16) -> str:
        self.context = replace(self.context, settings=replace(self.context.settings, ray_shard=shard))
        return references.make(self.context, device)

    def again(self) -> Tasks:
        """Fresh tasks, as a second run has."""
        self.tasks = Tasks(SCORES)
        return self.tasks

    @property
    def scores(self) -> bytes:
        entry = self.context.store.find(self.key)
        assert entry
        return load(entry.file(FILE)).scores.tobytes()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Weights and clips that are found, and no torch that could score on this machine."""
    (tmp_path / "own.pth").write_bytes(b"weights")
    said: list[str] = []
    settings = Settings.parse({"artifacts": str(tmp_path), "models": str(TINY_MODELS), "ray": "head:6379"})
    made = Bench(Context(settings, SPEC, keeping(said)), Weights(tmp_path / "own.pth", "f" * 64, SPEC.network, "own"), said=said)

    monkeypatch.setattr(session, "connect", lambda settings: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(joined, "cluster", lambda *given: cluster(made.tasks, *made.nodes))
    monkeypatch.setattr(references, "checkpoints", lambda context: (made.weights,))
    monkeypatch.setattr(recogniser, "dataset", lambda context, weights: CLIPS)
    monkeypatch.setattr(ClipSet, "require_unchanged", lambda self: None)
    monkeypatch.setattr(run, "torch_device", lambda device: SimpleNamespace(label="label"))
    monkeypatch.setattr(reference_inputs, "of_clips", lambda *given: SimpleNamespace(make=lambda context: None))
    monkeypatch.setattr(reference, "_scorer", lambda *given: pytest.fail("a network was loaded here"))
    return made


@pytest.mark.torch
def test_parts_that_come_in_any_order_are_one_reference(bench: Bench) -> None:
    """Bit for bit in the order of the list, with who scored it; this machine loads no network."""
    sentence = bench.make()

    assert [(0, 16), (16, 32), (32, 40)] == bench.tasks.spans
    assert SCORES.tobytes() == bench.scores
    assert "cpu 0, cpu 16, cpu 32" in sentence
    assert not bench.context.store.unfinished(bench.key).exists()
    assert bench.tasks.cancelled


@pytest.mark.torch
def test_a_task_is_told_all_that_a_node_has_to_find(bench: Bench) -> None:
    """The digests of weights and clips, and what travels; Ray is asked for a device."""
    bench.make(shard=COUNT)
    [task] = bench.tasks.submitted

    assert ("reference", (0, COUNT), "cpu", "tiny reference, clips 1 to 40") == (
        task.work.what, task.work.span, task.work.device, task.work.key)
    assert CLIPS.digest in dict(task.work.digests).values()
    assert any("f" * 64 in digest for digest in dict(task.work.digests).values())
    assert {"data/x@1", "clips"} == set(task.entries)
    assert [clip.id for clip in CLIPS.clips] == [id for id, _ in json.loads(task.entries["clips"][0])]  # type: ignore[arg-type]
    assert (8.0, "") == (task.needs.cpus, task.needs.device)
    assert task.needs.memory_bytes > references.BEYOND_BYTES


@pytest.mark.torch
def test_parts_on_gpus_are_whole_batches_of_torchs(bench: Bench) -> None:
    """So that each batch holds the clips that it holds without a cluster."""
    bench.nodes = (node("one", "cuda:0", "cuda:1"),)
    bench.make("auto", shard=10)

    assert [(0, 16), (16, 32), (32, 40)] == bench.tasks.spans
    assert {("GPU", 4.0, "cuda")} == {(one.needs.device, one.needs.cpus, one.work.case.device.family) for one in bench.tasks.submitted}


@pytest.mark.torch
def test_a_part_that_is_kept_is_not_run_again(bench: Bench) -> None:
    """Whoever scored it; only gaps become tasks."""
    bench.ranges.keep(16, 32, {"scores": SCORES[16:32], "device": np.array(["cuda:0 T4"])})
    sentence = bench.make()

    assert [(0, 16), (32, 40)] == bench.tasks.spans
    assert SCORES.tobytes() == bench.scores
    assert "cuda:0 T4" in sentence
    assert any("16 are scored already" in text for text in bench.said)


@pytest.mark.torch
def test_a_lost_part_ends_in_an_error_once_the_others_are_kept(bench: Bench) -> None:
    """Which says which line goes on; that scores the lost one alone."""
    bench.tasks.ends[16] = ClusterError("clips 17 to 32 were lost 3 times", where="one/cpu", remedy="--resume goes on")
    with pytest.raises(ClusterError, match="lost 3 times") as caught:
        bench.make()

    assert caught.value.where == "one/cpu"
    assert "python -m tools.reference tiny" in (caught.value.remedy or "")
    assert "--ray head:6379" in (caught.value.remedy or "")
    assert "--resume" not in (caught.value.remedy or "")
    bench.again()
    bench.make()
    assert [(16, 32)] == bench.tasks.spans
    assert SCORES.tobytes() == bench.scores


@pytest.mark.torch
def test_what_no_node_could_do_better_ends_it_at_once(bench: Bench) -> None:
    """Scores that are not finite, say: no other part is waited for, and all tasks end."""
    bench.tasks.ends[32] = ReferenceRunError("torch's own scores of v_33 are not finite numbers (on one)")
    with pytest.raises(ReferenceRunError, match="v_33"):
        bench.make()

    assert (1, 1) == (sum(task.done for task in bench.tasks.submitted), bench.tasks.cancelled)


@pytest.mark.torch
def test_an_interrupt_keeps_what_came_and_says_what_goes_on(bench: Bench) -> None:
    """All tasks are cancelled, the status is that of an interrupt, and the handler is the one before."""
    before = signal.getsignal(signal.SIGINT)
    bench.tasks.after = (2, KeyboardInterrupt())
    with pytest.raises(SystemExit) as caught:
        bench.make()

    assert (130, 1, before) == (caught.value.code, bench.tasks.cancelled, signal.getsignal(signal.SIGINT))
    assert "ended by Ctrl-C; 24 of 40 clips are scored and kept, and the same line goes on: python -m " in bench.said[-1]
    bench.again()
    bench.make()
    assert [(0, 16)] == bench.tasks.spans


@pytest.mark.torch
@pytest.mark.parametrize("wrong", ["0000000-0000008.npz", "", "0000000-0000040.npz"])
def test_an_answer_of_other_clips_is_not_taken(bench: Bench, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """By the name of its file, or by what it holds: nothing is kept of it."""
    real = Tasks.wait

    def wait(self: Tasks, handle: Handle) -> Answer:
        [(name, data)] = real(self, handle).files
        return Answer("one", "cpu", ((wrong, data[:-40] if wrong == name else data),) if wrong else ())

    monkeypatch.setattr(Tasks, "wait", wait)
    with pytest.raises(ClipgateError):
        bench.make(shard=COUNT)

    assert bench.context.store.find(bench.key) is None
    assert [(0, COUNT)] == bench.ranges.missing(COUNT)


def stored(bench: Bench, key: Key, clips: ClipSet, scores: np.ndarray) -> None:
    """Put scores into the store as if they had been made."""
    def build(folder: Path) -> dict[str, str | int | float]:
        save(Predictions(clips.ids, scores), folder / FILE)
        (folder / reference.DIGESTS).write_text(json.dumps({clip.id: clip.sha256 for clip in clips.clips}))
        return {"top1": 1.0, "clips": len(scores), "torch_device": "cpu"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.storage.store._require_same_code", lambda *given: None)
        bench.context.store.build(key, build)


@pytest.mark.torch
@pytest.mark.parametrize("more", [False, True], ids=["as it is", "among those of more clips"])
def test_a_reference_that_is_there_is_not_made(bench: Bench, more: bool) -> None:
    """Nor is one whose scores are among those of more clips; the sentence is that of a run without --ray."""
    extra = replace(CLIPS.clips[0], id="v_more", sha256="e" * 64)
    clips = replace(CLIPS, clips=(*CLIPS.clips, extra)) if more else CLIPS
    stored(bench, reference.key(SPEC, bench.weights, clips), clips, np.concatenate([SCORES, SCORES[:1]])[: len(clips.clips)])
    sentence = bench.make()

    assert [] == bench.tasks.submitted
    assert ("are among those of 41" in sentence) == more


@pytest.mark.torch
@pytest.mark.parametrize("holds", [True, False])
def test_scores_that_other_code_made_are_tried_here_first(bench: Bench, monkeypatch: pytest.MonkeyPatch, holds: bool) -> None:
    """If a few clips have them still they are kept; else the cluster computes all clips."""
    key = bench.key
    other = replace(key, shaped_by=tuple((name, "other" if name == "code" else value) for name, value in key.shaped_by))
    stored(bench, other, CLIPS, SCORES if holds else SCORES[::-1])
    scored: list[int] = []

    def score(chosen: Any) -> Any:
        scored.append(len(chosen))
        yield np.stack([SCORES[int(clip.id.removeprefix("v_"))] for clip in chosen])

    monkeypatch.setattr(reference, "_scorer", lambda *given: score)
    bench.make()

    assert [16] == scored
    assert ([] if holds else [(0, 16), (16, 32), (32, 40)]) == bench.tasks.spans
    assert SCORES.tobytes() == bench.scores
    assert any("all clips are computed again, on the cluster" in text for text in bench.said) != holds
