"""The torch reference of a recogniser: made once, gone on with, served to subsets, asked for by its line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS, ran
from suites.selftest.deployments import random_weights, unchecked
from suites.selftest.specs import recogniser_spec
from tools import reference as tools_reference
from tools.datasets.clips import ClipSet
from tools.datasets.examine import examine
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.deployment.weights import Weights
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import Judgement, Verdict
from tools.machine.events import Event
from tools.measuring import recogniser, reference
from tools.measuring.cell import Cell, Part, Record
from tools.measuring.predictions import FILE, Predictions, load
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import networks, pipeline, run
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.options import USES
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.entries import Entry
from tools.storage.shards import Shards
from tools.storage.store import Store

SPEC = recogniser_spec(TINY_MODELS, "tiny")
COUNT = 6


@dataclass(frozen=True)
class Made:
    """The tiny model with random weights, and a few clips."""

    checkpoint: Weights
    clips: ClipSet

    def subset(self, *numbers: int) -> ClipSet:
        return replace(self.clips, clips=tuple(self.clips.clips[number] for number in numbers))

    def build(self, store: Store, clips: ClipSet | None = None) -> Entry:
        chosen = clips or self.clips
        wanted = reference.key(SPEC, self.checkpoint, chosen)
        return store.build(wanted, partial(reference.build, SPEC, self.checkpoint, chosen, 0.0, "cpu", store.unfinished(wanted)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return few_clips(tmp_path_factory.mktemp("tiny"))


def few_clips(folder: Path) -> Made:
    rows = []
    for number in range(COUNT):
        encode.write_jpegs(render(Recipe(number, 9, (4, number), noise=2.0, travel=160.0)), folder / f"v_{number}")
        rows.append(Clip(f"v_{number}", folder / f"v_{number}", number % 3, 9))
    clips = tuple(unchecked(examine(row, "rawframes"), "rawframes") for row in rows)
    return Made(random_weights(SPEC.network, folder), ClipSet("rawframes", clips))


def settings(artifacts: Path, **more: str) -> Settings:
    return Settings.parse({"artifacts": str(artifacts), "models": str(TINY_MODELS), **more})


def resolved(made: Made, artifacts: Path, clips: ClipSet, said: list[str] | None = None) -> Predictions | None:
    def keep(event: Event) -> None:
        if said is not None and event["kind"] == "say":
            said.append(event["text"])

    return recogniser.torch_reference(Context(settings(artifacts), SPEC, keep), (made.checkpoint,), clips)


@pytest.mark.torch
def test_every_score_is_kept_as_it_was_computed(made: Made, tmp_path: Path) -> None:
    """Scores are float32, a row a clip, with torch's bits; the entry says where torch ran.

    It names each clip's digest.
    """
    import torch

    entry = made.build(Store(tmp_path))
    network = networks.deployed(SPEC.network, networks.load_network(SPEC.network, made.checkpoint.path))
    given = pipeline.clip_loader(SPEC, "rawframes")(made.clips.clips[2])
    with torch.inference_mode():
        expected = network(torch.from_numpy(given)[None]).numpy()[0]
    kept = load(entry.file(FILE))

    assert (np.float32, (COUNT, SPEC.classes)) == (kept.scores.dtype, kept.scores.shape)
    assert expected.tobytes() == kept.scores[2].tobytes()
    assert ("cpu", COUNT) == (entry.facts["torch_device"], entry.facts["clips"])
    assert made.clips.clips[2].sha256 in entry.file("clips.json").read_text()


@pytest.mark.torch
def test_a_killed_run_goes_on_where_it_was(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                           ) -> None:
    """Interrupted after four clips, the next run computes two and says so.

    It leaves what an undisturbed one does, and nothing half-done.
    """
    whole = load(made.build(Store(tmp_path / "whole")).file(FILE))
    real = run.scored
    ran: list[str] = []

    def until(stop: int, module: object, loader: object, clips: tuple[Clip, ...], device: object) -> Iterator[Floats]:
        for clip, scores in zip(clips, real(module, loader, clips, device), strict=True):  # type: ignore[arg-type]
            if len(ran) == stop:
                raise KeyboardInterrupt
            ran.append(clip.id)
            yield scores

    monkeypatch.setattr(reference, "Shards", partial(Shards, every_s=0))
    monkeypatch.setattr(run, "scored", partial(until, 4))
    store = Store(tmp_path / "store")
    monkeypatch.setattr(recogniser, "dataset", lambda *rest: made.clips)
    monkeypatch.setattr(tools_reference, "checkpoints", lambda *rest: (made.checkpoint,))
    given = ["tiny", *settings(tmp_path, data="full", data_root=str(tmp_path)).arguments(USES["reference"]), "--torch-device=cpu"]
    with pytest.raises(KeyboardInterrupt):
        tools_reference.main(given)
    monkeypatch.setattr(run, "scored", partial(until, 99))
    capsys.readouterr()
    tools_reference.main(given)

    assert f"resuming at clip 5 of {COUNT}" in capsys.readouterr().err
    assert [clip.id for clip in made.clips.clips] == ran
    entry = store.find(reference.key(SPEC, made.checkpoint, made.clips))
    assert entry is not None
    assert whole.scores.tobytes() == load(entry.file(FILE)).scores.tobytes()
    assert [] == list(store.root.glob(".unfinished/*/*"))


@pytest.mark.torch
def test_the_reference_of_a_list_serves_its_subsets(made: Made, tmp_path: Path) -> None:
    """A reference that has all clips answers for some of them, in any order, and says which rows."""
    stored = load(made.build(Store(tmp_path / "store")).file(FILE))
    said: list[str] = []
    found = resolved(made, tmp_path, made.subset(4, 1), said)

    assert found is not None
    assert ("v_4", "v_1") == found.ids
    assert stored.scores[[4, 1]].tobytes() == found.scores.tobytes()
    assert [f"torch's scores of these 2 clips are among those of {COUNT}: reference/tiny"] == [line[:-17] for line in said]


@pytest.mark.torch
def test_rows_of_other_bytes_serve_nobody(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip whose bytes or name changed, a clip the reference lacks, and other weights get no answer."""
    monkeypatch.setattr(reference, "IMPLICIT_REFERENCE", 0)
    made.build(Store(tmp_path / "store"), made.subset(0, 1, 2))
    first = made.clips.clips[0]
    changed = replace(made.clips, clips=(replace(first, sha256="0" * 64),))
    renamed = replace(made.clips, clips=(replace(first, id="v_9"),))
    others = replace(made, checkpoint=replace(made.checkpoint, sha256="1" * 64))

    assert resolved(made, tmp_path, made.subset(0)) is not None
    assert [None] * 3 == [resolved(made, tmp_path, clips) for clips in (changed, renamed, made.subset(0, 5))]
    assert resolved(others, tmp_path, made.subset(0)) is None


