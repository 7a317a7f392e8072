"""What shapes a measurement: each ingredient changes its own part of it, and nothing else does."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from suites.selftest.measuring.resumed import TINY, Bench
from tools import engines
from tools.deployment.compile import Compiled
from tools.deployment.specialise import Given
from tools.engines.fit import Asked
from tools.errors import MeasureError
from tools.machine import versions
from tools.measuring import sameness
from tools.measuring.job import Job
from tools.measuring.predictions import FILE
from tools.measuring.sameness import CHANGED, OF_A_MACHINE, OTHERS, Sameness
from tools.spec.case import Case, Device
from tools.spec.given import Said
from tools.spec.settings import ROOT
from tools.storage import code

Change = Callable[[Job, Bench, pytest.MonkeyPatch], Job]
HERE = code.current
GIVEN = Given("theirs.onnx", ((Path("theirs.onnx"), "0123"),), Asked("TCHW"), "fp32")


@pytest.fixture
def job(bench: Bench) -> Job:
    """A job on a graph that a person gives, behind the scores of another network."""
    found = bench.found
    (bench.folder / FILE).write_bytes(b"scores")
    return Job(bench.case, TINY, found.checkpoints[0], replace(found.graphs[0], given=GIVEN), found.dataset, "mini", 1.0,
               bench.folder / "a", bench.folder)


def compiled(job: Job, made_of: str) -> Job:
    """The job on what a compiler has made of its graph."""
    graph = job.graph
    return replace(job, graph=Compiled(graph.path, graph.digest, graph.weights_digest, (), 10, 10, GIVEN, made_of))


def graph(**changed: Any) -> Change:
    return lambda job, *_: replace(job, graph=replace(job.graph, **changed))


def given(**changed: Any) -> Change:
    return graph(given=replace(GIVEN, **changed))


def other(place: object, name: str, value: object) -> Change:
    """Something around the job is another one."""
    return lambda job, bench, patch: patch.setattr(place, name, value) or job


def other_code(ending: str) -> Change:
    """The code of one place is another."""
    return other(code, "current", lambda place: "other" if place.endswith(ending) else HERE(place))


def chip(**changed: object) -> Change:
    return lambda job, bench, _: vars(bench.chip).update(changed) or job


def scored_anew(job: Job, bench: Bench, patch: pytest.MonkeyPatch) -> Job:
    (bench.folder / FILE).write_bytes(b"other scores")
    return job


CHANGES: dict[str, tuple[str, Change]] = {
    "other weights": ("weights", lambda job, *_: replace(job, checkpoint=replace(job.checkpoint, sha256="other"))),
    "weights called otherwise": ("weights", lambda job, *_: replace(job, checkpoint=replace(job.checkpoint, origin="published"))),
    "another graph": ("graph", graph(digest="other")), "other weights beside the graph": ("graph", graph(weights_digest="other")),
    "another rewrite": ("graph", graph(surgery=("a",))), "another given file": ("graph", given(files=((Path("theirs.onnx"), "4567"),))),
    "its precision": ("graph", given(precision="fp16")), "no given graph": ("graph and asked", graph(given=None)),
    "its layout": ("asked", given(asked=Asked("TCHW", input=Said(word="NTHWC")))),
    "its output": ("asked", given(asked=Asked("TCHW", output=Said(word="logits")))),
    "other clips": ("clips", lambda job, *_: replace(job, dataset=cast("Any", SimpleNamespace(digest="other")))),
    "other scores before": ("before", scored_anew),
    "another sampling": ("spec", lambda job, *_: replace(job, spec=replace(TINY, sampling=replace(TINY.sampling, interval=2)))),
    "another batch size": ("batch", lambda job, *_: replace(job, case=replace(job.case, batch=8))),
    "another device": ("device", lambda job, *_: replace(job, case=Case("tiny", 4, Device("cpu", 1)))),
    "another chip": ("chip", chip(name="310P3")), "a simulated chip": ("simulated", chip(simulated=True)),
    "another processor": ("processor", other(versions, "_cpu_name", lambda: "another")),
    "fewer cores": ("machine", other(os, "sched_getaffinity", lambda process: {0, 1, 2})),
    "another version": ("versions", other(versions, "_version", lambda package: "7" if package == "onnxruntime" else "1")),
    "another Python": ("versions", other(platform, "python_version", lambda: "4.0")),
    "flags": ("flags", lambda job, *_: replace(job, flags=("--a=1",))),
    "other data": ("data", lambda job, *_: replace(job, data="full")),
    "other code that measures": ("code", other_code("measure:measure")),
    "other code of the family": ("code", other_code("cpu:*")),
    "compiled here": ("made_of", lambda job, *_: compiled(job, "4567")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_ingredient_changes_its_part_alone(job: Job, bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is named in words, and the digest is another one."""
    before, (parts, change) = sameness.of(job), CHANGES[name]
    now = sameness.of(change(job, bench, monkeypatch))

    assert " and ".join(CHANGED[part] for part in parts.split(" and ")) == before.changes(now)
    assert before.digest != now.digest


