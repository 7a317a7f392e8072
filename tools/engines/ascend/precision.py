"""In which numbers a model computes that atc compiles: what it is told, and what comes of it.

Known from CANN's documentation of --precision_mode, which every version since 5.0 takes. Where it is not
given, atc computes in half precision. force_fp32 is no way to float32: matrix operators then take half
precision wherever they can, as its other name cube_fp16in_fp32out says. must_keep_origin_dtype keeps float32,
on the AI CPU where the AI Core has no such operator, and fails where neither has.
"""

from __future__ import annotations

from collections.abc import Mapping

from tools.spec.case import Precision

USUAL = "fp16"
FLAGS: Mapping[Precision, tuple[str, ...]] = {
    "fp32": ("--precision_mode=must_keep_origin_dtype",), "fp16": ("--precision_mode=force_fp16",),
}


def flags(asked: Precision) -> tuple[str, ...]:
    """What atc is told for `--precision`; nothing where nobody asks."""
    return FLAGS.get(asked, ())


def computed_in(asked: Precision) -> str:
    """The numbers that a compiled model of ours computes in."""
    return asked or USUAL


def of_given(graph: str, asked: Precision) -> str:
    """The same of a person's graph, which computes in *graph* by itself: float32 leaves that as it is."""
    return graph if asked == "fp32" else USUAL
