"""What a recogniser's scores are judged beside, and what such a judgement is worth; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.judging.verdict import Judgement, Verdict, at_best
from tools.spec.given import is_file_alone, reference_name
from tools.spec.model import Spec

ITSELF = ("the network is compared with itself: both sides are the model's own graph in ONNX Runtime on the CPU, so that decoding "
          "and preprocessing are judged and the network is not; judge it with --graph FILE, on another device, or with --expect top1=SHARE")


@dataclass(frozen=True, slots=True)
class Beside:
    """The reference: *name* in sentences; *told*: what each row says first; *best*: what a row can be."""

    name: str = "torch"
    told: Sequence[str] = ()
    best: Verdict = Verdict.PASS

    def judged(self, rows: Sequence[Judgement]) -> list[Judgement]:
        """These judgements as they count beside this reference."""
        return [replace(one, verdict=at_best(one.verdict, self.best), meaning="; ".join([*self.told, one.meaning])) for one in rows]


TORCH = Beside()


def beside(spec: Spec, *, itself: bool = False) -> Beside:
    """Torch; of a model that is an ONNX file alone that graph, which judges no network that is *itself*."""
    if not is_file_alone(spec):
        return TORCH
    told = f"beside {reference_name(spec)} float32 on the CPU"
    return Beside(reference_name(spec), (ITSELF, told), Verdict.RECORDED) if itself else Beside(reference_name(spec), (told,))