@pytest.mark.parametrize("place", [
    ("tools.measuring.measure", "score"), ("tools.measuring.timing", "time_series"), ("tools.measuring.scales", "Scales"),
    ("tools.media.batches", "BatchStream"), ("tools.media.preprocess", "normalise"), ("tools.media.decode", "sampled_frames"),
    ("tools.localisation.proposals", "propose"), ("tools.engines.fit", "Fit")], ids=lambda place: place[1])
def test_the_code_that_measures_is_reached(place: tuple[str, str]) -> None:
    """From a clip's bytes to its scores and times, of both kinds of model."""
    found = code.reached(("tools.measuring.measure", "measure"), partial(code._module, ROOT))

    assert place in found


def test_every_part_has_an_ingredient_and_words() -> None:
    """So that a new part is tested, and can be told."""
    names = [one.name for one in fields(Sameness)]

    assert names == [*CHANGED] == [*OTHERS]
    assert {*names} == {part for parts, _ in CHANGES.values() for part in parts.split(" and ")}


@pytest.mark.parametrize("name", [one.name for one in fields(Sameness)])
def test_those_that_score_one_list_are_alike_but_for_their_machine(job: Job, name: str) -> None:
    """As each tells the others in a text; the device's number and the processor may be their own."""
    here, changed = sameness.of(job), {name: 99 if name == "batch" else name == "simulated" or "another"}
    there = Sameness.parse(replace(here, **cast("Any", changed)).text)

    assert ("" if name in OF_A_MACHINE else OTHERS[name]) == here.differs(there)
    assert ("", here) == (here.differs(here), Sameness.parse(here.text))


@pytest.mark.parametrize(("one", "other", "why"), [("4567", "4567", ""), ("4567", "89ab", OTHERS["made_of"]),
                                                   ("4567", "", f"{OTHERS['graph']} and {OTHERS['made_of']}"), ("", "", OTHERS["graph"])])
def test_graphs_compiled_on_two_machines_are_compared_by_what_they_were_made_of(job: Job, one: str, other: str, why: str) -> None:
    """No two files of a compiler are equal; on one machine each is another graph all the same."""
    here, there = (sameness.of(compiled(replace(job, graph=replace(job.graph, digest=digest)), made_of))
                   for digest, made_of in (("0123", one), ("cdef", other)))

    assert why == here.differs(there)
    assert CHANGED["graph"] in here.changes(there)


@pytest.mark.parametrize(("on_host", "why"), [(True, OTHERS["processor"]), (False, "")])
def test_a_processor_that_computes_is_a_difference(job: Job, monkeypatch: pytest.MonkeyPatch, on_host: bool, why: str) -> None:
    """Its sums may have other bits; more of its cores are the same, and so is a device's host."""
    vars(engines.family(job.case.device))["ON_HOST"] = on_host
    here = sameness.of(job)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    assert "" == here.differs(sameness.of(job))
    monkeypatch.setattr(versions, "_cpu_name", lambda: "another")

    assert why == here.differs(sameness.of(job))
    assert here.changes(sameness.of(job))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weights": 1}'])
def test_what_is_no_sameness_is_refused(text: str) -> None:
    with pytest.raises(MeasureError, match="what shapes a measurement cannot be read"):
        Sameness.parse(text)


@pytest.mark.parametrize("change", [
    lambda job: replace(job, folder=Path("elsewhere")), lambda job: replace(job, budget_s=None, whole=True),
    lambda job: replace(job, span=(0, 4), place_name="node-1/cpu"),
    lambda job: replace(job, locks="/locks", others=("made by other code",)),
    lambda job: replace(job, checkpoint=replace(job.checkpoint, path=Path("moved.pth"))),
    lambda job: replace(job, graph=replace(job.graph, path=Path("moved.onnx"), peak_bytes=11, weights_bytes=11))],
    ids=["folder", "timing", "span and place", "locks", "weights' place", "graph's place"])
def test_what_shapes_no_score_changes_nothing(job: Job, change: Callable[[Job], Job]) -> None:
    """Where files lie, how long is timed, what is waited for. A note in JSON is the same value."""
    before = sameness.of(job)

    assert before == sameness.of(change(job)) == Sameness(**json.loads(json.dumps(asdict(before))))
    assert ("", before.digest) == (before.changes(sameness.of(job)), sameness.of(job).digest)