@pytest.mark.torch
def test_builds_of_one_torch_share_a_reference(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a CUDA build made is what a CPU build of the same version looks for; another version's is not."""
    keys = []
    for version in ("2.13.0+cpu", "2.13.0+cu130", "2.13.0", "2.14.0+cpu"):
        monkeypatch.setattr("tools.machine.versions.version", lambda package, version=version: version)
        keys.append(reference.key(SPEC, made.checkpoint, made.clips).digest)

    assert (1, 2) == (len(set(keys[:3])), len(set(keys)))


def judged(made: Made, remake: str, *, official: bool) -> list[Judgement]:
    """The accuracy and fidelity of scores with no reference beside them."""
    scores = np.random.default_rng(0).random((COUNT, SPEC.classes), np.float32)
    origin = ("full", "published") if official else ("list.txt", "own")
    record = Record("tiny-bs4-cpu", "tiny", *origin, "fp32", "cpu", simulated=False, clips=COUNT, scoring_s=0.0, peak_bytes=0,
                    estimated_bytes=0, digests={}, versions={}, machine={})
    found = Predictions(tuple(clip.id for clip in made.clips.clips), scores)
    basis = RecogniserJudge(replace(SPEC, clips=COUNT), load_truth(TINY_MODELS, "tiny"), made.clips, None, remake)
    cell = Cell(Case("tiny", 4, Device("cpu")), Path(), (Part(Path(), record, found, None),))
    return [*basis.accuracy(cell), *basis.fidelity(cell)]


@pytest.mark.torch
@pytest.mark.parametrize("official", [False, True])
def test_without_a_reference_what_torch_would_judge_is_recorded(made: Made, *, official: bool) -> None:
    """The stored figures judge all the same.

    The rest is RECORDED with what was measured and the line that makes the reference.
    """
    found = judged(made, "python -m tools.reference tiny --data x", official=official)
    alone = [one for one in found if one.verdict is Verdict.RECORDED]

    assert (["pairs", "difference"] if official else ["top1", "top5", "difference"]) == [one.metric for one in alone]
    assert official == any(one.metric == "top1" and one.verdict is not Verdict.RECORDED for one in found)
    assert all(one.reason.endswith("once, on any machine: python -m tools.reference tiny --data x") for one in alone)
    assert official or 0 <= float(alone[0].measured) <= float(alone[1].measured) <= 1


@pytest.mark.parametrize("given", [{"data": "auto"}, {"clips": "40", "weights": "published"}, {"weights": "own"}])
def test_the_line_that_makes_a_reference_is_whole(tmp_path: Path, given: dict[str, str]) -> None:
    """It can be copied: parsed again it means the same clips, weights, models and store."""
    root = tmp_path / "my data"
    (root / SPEC.dataset).mkdir(parents=True)
    (root / SPEC.dataset / SPEC.list_file).write_text("v 9 0\n")
    (tmp_path / "own.pth").touch()
    more = {**given, "weights": str(tmp_path / "own.pth")} if given.get("weights") == "own" else given
    meant = settings(tmp_path / "art", data_root=str(root), **more)
    words = shlex.split(reference.command(Context(meant, SPEC)))
    again = Settings.parse({flag.removeprefix("--").replace("-", "_"): value for flag, value in zip(words[4::2], words[5::2], strict=True)})

    assert ["python", "-m", "tools.reference", "tiny"] == words[:4]
    assert {"--data", "--data-root", "--weights", "--artifacts", "--models"} <= set(words)
    explicit = {"auto": "published"}.get(meant.weights, meant.weights)
    assert replace(meant, data="full", weights=explicit) == again


@pytest.mark.torch
def test_references_alone_are_carried(made: Made, tmp_path: Path) -> None:
    """`export MODEL FILE` packs all references of a model and nothing else.

    `import FILE` makes them found elsewhere.
    """
    here, there = tmp_path / "here", tmp_path / "there"
    store = Store(here / "store")
    entry = made.build(store)
    store.build(replace(entry.key, kind="onnx"), lambda folder: {"empty": (folder / "x").write_text("x")})
    archive = tmp_path / "tiny.tar"
    packed = ran("reference", "export", "tiny", str(archive), f"--artifacts={here}", f"--models={TINY_MODELS}")
    taken = ran("reference", "import", str(archive), f"--artifacts={there}")

    assert (0, str(entry.key)) == (packed.returncode, packed.stdout.splitlines()[0]), packed.stderr
    assert (0, f"new: {entry.key}\n") == (taken.returncode, taken.stdout), taken.stderr
    assert Store(there / "store").find(entry.key) is not None
    nothing = ran("reference", "export", "tiny", str(archive), f"--artifacts={tmp_path}", f"--models={TINY_MODELS}")
    assert (1, "no reference of tiny is in the store") == (nothing.returncode, nothing.stderr.splitlines()[0])
