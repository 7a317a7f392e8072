"""A network that is an ONNX file alone: the file stands for its weights, and the reference runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.deployment import content
from tools.deployment.onnx_file import INSPECT, external, load, ports, precision, with_beside
from tools.engines.fit import Asked, smallest
from tools.errors import EngineError, GraphError, OptionError, naming
from tools.machine import versions
from tools.machine.files import require_unchanged, sha256
from tools.spec.case import BATCHES
from tools.spec.digest import digest
from tools.spec.given import ONNX, GraphPlaces, axes, said_input, said_output
from tools.spec.model import Network, Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

FLOAT32 = "fp32"


@dataclass(frozen=True, slots=True)
class OwnGraph:
    """The file that the reference runs, and every *files* that it consists of, each with its digest."""

    path: Path
    files: tuple[tuple[Path, str], ...]

    @property
    def sha256(self) -> str:
        """The file's; of several, one that stands for all of them."""
        digests = [sha for _, sha in self.files]
        return digests[0] if len(digests) == 1 else digest(digests)


def places(context: Context[Spec], network: Network) -> GraphPlaces:
    """Where the graphs of *network* are, for each batch size."""
    return GraphPlaces((("", str(context.settings.models / network.graph)),))


def asked(spec: Spec, network: Network) -> Asked:
    """What the model's file says of the graph; the options are about the one of `--graph`."""
    return Asked(axes(spec, network), said_input(network.graph_input), said_output(network.graph_output))


def find(context: Context[Spec], network: Network) -> OwnGraph:
    """The graph of the smallest batch size, read by a child process unless the store notes that it was.

    Raises:
        GraphError: it is no ONNX graph of this network, or computes in other numbers than float32.
        OptionError: there is none.
    """
    path = _smallest_file(places(context, network), network)
    if path.suffix != ONNX:
        raise GraphError("the graph of a model has to be ONNX, since its reference is computed on the CPU", where=str(path),
                         remedy=f"name the ONNX file in {network.name}.py, and judge this one with --graph")
    sha = sha256(path)
    entry = stage(network, path, sha, asked(context.spec, network)).find_or_run(context)
    return OwnGraph(path, with_beside(path, sha, str(entry.facts["beside"]).splitlines()))


def _smallest_file(places: GraphPlaces, network: Network) -> Path:
    """The file of the smallest batch size that has one; an error of the smallest where none has."""
    errors: list[OptionError] = []
    for batch in BATCHES:
        try:
            return places.file(network.name, batch)
        except OptionError as error:
            errors.append(error)
    raise errors[0]


def is_saved_again(context: Context[Spec], network: Network, path: Path) -> bool:
    """Whether the graph at *path* computes what a file of the model does, of whatever batch size."""
    found = _content(context, network, path)
    return bool(found) and found in {_content(context, network, one) for one in _files(places(context, network), network)}


def _files(places: GraphPlaces, network: Network) -> Iterator[Path]:
    """The model's files, of every batch size that has one."""
    seen = set[Path]()
    for batch in BATCHES:
        with suppress(OptionError):
            path = places.file(network.name, batch)
            if path.suffix == ONNX and path not in seen:
                seen.add(path)
                yield path


def _content(context: Context[Spec], network: Network, path: Path) -> str:
    """What tells that two graphs compute the same; empty where that cannot be read."""
    try:
        return content.of(context, network, path)
    except GraphError:
        return ""


def stage(network: Network, path: Path, sha: str, asked: Asked) -> Stage:
    """Reading this graph for any batch size; the entry holds no file, only what was found."""
    shaped_by = (("graph", sha), ("input", f"{network.input.shape} {asked}"), ("rows", str(network.rows)),
                 ("output", str(network.output.shape)), *versions.of("onnx"), code.part(read))
    return Stage(Key("given", f"{network.name}-own", shaped_by), f"reading {path.name}", partial(read, network, path, sha, asked))


def read(network: Network, path: Path, sha: str, asked: Asked, folder: Path) -> Facts:
    """Check that the graph is one of *network* and can be its reference, and note the files beside it.

    Raises:
        GraphError: it cannot be read, does not fit, or is not float32.
    """
    model = load(path)
    require_unchanged(path, sha, GraphError)
    try:
        with naming(path):
            smallest(ports(model), network, asked)
    except EngineError as error:
        raise GraphError(error.what, where=error.where, remedy=f"correct input and output in {network.name}.py; what shapes do not tell, "
                         f"graph_input='NAME=LAYOUT' and graph_output='NAME=SCALE' say there; {INSPECT}") from error
    if (found := precision(model)) != FLOAT32:
        raise GraphError(f"the graph of a model is its reference and has to be float32, and this one is {found}", where=str(path),
                         remedy=f"name the float32 graph in {network.name}.py, and judge this one with --graph")
    return {"beside": "\n".join(external(model))}
