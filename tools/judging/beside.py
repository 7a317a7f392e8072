"""What a recogniser's scores are judged beside, and what such a judgement is worth; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.judging.verdict import Judgement, Verdict, at_best
from tools.spec.given import is_file_alone, reference_name
from tools.spec.model import Spec

ITSELF = ("which is what was measured as well: the network is compared with itself, so this tells of decoding and preprocessing "
          "only; what judges a network is --graph FILE, another device, or --expect top1=SHARE")


@dataclass(frozen=True, slots=True)
class Beside:
    """The reference: *name* in sentences; *told*: what each row says first; *best*: what a row can be."""

    name: str = "torch"
    told: str = ""
    best: Verdict = Verdict.PASS

    def judged(self, rows: Sequence[Judgement]) -> list[Judgement]:
        """These judgements as they count beside this reference."""
        return [replace(one, verdict=at_best(one.verdict, self.best), meaning=f"{self.told}{one.meaning}") for one in rows]


TORCH = Beside()


def beside(spec: Spec, *, itself: bool = False) -> Beside:
    """Torch; of a model that is an ONNX file alone that graph, which judges no network that is *itself*."""
    if not is_file_alone(spec):
        return TORCH
    name = reference_name(spec)
    told = f"beside {name} float32 on the CPU"
    return Beside(name, f"{told}, {ITSELF}; ", Verdict.RECORDED) if itself else Beside(name, f"{told}: ")
