"""A reference that other code made: kept if a few clips have its scores, computed again if they have not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.datasets.clips import ClipSet
from tools.deployment.weights import Weights
from tools.machine import child
from tools.measuring import adoption, recogniser, reference
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import run
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import Settings
from tools.storage import code
from tools.storage.context import Context

COUNT = 40


class Torch:
    """Stands in for torch: a clip's scores are of its label, times a factor; it counts what it is asked."""

    def __init__(self) -> None:
        self.factor = 1.0
        self.asked: list[str] = []

    def scorer(self, *given: object) -> reference.Score:
        def score(chosen: Sequence[Clip]) -> Iterator[Floats]:
            for clip in chosen:
                self.asked.append(clip.id)
                yield np.exp(-self.factor * np.arange(20, dtype=np.float32) / (1 + clip.label))[None]

        return score


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Torch:
    """Torch, its device and the process of its own replaced by what this process does at once."""
    made = Torch()
    monkeypatch.setattr(reference, "_scorer", made.scorer)
    monkeypatch.setattr(run, "torch_device", lambda text: run.TorchDevice("cpu", "cpu", 1, 1))
    monkeypatch.setattr(ClipSet, "require_unchanged", lambda self: None)
    monkeypatch.setattr(child, "call", lambda work, *more, **given: work())
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def context(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Context[ModelSpec]:
    monkeypatch.setattr("tools.machine.events.say", said.append)
    spec = load_spec(TINY_MODELS, "tiny")
    assert isinstance(spec, ModelSpec)
    return Context(Settings.parse({"artifacts": str(tmp_path), "clips": "7"}), spec, lambda event: None)


CLIPS = ClipSet("rawframes", tuple(Clip(f"v_{number}", Path(f"v_{number}"), number % 20, 9, sha256=f"{number:064d}")
                                   for number in range(COUNT)))


def weights(context: Context[ModelSpec]) -> tuple[Weights, ...]:
    return (Weights(Path("own.pth"), "5d" * 32, context.spec.network, "own"),)


def scores(context: Context[ModelSpec], monkeypatch: pytest.MonkeyPatch, by: str) -> Floats | None:
    """Torch's scores as a run of the code *by* finds or makes them."""
    monkeypatch.setattr(code, "current", lambda place: by)
    found = recogniser.torch_reference(context, weights(context), CLIPS)
    return None if found is None else found.scores


def test_equal_scores_are_kept(context: Context[ModelSpec], torch: Torch, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen clips are computed, the first and the last among them; then the new entry is found."""
    first = scores(context, monkeypatch, "a")
    torch.asked.clear()
    again = scores(context, monkeypatch, "b")

    assert (adoption.SAMPLE, "v_0", "v_39") == (len(torch.asked), torch.asked[0], torch.asked[-1])
    assert first is not None
    assert again is not None
    assert first.tobytes() == again.tobytes()
    assert "torch gives 16 clips the scores that they have in reference/tiny-" in said[-1]

    torch.asked.clear()
    scores(context, monkeypatch, "b")
    assert [] == torch.asked


def test_other_scores_are_computed_whole(context: Context[ModelSpec], torch: Torch, said: list[str], monkeypatch: pytest.MonkeyPatch,
                                         ) -> None:
    """A difference beyond rounding in one sampled clip is enough, and it is said."""
    first = scores(context, monkeypatch, "a")
    torch.factor = 1.0001
    torch.asked.clear()
    again = scores(context, monkeypatch, "b")

    assert adoption.SAMPLE + COUNT == len(torch.asked)
    assert first is not None
    assert again is not None
    assert first.tobytes() != again.tobytes()
    assert said[-1].endswith("all clips are computed again")


def test_rounding_is_no_difference(context: Context[ModelSpec], torch: Torch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another device adds in another order; what is kept are the stored bits."""
    first = scores(context, monkeypatch, "a")
    torch.factor = 1.000001
    torch.asked.clear()
    again = scores(context, monkeypatch, "b")
    assert adoption.SAMPLE == len(torch.asked)
    assert first is not None
    assert again is not None
    assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize("factor", [1.0, 1.0001])
def test_a_long_list_is_tried_unasked_and_not_computed(context: Context[ModelSpec], torch: Torch, monkeypatch: pytest.MonkeyPatch,
                                                       factor: float) -> None:
    """Sixteen clips take no time; all of them would, so nobody's run begins that."""
    scores(context, monkeypatch, "a")
    monkeypatch.setattr(reference, "IMPLICIT_REFERENCE", COUNT - 1)
    torch.factor = factor
    torch.asked.clear()

    assert (factor == 1.0) == (scores(context, monkeypatch, "b") is not None)
    assert adoption.SAMPLE == len(torch.asked)


def test_a_reference_from_before_code_was_noted_is_kept(context: Context[ModelSpec], torch: Torch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key has no part for code, as those of stores that are older than that."""
    monkeypatch.setattr(code, "current", lambda place: "a")
    wanted = reference.stage(context, weights(context)[0], CLIPS)
    assert 4 * COUNT * context.spec.network.output.shape[0] == wanted.least_bytes  # float32
    old = replace(wanted.key, shaped_by=tuple(pair for pair in wanted.key.shaped_by if pair[0] != code.CODE))
    context.store.build(old, wanted.build)
    torch.asked.clear()

    assert scores(context, monkeypatch, "a") is not None
    assert adoption.SAMPLE == len(torch.asked)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 19796])
def test_a_sample_spreads_over_the_list(count: int) -> None:
    """Every clip of a short list, and never one twice."""
    chosen = adoption.sample(count)
    assert (min(count, adoption.SAMPLE), 0, count - 1) == (len(set(chosen)), chosen[0], chosen[-1])
    assert sorted(chosen) == chosen
