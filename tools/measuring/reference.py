"""The torch reference: mmaction2's own pipeline and network on every clip, kept as an artifact.

It shares no code with the measured path, so a fault in decoding, sampling, preprocessing or export shows as a
difference instead of cancelling out. Videos are read in order, where the measured path seeks. The device that
torch ran on is recorded but shapes no key: in float32 the CPU and CUDA differ only by rounding, as two batch
sizes do, and every machine is to find what another has made.

Scores are kept as float32. In float16 a clip's smallest probabilities would become zero or lose bits, and
`difference` is judged on their logarithms.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from tools.datasets import choice
from tools.datasets.clips import ClipSet
from tools.deployment.origin import origin
from tools.deployment.weights import Weights
from tools.errors import ReferenceRunError
from tools.machine import events, versions
from tools.machine.reading import load_json
from tools.measuring.adoption import KEPT_FROM, Earlier, adopted
from tools.measuring.metrics import first_not_finite, hits
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import frames, networks, pipeline, run
from tools.spec.digest import spec_digest
from tools.spec.given import GRAPH, reference_name
from tools.spec.model import ModelSpec, Spec
from tools.storage import code, elsewhere
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.shards import Made, Ranges, Shards, Span
from tools.storage.stages import Stage
from tools.storage.store import Store

IMPLICIT_REFERENCE = 500  # clips that torch is run on unasked, about five minutes on two cores
DIGESTS = "clips.json"  # the SHA-256 of every clip by its id
Score = Callable[[Sequence[Clip]], Iterator[Floats]]


def stage(context: Context[ModelSpec], checkpoint: Weights, clips: ClipSet, device: str = "auto", *, asked: bool = True) -> Stage:
    """Torch's scores of these clips; a run goes on where one that was killed stopped.

    asked: whether all clips may be computed, where scores that other code made are here and do not hold.
    """
    wanted, store = key(context.spec, checkpoint, clips), context.store
    floor = context.spec.mini.reference_top1_at_least if choice.is_whole_mini(context) else 0.0
    made = store.by_other_code(wanted)
    return Stage(wanted, f"running the torch reference on {len(clips.clips)} clips",
                 partial(build, context.spec, checkpoint, clips, floor, device, store.unfinished(wanted),
                         earlier=Earlier(made, asked) if made else None),
                 least_bytes=4 * len(clips.clips) * math.prod(context.spec.network.output.shape))


def key(spec: ModelSpec, checkpoint: Weights, clips: ClipSet) -> Key:
    """The key of torch's scores of these clips; what decodes shapes the scores of videos."""
    shaped_by = (("weights", checkpoint.sha256), ("spec", spec_digest(spec)), ("clips", clips.digest),
                 *versions.public("torch", "mmaction2", "mmcv-lite", "mmengine", "opencv-python-headless", *spec.network.packages))
    if clips.format == "videos":
        return Key("reference", spec.name, (*shaped_by, *frames.decoder(), code.part(build)))
    # Decord never decoded a folder of frames. Its version stays, so that references in stores are found.
    return Key("reference", spec.name, (*shaped_by, *versions.public("decord"), code.part(build)))


def command(context: Context[Spec]) -> str:
    """The whole command line that makes the reference of a run."""
    settings, word = context.settings, origin(context)
    meant = replace(settings, data=choice.chosen(context), weights=settings.weights if word in ("own", GRAPH) else word)
    return shlex.join(["python", "-m", "tools.reference", context.spec.name, *meant.chosen(
        "--data", "--data-root", "--weights", "--clips", "--artifacts", "--models")])


@dataclass(frozen=True, slots=True)
class Runner:
    """What computes a reference: *score* gives chosen clips' scores, batch by batch.

    label: what it runs on, for records. fact: how an entry calls that. name: of what computes, in sentences.
    """

    score: Score
    label: str
    fact: str = "torch_device"
    name: str = "torch"


def _nothing(chosen: Sequence[Clip]) -> Iterator[Floats]:
    return iter(())


KEPT = Runner(_nothing, "")  # of shards that are whole


def build(spec: ModelSpec, checkpoint: Weights, clips: ClipSet, least_top1: float, device: str, shards: Path,
          folder: Path, *, earlier: Earlier | None = None) -> Facts:
    """Let torch score every clip and save the scores in *folder*; until all are there, *shards* keeps them.

    earlier: scores that are kept if a few clips computed again have the same. Where *shards* are whole,
    nothing is computed, and no network is loaded.

    Raises:
        ReferenceRunError: scores are not finite; or top-1 is below *least_top1*: a reference that is mostly
            wrong would not show a broken export.
    """
    if Shards(shards, len(clips.clips)).whole():
        return made(spec, clips, KEPT, shards, folder, least_top1)
    runner = run.torch_device(device)
    return made(spec, clips, Runner(_scorer(spec, checkpoint, clips, runner), runner.label), shards, folder, least_top1, earlier)


def score_span(spec: ModelSpec, checkpoint: Weights, clips: ClipSet, device: str, span: Span, folder: Path) -> Path:
    """Let torch score the clips of *span* alone; the file in *folder*, as the shards of `build` hold them.

    span: the number of the first clip and that behind the last; at multiples of the device's batch, the
    batches are those of a run of all clips.

    Raises:
        ReferenceRunError: scores are not finite. DataError: a clip of the span has changed.
    """
    runner = run.torch_device(device)
    return kept_span(clips, Runner(_scorer(spec, checkpoint, clips, runner), runner.label), span, folder)


