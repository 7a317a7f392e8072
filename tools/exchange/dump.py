"""Writes a recogniser's inputs as its guide feeds them to ais_bench, msame or benchmark: .bin and .info."""

from __future__ import annotations

import argparse
import json
import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from tools.datasets import clips
from tools.datasets.clips import ClipSet
from tools.errors import DataError, OptionError
from tools.exchange.labels import name_with_labels
from tools.machine import events
from tools.machine.files import write_whole
from tools.machine.reading import load_json, read_text, refusing
from tools.measuring.recogniser import feed
from tools.media.batches import Batch, BatchStream
from tools.media.decode import Clip
from tools.spec.digest import digest, spec_digest
from tools.spec.model import ModelSpec, recogniser
from tools.spec.options import USES
from tools.storage.context import Context
from tools.storage.stages import Options, add_run_arguments, context_of

LONGEST_NAME = 240  # of the 255 bytes a file name may have, what a tool's own ending leaves
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written: files of *size* inputs into *folder*; labels into *info*, or into the files' names.

    mark: the file beside the folder that holds *made_of*, the digest of the clips and their preparation.
    """

    folder: Path
    info: Path | None
    size: int
    clips: tuple[Clip, ...]
    names: tuple[str, ...]
    file_bytes: int
    mark: Path
    made_of: str

    @property
    def info_text(self) -> str:
        return "".join(f"{number} {clip.label}\n" for number, clip in enumerate(self.clips))


def plan(spec: ModelSpec, clips: ClipSet, batch: int, out: Path) -> Plan:
    """The files of *clips* below *out*.

    Raises:
        DataError: the labels of a batch make too long a file name.
    """
    size = 1 if spec.bins.one_video else batch
    groups = [clips.clips[start : start + size] for start in range(0, len(clips.clips), size)]
    names = tuple(str(number) if spec.bins.info else name_with_labels(number * size, size, tuple(clip.label for clip in group))
                  for number, group in enumerate(groups))
    longest = max(map(len, names))
    if longest > LONGEST_NAME:
        raise DataError(f"{size} labels make a file name of {longest} characters", where="--batch",
                        remedy="choose a smaller one: ais_bench makes batches of its own of files of one clip")
    folder = out / spec.bins.folder.format(batch=batch)
    made_of = digest({"spec": spec_digest(spec), "clips": clips.digest, "size": size})
    return Plan(folder, out / spec.bins.info if spec.bins.info else None, size, clips.clips, names,
                4 * size * math.prod(spec.network.input.shape), folder.with_name(f"{folder.name}.json"), made_of)


def _missing(plan: Plan) -> list[int]:
    """Numbers of the files that are still to be written; removes what an interrupted run left."""
    other = plan.folder.is_dir() and any(plan.folder.iterdir()) and _made_of(plan.mark) != plan.made_of
    if other or (plan.info and plan.info.is_file() and read_text(plan.info, DataError) != plan.info_text):
        raise DataError("what is there was made of other clips, or in another way", where=str(plan.folder if other else plan.info),
                        remedy="choose another --out, or remove it")
    for partial in plan.folder.glob("*.partial"):
        partial.unlink()
    return [number for number, name in enumerate(plan.names) if _size(plan.folder / f"{name}.bin") != plan.file_bytes]


def _made_of(mark: Path) -> str:
    try:
        with refusing(DataError, "the mark cannot be read", str(mark)):
            return str(load_json(mark, DataError)["made_of"])
    except DataError:
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _require_space(plan: Plan, files: int, out: Path) -> None:
    """Say how much is going to be written, and check that it fits."""
    need, free = files * plan.file_bytes, shutil.disk_usage(out).free
    events.say(f"{len(plan.clips)} clips in {len(plan.names)} files of {plan.file_bytes / 2**20:.1f} MiB, {files} of them to be written: "
               f"{need / GIB:.2f} GiB; {free / GIB:.1f} GiB are free")
    if need > free:
        raise DataError(f"{need / GIB:.2f} GiB do not fit, {free / GIB:.2f} GiB are free", where=str(out),
                        remedy="choose another --out, or judge fewer with --clips N; python -m tools.measure needs no such files")


def _write(plan: Plan, clips: ClipSet, spec: ModelSpec, todo: list[int]) -> None:
    """Write the files numbered *todo*, each whole or not at all, the last one padded; then the labels."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_whole(plan.mark, lambda file: file.write(json.dumps({"made_of": plan.made_of, "files": len(plan.names)}).encode()))
    chosen = tuple(clip for number in todo for clip in plan.clips[number * plan.size : (number + 1) * plan.size])
    if chosen:
        with BatchStream(feed(replace(clips, clips=chosen), spec), plan.size) as stream:
            for done, (number, batch) in enumerate(zip(todo, stream, strict=True), 1):
                _write_batch(batch, plan.folder / f"{plan.names[number]}.bin")
                events.progress("writing inputs", done, len(todo))
    if plan.info:
        write_whole(plan.info, lambda file: file.write(plan.info_text.encode()))


def _write_batch(batch: Batch, path: Path) -> None:
    write_whole(path, lambda file: file.write(batch.array.data))


def write_inputs(context: Context[ModelSpec], batch: int, out: Path) -> Plan:
    """Write a run's clips below *out*, or those that are not there yet.

    Raises:
        DataError: there is too little room, *out* holds other clips' inputs, or a clip cannot be decoded.
    """
    spec = context.spec
    found = clips.clip_set(context, spec.classes)
    if found.shortfall is not None:
        events.say(f"only what is there is written: {found.shortfall.sentence}")
    planned = plan(spec, found, batch, out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        todo = _missing(planned)
        _require_space(planned, len(todo), out)
        _write(planned, found, spec, todo)
    except OSError as error:
        raise DataError(f"the inputs cannot be written: {error.strerror}", where=error.filename or str(out),
                        remedy="make room or choose another --out; the same command goes on where this one stopped") from error
    return planned


def add_dump_arguments(parser: argparse.ArgumentParser) -> None:
    """What `python -m tools.data dump` takes."""
    add_run_arguments(parser, USES["data dump"])
    parser.add_argument("--batch", type=int, default=1, help="clips in a file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the folder of .bin files and the .info go")


def dump(options: Options) -> int:
    """Write the inputs of a run's clips: python -m tools.data dump tsm --batch 16 --out DIR (repeatable)."""
    if options.batch < 1:
        raise OptionError(f"no such batch size: {options.batch}", where="--batch", remedy="for example --batch 16")
    context = context_of(options)
    spec = recogniser(context.spec, "reads features, which its guide's own scripts write", remedy=f"measure it: pytest -m {options.model}")
    made = write_inputs(context.of(spec), options.batch, options.out)
    print(f"{made.folder}: {len(made.names)} files of {made.size}; labels in {made.info or 'their names'}")
    if made.size != options.batch:
        print(f"{spec.name}'s guide writes one video a file; the tool makes the batches: ais_bench --batchsize {options.batch}")
    return 0
