"""What is not said is no, or nothing; where it is something else, it is known."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
from collections.abc import Iterator
from types import ModuleType

from tools.spec.settings import ROOT

SOURCES = "tools/**/*.py"
RUN_ALONE = ("tools.__main__", "tools.pytest_paths")  # these do something as soon as they are imported
PLAIN = (bool, int, float)
TINY = 2.0**-126  # the smallest number of single precision that has all its digits
SAID: dict[str, dict[str, object]] = {
    "tools.cluster.gathering Scored": {"fresh": True}, "tools.cluster.values Work": {"span": (0, 0)},
    "tools.deployment.download Job": {"pauses_s": (1.0, 2.0, 4.0, 8.0), "timeout_s": 30.0},
    "tools.exchange.outputs _below": {"deep": 2}, "tools.judging.floors Floor": {"smallest": TINY},
    "tools.judging.likelihood Noise": {"alike_between": 60.0, "alike_within": 60.0},
    "tools.judging.repeatable beside_night": {"smallest": TINY}, "tools.judging.rows Row": {"attempt": 1},
    "tools.judging.slower Plan": {"step": 0.05}, "tools.judging.verdict fidelity": {"smallest": TINY},
    "tools.localisation.proposals propose": {"peak_threshold": 0.5}, "tools.localisation.proposals features": {"top": 1000},
    "tools.localisation.proposals padded": {"rows": 1000}, "tools.localisation.proposals bins": {"count": 100},
    "tools.localisation.recall average_recall": {"most": 100}, "tools.machine.child call": {"stall_s": 900.0},
    "tools.machine.events progress": {"at_rest": True}, "tools.machine.progress Work": {"counted": (0.0, 0.0, 0)},
    "tools.machine.reading read_lines": {"longest": 2**20}, "tools.measuring.adoption Earlier": {"or_whole": True},
    "tools.measuring.launch launch": {"timed": True, "resume": True}, "tools.measuring.launch jobs": {"timed": True},
    "tools.measuring.measure score": {"views": 1}, "tools.measuring.metrics log_scores": {"smallest": TINY},
    "tools.measuring.metrics distance": {"smallest": TINY}, "tools.measuring.recogniser _stage": {"asked": True},
    "tools.measuring.reference stage": {"asked": True}, "tools.measuring.reference_graph stage": {"asked": True},
    "tools.measuring.reference_localiser stage": {"asked": True}, "tools.media.thumbnail thumbnails": {"width": 112},
    "tools.nights.record Fingerprint": {"protocol": 1}, "tools.pytorch.bsn_steps proposals": {"threshold": 0.5},
    "tools.pytorch.bsn_steps features": {"top": 1000}, "tools.pytorch.bsn_steps recall": {"most": 100},
    "tools.locating.closeness apart": {"rows": 1}, "tools.locating.curves svg": {"alone": True},
    "tools.locating.difference _Sums": {"low": math.inf, "high": -math.inf}, "tools.locating.difference beside": {"rows": 1},
    "tools.locating.difference difference": {"rows": 1}, "tools.locating.kept of": {"complete": True},
    "tools.reporting.along LocatedFacts": {"complete": True},
    "tools.reporting.gallery Gallery": {"left": 600_000}, "tools.reporting.gather gathered": {"pictures": True},
    "tools.reporting.markdown plain": {"longest": 300},
    "tools.spec.mini MiniSpec": {"calibration_batch": 1, "branch_scale": 0.03, "wave": 80.0, "test_frames": (20, 150),
                                 "train_frames": (20, 40)},
    "tools.datasets.mini.moving_shapes Recipe": {"wave": 80.0},
    "tools.spec.model ProposalSpec": {"peak_threshold": 0.5, "top": 1000, "alpha": 0.75, "low": 0.65, "high": 0.9, "keep": 100},
    "tools.spec.model Network": {"rows": 1}, "tools.spec.truth PairsGate": {"max_p": 0.001, "min_net_share": 0.001},
    "tools.spec.truth ThroughputGate": {"max_variation": 0.1, "max_slowdown": 0.05, "step": 0.05},
    "tools.storage.packing Digesting.read": {"size": -1}, "tools.storage.shards Shards": {"every_s": 20.0},
    "tools.storage.shards Pieces": {"every_s": 20.0}, "tools.storage.shards Ranges": {"every_s": 20.0},
    "tools.storage.stages parse": {"writable": True},
    "tools.storage.stages context_of": {"writable": True}, "tools.storage.status _rounded": {"digits": 1},
    "tools.storage.unpacking Archive.read": {"size": -1},
}


def modules() -> Iterator[ModuleType]:
    for path in sorted(ROOT.glob(SOURCES)):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name not in RUN_ALONE:
            yield importlib.import_module(name)


def defaults(module: ModuleType) -> Iterator[tuple[str, dict[str, object]]]:
    """Of each function and class of a module what its parameters and fields are where they are left out."""
    for name, one in vars(module).items():
        if getattr(one, "__module__", "") != module.__name__:
            continue
        if inspect.isclass(one) and dataclasses.is_dataclass(one):
            yield name, {each.name: each.default for each in dataclasses.fields(one)}
        functions = {name: one} if inspect.isfunction(one) else vars(one) if inspect.isclass(one) else {}
        for inner, function in functions.items():
            if inspect.isfunction(function) and not inner.startswith("__init__"):
                where = name if function is one else f"{name}.{inner}"
                yield where, {each.name: each.default for each in inspect.signature(function).parameters.values()
                              if isinstance(each.default, PLAIN)}


def is_said(value: object) -> bool:
    """Whether a default is a number or a truth, and neither nought nor no."""
    if isinstance(value, tuple):
        return any(isinstance(one, PLAIN) for one in value)
    return isinstance(value, PLAIN) and bool(value)


def test_what_is_left_out_is_no_or_nothing() -> None:
    found = {f"{module.__name__} {where}": said for module in modules() for where, given in defaults(module)
             if (said := {name: value for name, value in given.items() if is_said(value)})}

    assert SAID == found
