"""What a task is about, found on the driver and again on a node: weights, clips and graphs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.datasets.clips import ClipSet
from tools.deployment.compile import brought, require_form, source_graph
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights, checkpoints
from tools.errors import ClusterError, DataError
from tools.machine.reading import json_of, refusing
from tools.measuring import kinds, reference
from tools.measuring.kinds import Dataset
from tools.measuring.launch import Found
from tools.spec.case import Case
from tools.spec.digest import digest, spec_digest
from tools.spec.model import LocaliserSpec, Spec
from tools.storage.context import Context

CLIPS = "clips"  # the digest of the data, and the name of what tells each clip's
Digests = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """What a case is measured with, before a device's own form is made; no *graphs* for a reference."""

    spec: Spec
    checkpoints: tuple[Weights, ...]
    dataset: Dataset
    graphs: tuple[Graph, ...] = ()

    @property
    def digests(self) -> Digests:
        """What has to be equal on the driver and on a node, by names that people understand."""
        graphs = zip(self.checkpoints, self.graphs, strict=True) if self.graphs else ()
        weights = ((f"weights of {one.network.name}", f"{one.origin} {one.sha256}") for one in self.checkpoints)
        told = (*weights, (CLIPS, self.dataset.digest), (f"{self.spec.name}.py", spec_digest(self.spec)))
        if self.graphs:
            return (*told, *((f"graph of {one.network.name}", _of_graph(graph)) for one, graph in graphs))
        return (*told, *self._shaping_reference())

    def require_same(self, wanted: Digests, clips: bytes | None) -> None:
        """Check that a node has found what the driver has.

        clips: the driver's `clips`, by which the first one that differs is named.

        Raises:
            DataError: the node lacks clips, or has others. ClusterError: something else differs.
        """
        there, mine = dict(wanted), dict(self.digests)
        if there.keys() != mine.keys():
            raise ClusterError(f"the task is about {', '.join(there)}, and this node finds {', '.join(mine)}")
        if there[CLIPS] != mine[CLIPS]:
            raise _other_clips(self.dataset, clips)
        for name in there:
            if there[name] != mine[name]:
                raise ClusterError(f"{name} differ: {_short(mine[name])} here, {_short(there[name])} on the driver",
                                   where=self._paths.get(name))

    @property
    def _paths(self) -> Mapping[str, str]:
        """Where what people put there lies, by the names of `digests`."""
        return {f"weights of {one.network.name}": str(one.path) for one in self.checkpoints} | {
            f"graph of {one.network.name}": str(graph.path) for one, graph in zip(self.checkpoints, self.graphs, strict=False)}

    def _shaping_reference(self) -> Digests:
        """What else a reference is kept under: the packages that compute it."""
        if isinstance(self.spec, LocaliserSpec) or not isinstance(self.dataset, ClipSet):
            return ()
        key = reference.key(self.spec, self.checkpoints[0], self.dataset)
        return tuple((f"{name} of the reference", value) for name, value in key.shaped_by)

    @property
    def clips(self) -> bytes:
        """The digest of each item by its id, as JSON."""
        return json.dumps(_items(self.dataset)).encode()


def sources(context: Context[Spec], case: Case | None) -> Sources:
    """Find or make what does not depend on a device: the graphs for *case*, or none without it.

    Raises:
        ClipgateError: as for `launch.find`.
    """
    weights = checkpoints(context)
    dataset = kinds.of(context.spec).dataset(context, weights)
    return Sources(context.spec, weights, dataset, tuple(source_graph(context, one, case.batch) for one in weights) if case else ())


def found(context: Context[Spec], case: Case, sources: Sources) -> Found:
    """These sources, each graph as the device of *case* loads it, converted or compiled where it must be.

    Raises:
        ClipgateError: as for `compile.loadable`.
    """
    graphs = []
    for checkpoint, graph in zip(sources.checkpoints, sources.graphs, strict=True):
        require_form(graph.path, case.device, case.mode)
        graphs.append(brought(context, graph, checkpoint.network, case, context.settings))
    return Found(sources.checkpoints, sources.dataset, tuple(graphs))


def read_clips(text: bytes) -> dict[str, str]:
    """The digest of each item by its id, as `Sources.clips` tells it; a DataError where it is none."""
    what = "the driver's list of clips"
    told = json_of(text, DataError, what, CLIPS)
    with refusing(DataError, f"{what} cannot be read", CLIPS):
        return {str(id): str(sha) for id, sha in told}


def _other_clips(dataset: Dataset, clips: bytes | None) -> DataError:
    shortfall = f"; {dataset.shortfall.sentence}" if dataset.shortfall else ""
    if clips is None:
        return DataError(f"its clips are not the driver's{shortfall}")
    wanted, mine = read_clips(clips), dict(_items(dataset))
    lacking = [id for id in wanted if id not in mine]
    other = [id for id, sha in wanted.items() if id in mine and mine[id] != sha]
    more = [id for id in mine if id not in wanted]
    words = [f"{len(ids):,} {word}, first {ids[0]}" for ids, word in ((lacking, "are not there"), (other, "differ"),
                                                                       (more, "are too many")) if ids]
    return DataError(f"of the driver's {len(wanted):,} {_name(dataset)} {'; '.join(words) or 'the order differs'}{shortfall}")


def _items(dataset: Dataset) -> Sequence[tuple[str, str]]:
    """Each item's id with the digest of all that counts of it."""
    if isinstance(dataset, ClipSet):
        return [(clip.id, digest([dataset.format, clip.label, clip.frames, clip.sha256])) for clip in dataset.clips]
    return [(video.name, digest([video.duration_s, [list(one) for one in video.segments], file.sha256]))
            for video, file in zip(dataset.videos, dataset.features, strict=True)]


def _name(dataset: Dataset) -> str:
    return "clips" if isinstance(dataset, ClipSet) else "videos"


def _of_graph(graph: Graph) -> str:
    beside = [sha for _, sha in graph.given.files] if graph.given else []
    return " ".join([graph.digest, graph.weights_digest, *beside]).strip()


def _short(words: str) -> str:
    return " ".join(word[:12] for word in words.split())
