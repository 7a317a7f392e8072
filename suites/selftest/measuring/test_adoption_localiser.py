"""A localiser's reference that other code made: kept if a few videos have its answers, else made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import keeping
from tools.datasets.videos import VideoSet
from tools.deployment.weights import Weights
from tools.localisation.activitynet import Video
from tools.localisation.detections import Detections
from tools.machine import child
from tools.measuring import adoption, localiser, reference_localiser
from tools.measuring.reference_localiser import Answers, TorchLocaliser
from tools.media.decode import Clip
from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec
from tools.spec.settings import MODELS, Settings
from tools.storage import code
from tools.storage.context import Context

COUNT = 40
VIDEOS = VideoSet(tuple(Video(f"v_{number}", 60.0 + number, 900, 900, ((1.0, 9.0),), Path(f"v_{number}.csv")) for number in range(COUNT)),
                  tuple(Clip(f"v_{number}", Path(f"v_{number}.csv"), 0, 900, sha256=f"{number:064d}") for number in range(COUNT)))
Change = Callable[[Answers], Answers]


def same(made: Answers) -> Answers:
    return made


def times(factor: float, name: str, column: int | None = None) -> Change:
    """Everything of that table, or one column, times a factor."""

    def change(made: Answers) -> Answers:
        table = made[name].copy()
        table[..., slice(None) if column is None else column] *= factor
        return {**made, name: table}

    return change


def without_last(name: str) -> Change:
    return lambda made: {**made, name: made[name][:-1]}


class Torch:
    """Stands in for torch: a video's answers are of its number, changed as told; it notes each request."""

    def __init__(self) -> None:
        self.change: Change = same
        self.asked: list[int] = []

    def answerer(self, *given: object) -> reference_localiser.Answer:
        def answer(numbers: Sequence[int]) -> Iterator[Answers]:
            for number in numbers:
                self.asked.append(number)
                drawn = np.random.default_rng(number)
                bins = np.sort(drawn.integers(0, 100, (5, 2)), axis=1).astype(float)
                found = Detections(np.sort(drawn.uniform(0, 60, (4, 2)), axis=1), drawn.uniform(size=4))
                rows = np.column_stack([np.full(5, number), bins, drawn.uniform(size=5)])
                yield self.change({"curves": drawn.random((1, 3, 100), np.float32), "proposals": rows,
                                   "detections": reference_localiser._rows(number, found)})

        return answer


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Torch:
    """Torch and the process of its own replaced by what this process does at once."""
    made = Torch()
    monkeypatch.setattr(reference_localiser, "_answerer", made.answerer)
    monkeypatch.setattr(reference_localiser, "_recall", lambda truths, found: {"AR@100": float(sum(each.scores.sum() for each in found))})
    monkeypatch.setattr(VideoSet, "require_unchanged", lambda self: None)
    monkeypatch.setattr(child, "call", lambda work, *more, **given: work())
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def context(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Context[LocaliserSpec]:
    monkeypatch.setattr("tools.machine.events.say", said.append)
    spec = load_spec(MODELS, "bsn")
    assert isinstance(spec, LocaliserSpec)
    return Context(Settings.parse({"artifacts": str(tmp_path), "clips": "7"}), spec, keeping(said))


def answers(context: Context[LocaliserSpec], monkeypatch: pytest.MonkeyPatch, by: str) -> TorchLocaliser | None:
    """Torch's answers as a run of the code *by* finds or makes them."""
    monkeypatch.setattr(code, "current", lambda place: by)
    weights = tuple(Weights(Path("own.pth"), "5d" * 32, network, "own") for network in context.spec.networks)
    return localiser.torch_reference(context, weights, VIDEOS)


def told(found: TorchLocaliser | None) -> list[object]:
    """All that answers hold, bit for bit."""
    assert found is not None
    return [found.curves.ids, found.curves.scores.tobytes(), found.proposals.tobytes(), dict(found.recall),
            *((id, each.segments.tobytes(), each.scores.tobytes()) for id, each in found.detections.items())]


def test_equal_answers_are_kept(context: Context[LocaliserSpec], torch: Torch, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen videos are computed, the first and the last among them; then the new entry is found."""
    first = answers(context, monkeypatch, "a")
    torch.asked.clear()
    again = answers(context, monkeypatch, "b")

    assert (adoption.SAMPLE, 0, COUNT - 1) == (len(torch.asked), torch.asked[0], torch.asked[-1])
    assert told(first) == told(again)
    assert 1 == sum("torch gives 16 videos the scores that they have in reference/bsn-" in text for text in said)

    torch.asked.clear()
    answers(context, monkeypatch, "b")
    assert [] == torch.asked


OTHER = {
    "a curve": times(1.0001, "curves"), "a curve that is no number": times(np.nan, "curves"),
    "where a proposal begins": times(1.01, "proposals", 1), "a proposal's score": times(1.0001, "proposals", 3),
    "a proposal's score that is no number": times(np.nan, "proposals", 3), "one proposal less": without_last("proposals"),
    "where a detection ends": times(1.0001, "detections", 2), "a detection's score": times(1.0001, "detections", 3),
    "a detection's score that is no number": times(np.nan, "detections", 3), "one detection less": without_last("detections"),
}


@pytest.mark.parametrize("what", OTHER)
def test_other_answers_are_computed_whole(context: Context[LocaliserSpec], torch: Torch, said: list[str], monkeypatch: pytest.MonkeyPatch,
                                          what: str) -> None:
    """A difference beyond rounding in curves, proposals or detections is enough, and it is said."""
    answers(context, monkeypatch, "a")
    torch.change = lambda made: OTHER[what](made) if torch.asked == [0] else made
    torch.asked.clear()
    answers(context, monkeypatch, "b")

    assert adoption.SAMPLE + COUNT == len(torch.asked)
    assert 1 == sum("torch gives v_0 other scores" in text and text.endswith("all videos are computed again") for text in said)


def test_rounding_is_no_difference(context: Context[LocaliserSpec], torch: Torch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine adds in another order; what is kept are the stored bits."""
    first = answers(context, monkeypatch, "a")
    torch.change = lambda made: times(1.000001, "curves")(times(1.000001, "proposals", 3)(times(1.000001, "detections", 3)(made)))
    torch.asked.clear()
    again = answers(context, monkeypatch, "b")

    assert adoption.SAMPLE == len(torch.asked)
    assert told(first) == told(again)


def test_recall_is_of_the_new_code(context: Context[LocaliserSpec], torch: Torch, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made of all kept detections at once, which takes no network."""
    answers(context, monkeypatch, "a")
    monkeypatch.setattr(reference_localiser, "_recall", lambda truths, found: {"AR@100": 0.25})
    torch.asked.clear()
    again = answers(context, monkeypatch, "b")

    assert again is not None
    assert ({"AR@100": 0.25}, adoption.SAMPLE) == (again.recall, len(torch.asked))


@pytest.mark.parametrize("factor", [1.0, 1.0001])
def test_a_long_list_is_tried_unasked_and_not_computed(context: Context[LocaliserSpec], torch: Torch, said: list[str],
                                                       monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """Sixteen videos take no time; all of them would, with or without earlier answers."""
    monkeypatch.setattr(localiser, "IMPLICIT_REFERENCE", COUNT - 1)
    assert answers(context, monkeypatch, "a") is None
    monkeypatch.setattr(localiser, "IMPLICIT_REFERENCE", COUNT)
    answers(context, monkeypatch, "a")
    monkeypatch.setattr(localiser, "IMPLICIT_REFERENCE", COUNT - 1)
    torch.change = times(factor, "curves")
    torch.asked.clear()

    assert (factor == 1.0) == (answers(context, monkeypatch, "b") is not None)
    assert adoption.SAMPLE == len(torch.asked)
    assert (factor != 1.0) == said[-1].endswith("which takes too long to begin unasked")


def test_what_this_code_cannot_read_is_computed_whole(context: Context[LocaliserSpec], torch: Torch, said: list[str],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """Other code may have written other files; no run ends because of that."""
    answers(context, monkeypatch, "a")
    monkeypatch.setattr(reference_localiser, "CURVES", "other.npz")
    torch.asked.clear()
    assert answers(context, monkeypatch, "b") is not None

    assert COUNT == len(torch.asked)
    assert 1 == sum("cannot be read by this code" in text and text.endswith("all videos are computed again") for text in said)
