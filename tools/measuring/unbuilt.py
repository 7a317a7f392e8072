"""Why what has to be built cannot be built here: a package that makes it is missing, or the compiler is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from tools import engines
from tools.deployment.compile import Source, Target, given_file, soc_version, stage
from tools.deployment.origin import origin
from tools.engines.ascend import cann
from tools.errors import ClipgateError, OptionError, StoreError
from tools.measuring.lack import Lack, lacks_of
from tools.measuring.planned import Planned, Step, absent_packages
from tools.spec.case import Case, Device
from tools.spec.given import OM
from tools.spec.model import Network, Spec
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.elsewhere import unmakeable
from tools.storage.entries import named
from tools.storage.index import Index

Waiting = tuple[str, Step, Case | None]  # a model, its first step that cannot be made, and the cell that waits for it
REMEDY = ("install what is missing with ./tools/setup, then . .venv/bin/activate; or make it on a machine that has all of them, and "
          "carry it here: tools/storage/README.md, 'A host without torch', says how")


def package_lacks(settings: Settings, plans: Mapping[str, Planned], cases: Sequence[Case]) -> list[Lack]:
    """The packages that make what is not there and cannot be imported: a lack for each set of them."""
    gone = absent_packages()
    groups: dict[tuple[str, ...], list[Waiting]] = {}
    for model, found in plans.items():
        mine: Sequence[Case | None] = [case for case in cases if case.model == model] or [None]
        for case in mine:
            steps = [step for step in (found.of(case.batch) if case else found.steps) if step.lacking(gone)]
            if steps:
                packages = tuple(dict.fromkeys(name for step in steps for name in step.lacking(gone)))
                groups.setdefault(packages, []).append((model, steps[0], case))
    return [Lack(_unmakeable(settings, packages, waiting, gone).parts, tuple(case for _, _, case in waiting if case))
            for packages, waiting in groups.items()]


def _unmakeable(settings: Settings, packages: tuple[str, ...], waiting: Sequence[Waiting], gone: frozenset[str]) -> StoreError:
    """Of one thing that cannot be made the error that making it would end in; of several one sentence."""
    models, steps = list(dict.fromkeys(model for model, _, _ in waiting)), list(dict.fromkeys(step for _, step, _ in waiting))
    if len(models) == len(steps) == 1 and steps[0].key:
        return unmakeable(settings.store, steps[0].key, steps[0].doing, steps[0].lacking(gone), models[0], packages)
    are = "is" if len(packages) == 1 else "are"
    return StoreError(f"what the store does not have yet of {', '.join(models)} needs {', '.join(packages)} to be built, which {are} not "
                      "installed here", where=str(settings.store), remedy=REMEDY)


def compiler_lacks(contexts: Mapping[str, Context[Spec]], plans: Mapping[str, Planned], cases: Sequence[Case]) -> Iterator[Lack]:
    """What is missing to compile for the devices of these cells what is not compiled yet."""
    for device in dict.fromkeys(case.device for case in cases if engines.family(case.device).LOADS == "om"):
        mine = [case for case in cases if case.device == device and case.model in plans]
        yield from of_compiling(device, mine, contexts, plans)


def of_compiling(device: Device, cases: Sequence[Case], contexts: Mapping[str, Context[Spec]],
                 plans: Mapping[str, Planned]) -> Iterator[Lack]:
    """The same for the cells of one device, the name of whose chip is asked for once."""
    if not cases:
        return
    settings = contexts[cases[0].model].settings
    try:
        target = Target(settings.soc_version or soc_version(device), cann.find())
    except ClipgateError as error:
        yield Lack(error.parts, tuple(cases))
        return
    waiting = [case for case in cases if not is_compiled(contexts[case.model], plans[case.model], case.batch, target)]
    if waiting:
        yield from lacks_of(partial(engines.family(device).require_compiler, settings), waiting)


def compiling_lacks(context: Context[Spec], found: Planned | None, batch: int, soc: Callable[[], str]) -> list[Lack]:
    """The same for a model that is compiled by hand, for the chip that *soc* names."""
    settings = context.settings
    try:
        target = Target(soc(), cann.find())
    except ClipgateError as error:
        return [Lack(error.parts, ())]
    if found is None or is_compiled(context, found, batch, target):
        return []
    return lacks_of(partial(engines.named("npu").require_compiler, settings), ())


def is_compiled(context: Context[Spec], found: Planned, batch: int, target: Target) -> bool:
    """Whether no compiler is needed at *batch*; also where that cannot be known before a file is read."""
    return all(_is_there(context, found, network, batch, target) for network in context.spec.networks)


def _is_there(context: Context[Spec], found: Planned, network: Network, batch: int, target: Target) -> bool:
    index = Index(context.settings.store)
    path = None
    with suppress(OptionError):  # which is told as a lack of its own
        path = given_file(context, network, batch)
    graph = found.graphs.get((network.name, batch))
    if path is not None and path.suffix == OM:
        return True
    if path is None and graph is not None:
        return index.find(stage(context.settings, Source.of(graph, network, batch), target).key) is not None
    was_made = bool(named(index.root, "om", f"{network.name}-bs{batch}"))
    return was_made and (path is not None or origin(context) != "mini")