def kept_span(clips: ClipSet, runner: Runner, span: Span, folder: Path) -> Path:
    """Keep in *folder* what *runner* scores of the clips of *span*; the rest as for `score_span`."""
    few, rows, done = clips.part(*span), list[Floats](), 0
    few.require_unchanged()
    for scores in runner.score(few.clips):
        rows.append(scores)
        done += len(scores)
        events.progress(f"{runner.name} reference", done, len(few.clips), unit="clips")
    few.require_unchanged()
    ranges = Ranges(folder, len(clips.clips))
    ranges.keep(*span, {"scores": np.concatenate(rows), "device": np.array([runner.label])})
    return ranges.file(*span)


def made(spec: ModelSpec, clips: ClipSet, runner: Runner, shards: Path, folder: Path, least_top1: float = 0.0,
         earlier: Earlier | None = None) -> Facts:
    """Save in *folder* what *runner* scores; the rest as for `build`."""
    clips.require_unchanged()
    kept = adopted(earlier, clips, runner.score, softmax=spec.network.softmax) if earlier else None
    if earlier and kept:
        scores, told = kept.scores, {runner.fact: earlier.entry.facts[runner.fact], KEPT_FROM: str(earlier.entry.key)}
    else:
        scores, devices = _whole(clips, runner, shards)
        told = {runner.fact: devices}
    top1 = float(hits(scores, np.array([clip.label for clip in clips.clips]), 1).mean())
    if top1 < least_top1:
        raise ReferenceRunError(f"torch reaches top-1 {top1:.4f} on the mini clips, below {least_top1}",
                                where=f"reference_top1_at_least in {spec.name}.py",
                                remedy="make the clips easier: less noise, more travel, or another residual_scale")
    clips.require_unchanged()  # hours later: these scores are kept under the digest of the clips
    save(Predictions(clips.ids, scores), folder / FILE)
    (folder / DIGESTS).write_text(json.dumps({clip.id: clip.sha256 for clip in clips.clips}, indent=0))
    return {"top1": top1, "clips": len(scores), **told}


def _scorer(spec: ModelSpec, checkpoint: Weights, clips: ClipSet, runner: run.TorchDevice) -> Score:
    """What gives the scores of chosen ones of *clips*, batch by batch; all of them are finite."""
    network = checkpoint.network
    deployed = run.on_device(networks.deployed(network, networks.load_network(network, checkpoint.path)), runner)
    checkpoint.require_unchanged()

    def score(chosen: Sequence[Clip]) -> Iterator[Floats]:
        done = 0
        for scores in run.scored(deployed, lambda: pipeline.clip_loader(spec, clips.format), chosen, runner):
            require_finite(scores, tuple(clip.id for clip in chosen[done : done + len(scores)]), str(checkpoint.path))
            done += len(scores)
            yield scores

    return score


def _whole(clips: ClipSet, runner: Runner, shards: Path) -> tuple[Floats, str]:
    """The scores of all clips, and the devices that they were computed on."""

    def produce(first: int) -> Iterator[Made]:
        done = first
        for scores in runner.score(clips.clips[first:]):
            done += len(scores)
            events.progress(f"{runner.name} reference", done, len(clips.clips), unit="clips")
            yield len(scores), {"scores": scores, "device": np.array([runner.label])}

    made = Shards(shards, len(clips.clips)).compute(produce, "clip")
    return made["scores"], ", ".join(np.unique(made["device"]))


def require_finite(scores: Floats, ids: tuple[str, ...], where: str | None = None, name: str = "torch") -> None:
    """Raise a ReferenceRunError that names the first item whose row of *scores* is not finite."""
    bad = first_not_finite(scores.reshape(len(scores), -1))
    if bad is not None:
        raise ReferenceRunError(f"{name}'s own scores of {ids[bad]} are not finite numbers", where=where,
                                remedy="these weights cannot judge anything")


def stored(context: Context[ModelSpec], wanted: Key, clips: ClipSet) -> Predictions | None:
    """The reference of these clips if the store has it: as *wanted*, or among the scores of more clips."""
    entry = context.store.find(wanted)
    if entry:
        return load(entry.file(FILE))
    among = superset(context.store, wanted, clips, reference_name(context.spec))
    if among is None:
        return None
    context.say(among.sentence)
    return among.predictions


@dataclass(frozen=True, slots=True)
class Superset:
    """The scores of a run's clips, taken from a reference of more clips, and the sentence that says so."""

    predictions: Predictions
    sentence: str


def superset(store: Store, wanted: Key, clips: ClipSet, name: str = "torch") -> Superset | None:
    """The scores of *clips* from a stored reference of more clips that has each by its id and digest."""
    for other in elsewhere.alike(store.root, wanted, "clips"):
        entry = store.find(other)
        if entry is None or DIGESTS not in entry.files:
            continue
        digests = load_json(entry.file(DIGESTS), ReferenceRunError, "the digests of the clips", "python -m tools.store verify")
        if all(digests.get(clip.id) == clip.sha256 for clip in clips.clips):
            found = load(entry.file(FILE))
            row = {id: number for number, id in enumerate(found.ids)}
            ids = tuple(clip.id for clip in clips.clips)
            return Superset(Predictions(ids, np.ascontiguousarray(found.scores[[row[id] for id in ids]])),
                            f"{name}'s scores of these {len(ids):,} clips are among those of {len(digests):,}: {other}")
    return None
