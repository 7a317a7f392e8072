"""What runs on a node: one task, which answers with what it measured or with why it gave nothing.

Nothing of ours is raised through Ray. A task first takes what it lacks into the node's store, and compares
what it finds with what the driver has found. Only then does it let a process measure, in a folder of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from tools import engines
from tools.cluster import carrying, finding, home, looking, scratch, task
from tools.cluster.finding import CLIPS, Sources
from tools.cluster.home import Ids, Place
from tools.cluster.telling import Events, Telling
from tools.cluster.values import Answer, Code, Failed, Outcome, Span, Work
from tools.cluster.working import DOING, PIECE, Task
from tools.errors import ClipgateError, ClusterError, DeviceError
from tools.machine import device_locks
from tools.measuring import quarantine
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.options import ROOT
from tools.storage.context import Context
from tools.storage.store import require_writable

look = looking.look
Ref = Any  # an ObjectRef of Ray, or the bytes themselves
Entries = Mapping[str, Sequence[Ref]]  # pieces by name: parcels of `carrying`, scores of spans, the driver's clips


def run(work: Work, entries: Entries, events: Events) -> Outcome:
    """Do *work* on this node, with what *entries* hold where it lacks that; *events* are told how it goes.

    It raises nothing that a node can have wrong. Failed.unfit: this node cannot do it. Failed.lost: nobody is
    to use the device again in this run.
    """
    place, ids = home.place(work.names), home.accelerators()
    home.environment()
    try:
        device = home.torch_device(work.device, ids) if work.what == "reference" else home.device(work.case, ids)
    except ClipgateError as error:
        return _failed(place, _given(work.case, ids), error, lost=error.what)
    if f"{place.id}/{device.label}" in work.refused:
        return _remembered(place, device, DeviceError(f"{device.label} is not used again in this run"))
    case, tell = replace(work.case, device=device), Telling(events, work.key, f"{place.name}/{device.label}")
    try:
        with _of_ours():
            context = _context(work, entries, tell)
            sources, pieces = _prepared(work, case, context, entries)
    except ClipgateError as error:
        lost = error.what if isinstance(error, DeviceError) else ""
        return _failed(place, device.label, error, unfit=not lost, lost=lost)
    outcome = _done(work, context, case, sources, pieces, place)
    words = looking.differs(work.code, looking.now(context.settings))  # again: processes load code as they need it
    return _failed(place, device.label, _other_code(words), unfit=True) if words else outcome


def _failed(place: Place, device: str, error: ClipgateError, *, unfit: bool = False, lost: str = "") -> Failed:
    return Failed(place.id, place.name, device, error.parts, unfit, lost)


@contextmanager
def _of_ours(folder: str = "") -> Iterator[None]:
    """Turn what the system refuses on this node into an error of ours; *folder* is where it works."""
    try:
        yield
    except OSError as error:
        raise ClusterError(f"this node cannot do it: {error.strerror or error}", where=str(error.filename or folder) or None,
                           remedy="let the artifacts folder of this node be writable and not full") from error


def _given(case: Case, ids: Ids) -> str:
    """What the device is called that Ray has given, whether the node has it or not."""
    return "".join([case.device.family, *map(str, ids.get(engines.named(case.device.family).RAY, ()))])


def _remembered(place: Place, device: Device, error: ClipgateError, why: str = "") -> Failed:
    """What is answered for a device that the run has given up before; *why* is what it noted then."""
    return replace(_failed(place, device.label, error, lost=why or error.what), remembered=True)


def _context(work: Work, entries: Entries, tell: Telling) -> Context[Spec]:
    """The run on this node, whose code is the driver's: that of this process, and that on disk.

    Raises:
        ClusterError: the code differs. OptionError, StoreError: the node's folders are not as they must be.
    """
    settings = home.settings(work.settings)
    _require_code(work, looking.code(settings))
    _require_code(work, looking.now(settings))
    require_writable(settings.store)
    sent = carrying.manifests(settings.store, [name for name in entries if _is_parcel(name)])
    try:
        device_locks.require(settings.locks)
    except DeviceError as error:  # no fault of the device
        raise ClusterError(error.what, where=error.where, remedy=error.remedy) from error
    return Context(settings, load_spec(settings.models, work.case.model), tell, makes=carrying.MADE_THERE, sent=sent)


def _require_code(work: Work, here: Code) -> None:
    if words := looking.differs(work.code, here):
        raise _other_code(words)


def _other_code(words: str) -> ClusterError:
    return ClusterError(f"this node runs other code than the driver: {words}", where=str(ROOT),
                        remedy="bring both checkouts to the same commit, without edits, and start the node's Ray again")


def _prepared(work: Work, case: Case, context: Context[Spec], entries: Entries) -> tuple[Sources, Mapping[Span, bytes]]:
    """What the task is about, found here and the same as the driver's; and the scores that others made.

    Raises:
        ClipgateError: it is not here, or differs; or the device is not ready to be measured on.
    """
    measured = work.what != "reference"
    if measured:
        engines.family(case.device).require_ready(case.device, context.settings)
    _take(context, entries)
    sources = finding.sources(context, case if measured else None)
    told = CLIPS in entries and dict(work.digests)[CLIPS] != sources.dataset.digest
    sources.require_same(work.digests, _joined(entries[CLIPS]) if told else None)
    return sources, {_span(name): _joined(parts) for name, parts in entries.items() if name.startswith(PIECE)}


def _take(context: Context[Spec], entries: Entries) -> None:
    """Bring into the node's store, and beside it, what the task needs and the node lacks."""
    for name, parts in entries.items():
        if name.startswith(carrying.PUBLISHED):
            carrying.take_weights(context.settings, context.spec, name, partial(_fetched, parts))
        elif _is_parcel(name):
            carrying.take(context.settings.store, name, partial(_fetched, parts))


def _is_parcel(name: str) -> bool:
    return name != CLIPS and not name.startswith(PIECE)


def _span(name: str) -> Span:
    first, end = map(int, name.removeprefix(PIECE).split("-"))
    return first, end


def _joined(parts: Sequence[Ref]) -> bytes:
    return b"".join(_fetched(parts))


def _fetched(parts: Sequence[Ref]) -> list[bytes]:
    """The pieces of an entry, from Ray's object store where they lie there."""
    return list(parts) if all(isinstance(part, bytes) for part in parts) else task.fetched(parts)


def _done(work: Work, context: Context[Spec], case: Case, sources: Sources, pieces: Mapping[Span, bytes], place: Place) -> Outcome:
    """What the task gave, by processes of its own."""
    began, device, artifacts, lost = time.monotonic(), case.device, context.settings.artifacts, ""
    try:
        with _of_ours(str(artifacts)), scratch.folder(artifacts, work) as run:
            scratch.bring_note(artifacts, run, work, place, device)
            if noted := quarantine.given_up(run, device):
                return _remembered(place, device, DeviceError(f"{device.label} is not used again in this run: {noted}"), noted)
            try:
                made = DOING[work.what](Task(work, context, case, sources, pieces, run, place))
            finally:
                lost = quarantine.given_up(run, device)
                scratch.keep_note(artifacts, run, work, place, device)
    except ClipgateError as error:
        return _failed(place, device.label, error, lost=lost)
    return Answer(place.name, device.label, made.files, made.error, made.retried, made.same, time.monotonic() - began, lost)
