"""What is missing to measure a selection of cells, asked before anything is built; each lack is told once.

Nothing is built, fetched, compiled or hashed by asking. Whoever is about to build asks here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tools import engines
from tools.datasets import choice
from tools.datasets.readable import require_readable
from tools.deployment import weights
from tools.deployment.compile import Form, form, given_file, require_form
from tools.deployment.origin import origin
from tools.errors import ClipgateError, WeightsError
from tools.machine import device_locks, memory
from tools.measuring import room
from tools.measuring.lack import Lack, lacks_of, merged
from tools.measuring.planned import Planned, plan
from tools.measuring.unbuilt import compiler_lacks, compiling_lacks, package_lacks
from tools.media.batches import SLOTS
from tools.spec.asked_speeds import require_t4
from tools.spec.case import Case
from tools.spec.catalog import load_truth
from tools.spec.model import Network, Spec
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.store import require_writable

Contexts = Mapping[str, Context[Spec]]


def of_cases(settings: Settings, contexts: Contexts, cases: Sequence[Case]) -> tuple[Lack, ...]:
    """What these cells lack; *contexts* has the run of each of their models by its name."""
    lacks = [*of_folders(settings, cases), *_of_devices(settings, cases)]
    plans, of_models = _of_models(contexts, cases, {case: form(case.device, case.mode) for case in cases})
    lacks += [*of_models, *package_lacks(settings, plans, cases), *compiler_lacks(contexts, plans, cases)]
    lacks += _of_disk(settings, plans, cases)
    for model, found in plans.items():
        lacks += _of_memory(contexts[model].spec, found, [case for case in cases if case.model == model])
    return merged(lacks)


def of_graphs(settings: Settings, contexts: Contexts, cases: Sequence[Case]) -> tuple[Lack, ...]:
    """The same where others measure: what this machine lacks to find their inputs and to make ONNX graphs."""
    plans, lacks = _of_models(contexts, cases, {})
    return merged([*lacks_of(partial(require_writable, settings.store), cases, mistake=True), *lacks,
                   *package_lacks(settings, plans, cases), *_of_disk(settings, plans, cases)])


def _of_models(contexts: Contexts, cases: Sequence[Case], forms: Mapping[Case, Form]) -> tuple[dict[str, Planned], list[Lack]]:
    """What is to be made for these cases, by model, and what their options, inputs and files lack.

    forms: what is made of the graphs for devices of this machine.
    """
    plans: dict[str, Planned] = {}
    lacks: list[Lack] = []
    for model, context in contexts.items():
        mine = [case for case in cases if case.model == model]
        batches = sorted({case.batch for case in mine})
        wrong = lacks_of(partial(require_options, context, batches), mine, mistake=True)
        lacks += wrong or [*of_inputs(context, mine), *_of_files(context, mine)]
        plans |= {} if wrong else planned(context, batches, {(case.batch, forms[case]) for case in mine if case in forms})
    return plans, lacks


def of_model(context: Context[Spec], batches: Sequence[int], soc: Callable[[], str] | None = None) -> tuple[Lack, ...]:
    """What is missing to make a model's graphs of these batch sizes.

    soc: names the chip that one of them is compiled for, if it is.
    """
    settings = context.settings
    lacks = lacks_of(partial(require_writable, settings.store), (), mistake=True)
    wrong = lacks_of(partial(origin, context), (), mistake=True)
    plans = {} if wrong else planned(context, batches)
    lacks += wrong or lacks_of(partial(require_weights, context), ())
    lacks += package_lacks(settings, plans, ())
    if soc is not None:
        lacks += compiling_lacks(context, plans.get(context.spec.name), batches[0], soc)
    return merged([*lacks, *_of_disk(settings, plans, ())])


def of_folders(settings: Settings, cases: Sequence[Case]) -> list[Lack]:
    """What no run begins without: a store that can be written, and a folder of locks."""
    checks: list[Callable[[], object]] = [partial(require_writable, settings.store), partial(device_locks.require, settings.locks)]
    checks += [partial(engines.named(family).require, settings.artifacts) for family in sorted({case.device.family for case in cases})]
    return [lack for check in checks for lack in lacks_of(check, cases, mistake=True)]


def require_options(context: Context[Spec], batches: Sequence[int]) -> None:
    """Check that what is asked fits the model: what is expected, and data and weights beside each other.

    Raises:
        OptionError: they do not belong together.
    """
    settings, spec = context.settings, context.spec
    settings.expect.require(spec.metrics, spec.name)
    require_t4(settings.expect.speeds, load_truth(settings.models, spec.name), batches)
    origin(context)
    choice.word(context)


def _of_devices(settings: Settings, cases: Sequence[Case]) -> Iterator[Lack]:
    for device in dict.fromkeys(case.device for case in cases):
        mine = [case for case in cases if case.device == device]
        for check in engines.family(device).needs(device, settings):
            yield from lacks_of(check, mine)


def of_inputs(context: Context[Spec], cases: Sequence[Case]) -> list[Lack]:
    """What is missing of a model's data and weights."""
    classes = None if origin(context) == "own" else context.spec.networks[0].output.shape[0]
    return [*lacks_of(partial(require_readable, context, classes), cases), *lacks_of(partial(require_weights, context), cases)]


