"""The two kinds of model: which judge belongs to a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tools.deployment.weights import Weights
from tools.judging.judge import Judge
from tools.judging.localiser import LocaliserJudge
from tools.judging.recogniser import RecogniserJudge
from tools.measuring import kinds, reference
from tools.measuring.kinds import Dataset
from tools.spec.catalog import load_truth
from tools.spec.model import ModelKind, Spec
from tools.storage.context import Context

_JUDGES: Mapping[ModelKind, Callable[..., Judge]] = {"recogniser": RecogniserJudge, "localiser": LocaliserJudge}


def judge_of(context: Context[Spec], checkpoints: tuple[Weights, ...], dataset: Dataset) -> Judge:
    """What cells of the model are judged against: stored truth, and torch on the same clips or videos."""
    spec, settings = context.spec, context.settings
    kind = kinds.of(spec)
    torch: Any = kind.torch_reference(context, checkpoints, dataset)
    inputs = partial(kind.torch_inputs, context, dataset)
    return _JUDGES[spec.kind](spec, load_truth(settings.models, spec.name), dataset, torch, reference.command(context), settings.expect,
                              inputs, context.others)  # which grows with what is found later
