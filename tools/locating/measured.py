"""Whether a run has measured the weights and the graphs that are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.deployment import compile as compiling
from tools.deployment.specialise import Graph
from tools.errors import OptionError
from tools.measuring.cell import Part
from tools.measuring.launch import Found
from tools.measuring.record import Record
from tools.spec.case import Case
from tools.spec.given import OM
from tools.spec.model import Spec
from tools.storage.context import Context

DIGITS = 12  # of a digest, as the names of given graphs have them
CLIPS_ALONE = "name clips with --clip and no --run"


def require(context: Context[Spec], case: Case, found: Found, parts: Sequence[Part], where: Path) -> tuple[str, ...]:
    """Check that the *parts* of a measured cell are of these weights and graphs; what is unknown, in words.

    Raises:
        OptionError: they are of others; it names both sides, and *where* the cell lies.
    """
    for part, weights in zip(parts, found.checkpoints, strict=True):
        noted = part.record.digests.get("weights", weights.sha256)
        if noted != weights.sha256:
            there, here = f"{part.record.weights} {_head(noted)}", f"{weights.origin} {weights.path.name} {_head(weights.sha256)}"
            raise OptionError(f"the run measured other weights{_of(part.record, parts)} than these: measured were {there}; here are {here}",
                              where=str(where),
                              remedy=f"give --weights as that cell had them, another run with --run DIR, or {CLIPS_ALONE}")
    said: list[str] = []
    for part, checkpoint, loads in zip(parts, found.checkpoints, found.graphs, strict=True):
        compiled = compiling.form(case.device, case.mode) != "onnx" and part.record.digests.get("graph") not in (None, loads.digest)
        source = compiling.source_graph(context, checkpoint, case.batch) if compiled else loads
        same = _is_of(part.record, loads, source, compiled=compiled)
        if same is False:
            sides = f"measured was {_there(part.record)}; here is {_here(source)}"
            raise OptionError(f"the run measured another graph{_of(part.record, parts)} than this one: {sides}",
                              where=str(where), remedy=f"{_remedy(part.record, source)}, or {CLIPS_ALONE}")
        said += _unsaid(part.record, known=same is not None)
    return tuple(dict.fromkeys(said))


def _is_of(record: Record, loads: Graph, source: Graph, *, compiled: bool) -> bool | None:
    """Whether the graph that was measured is this one; None where nobody can tell.

    A record has the digest of the file that the device loaded. Of what is *compiled* that is another one each
    time, so that a given graph is told by its digest in its name, and one made of weights by none.
    """
    noted = record.digests.get("graph")
    if noted is None:
        return None
    if noted in (loads.digest, source.digest):
        return True
    given = record.given or record.own
    if not compiled or source.path.suffix == OM or bool(source.given) != bool(given):
        return False
    return _head(source.digest) in given if source.given else None


def _unsaid(record: Record, *, known: bool) -> Iterator[str]:
    """What the record lacks by which it would be compared."""
    if "weights" not in record.digests:
        yield "that run does not tell which weights it measured"
    if "graph" not in record.digests:
        yield "that run does not tell which graph it measured"
    elif not known:
        yield "that run loaded another compiled file, and does not tell of which graph"


def _there(record: Record) -> str:
    return record.given or record.own or f"one made of the weights {_head(record.digests['graph'])}"


def _here(source: Graph) -> str:
    return source.given.name if source.given else f"{source.path.name}, made of the weights {_head(source.digest)}"


def _remedy(record: Record, source: Graph) -> str:
    if record.given:
        return "give --graph FILE as that cell had it"
    if source.given and not source.given.own:
        return "leave --graph out, as that cell did"
    return "give the options of that run, measure the case again"


def _of(record: Record, parts: Sequence[Part]) -> str:
    """Which network it is, of several."""
    return f" of {record.network}" if len(parts) > 1 else ""


def _head(digest: str) -> str:
    return f"(sha256 {digest[:DIGITS]})"