def require_weights(context: Context[Spec]) -> None:
    """Check that each checkpoint is there and holds anything; none is read.

    Raises:
        WeightsError: naming the file.
    """
    word = origin(context)
    if word == "published":
        _require_filled([one.place for one in weights.placed(context)])
    elif word == "own":
        _require_filled(weights.given(context, word))


def _require_filled(paths: Sequence[Path]) -> None:
    for path in paths:
        try:
            size = path.stat().st_size
            with path.open("rb"):
                pass
        except OSError as error:
            raise WeightsError(f"the checkpoint cannot be read: {error.strerror or error}", where=str(path),
                               remedy="make it readable") from error
        if size == 0:
            raise WeightsError("the checkpoint is empty", where=str(path), remedy="copy it again from where you had it")


def _of_files(context: Context[Spec], cases: Sequence[Case]) -> Iterator[Lack]:
    """What is missing of graphs that a person gives."""
    for case in cases:
        for network in context.spec.networks:
            yield from lacks_of(partial(_require_file, context, network, case), [case])


def _require_file(context: Context[Spec], network: Network, case: Case) -> None:
    path = given_file(context, network, case.batch)
    if path is not None:
        require_form(path, case.device, case.mode)


def planned(context: Context[Spec], batches: Sequence[int], forms: Collection[tuple[int, Form]] = ()) -> dict[str, Planned]:
    """The model's plan by its name; none where its weights are not there, which is said already."""
    try:
        return {context.spec.name: plan(context, batches, forms)}
    except ClipgateError:
        return {}


def _of_disk(settings: Settings, plans: Mapping[str, Planned], cases: Sequence[Case]) -> list[Lack]:
    """Whether there is room for all that is to be made, in turn; models for which none is left lack it."""
    need, there = 0, room.free(settings.artifacts)
    lacking: list[Case] = []
    for model, found in plans.items():
        mine = [case for case in cases if case.model == model]
        need += sum(step.size for step in found.steps) + room.CELL * max(1, len(mine))
        lacking += mine if need > there else []
    return [Lack(room.too_little(need, there, settings.artifacts).parts, tuple(lacking))] if need > there else []


def _of_memory(spec: Spec, found: Planned, cases: Sequence[Case]) -> Iterator[Lack]:
    """Whether a graph that is there can be run in the memory that is free now."""
    for case in cases:
        for network in spec.networks:
            graph = found.graphs.get((network.name, case.batch))
            if graph and engines.family(case.device).LOADS == "onnx":
                need = memory.need_bytes(graph.peak_bytes, graph.weights_bytes, 4 * case.batch * math.prod(network.input.shape), SLOTS)
                yield from lacks_of(partial(memory.require, need, str(case)), [case])
