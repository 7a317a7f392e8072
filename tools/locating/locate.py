"""Looks along a case, from its clips to its scores, for what first computes something else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tools.deployment import compile as compiling
from tools.deployment import weights
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.engines import family
from tools.engines.ascend import precision as ascend
from tools.errors import GraphError, MeasureError, on_one_line
from tools.locating import causes, chain, clips, device_scores, dumps, kept, stages, told
from tools.locating.alone import alone, part_of, shifted
from tools.locating.difference import difference
from tools.locating.kept import Kept
from tools.locating.on_device import OnDevice
from tools.locating.rewritten import Fed
from tools.locating.search import Search
from tools.locating.stand import Stand, given_one, made_one, on_one_scale
from tools.locating.values import Chosen, Difference, Found, Located, StageSeen, Step, Tensors
from tools.measuring import kinds, launch
from tools.media.preprocess import Floats
from tools.spec.case import Case
from tools.spec.given import OM
from tools.spec.model import Network, Spec
from tools.spec.options import USES
from tools.spec.repeat import locating
from tools.storage import runs
from tools.storage.context import Context

FEW = 5  # files that are named
ANOTHER = 5e-2  # of its size an input must differ to be another one: a decoder's rounding is far less


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at. clips: their ids; the worst of the last failed cell where none is named.

    run: the run of that cell, in which what is found is kept; the last one without it. network: of several;
    all without it. part: of the network, by its module's name; the whole without it. dumps: a folder of
    tensors that a device has given, which stand for one.
    """

    clips: tuple[str, ...] = ()
    run: Path | None = None
    network: str = ""
    part: str = ""
    dumps: Path | None = None


def locate(context: Context[Spec], case: Case, wanted: Wanted) -> tuple[Path, tuple[Kept, ...]]:
    """What first differs in each network of *case*, up to the first network in which something does.

    What is found is kept as soon as it is, in the folder that is given back, so that a search that is ended
    leaves it.

    Raises:
        ClipgateError: the clips, the graph or the device cannot be used. OptionError: another process works
            on the run.
    """
    found = _inputs_of(context, case) if wanted.dumps else launch.find(context, case)
    chosen = clips.chosen(context, case, wanted.clips, found, wanted.run)
    context.say(f"clips: {', '.join(chosen.ids)}: {chosen.why}")
    run = wanted.run or chosen.run or context.settings.artifacts / runs.FOLDER / runs.fresh_name(context.settings.artifacts)
    with runs.claimed(run, "wait for it or end it, or leave --run out and name --clip"):
        return _looked(context, case, wanted, found, chosen, run.absolute())


def _looked(context: Context[Spec], case: Case, wanted: Wanted, found: launch.Found, chosen: Chosen,
            run: Path) -> tuple[Path, tuple[Kept, ...]]:
    """The same in a *run* on which no other process works meanwhile."""
    batches = clips.batches(context, case, found, chosen)
    looking = Looking(context, case, wanted, run, chosen, chain.steps(context, found, chosen))
    loads = {one.network.name: graph for one, graph in zip(found.checkpoints, found.graphs, strict=True)}
    done: list[Kept] = []
    for checkpoint in found.checkpoints:
        if wanted.network in ("", checkpoint.network.name) and not any(_ends(one.located) for one in done):
            done.append(looking.at(checkpoint, loads[checkpoint.network.name], batches[checkpoint.network.name]))
    return kept.folder_of(looking.run, str(case)), tuple(done)


def _inputs_of(context: Context[Spec], case: Case) -> launch.Found:
    """What a case is measured with, of which no device loads anything."""
    found = weights.checkpoints(context)
    return launch.Found(found, kinds.of(context.spec).dataset(context, found),
                        tuple(compiling.source_graph(context, one, case.batch) for one in found))


@dataclass(frozen=True, slots=True)
class Looking:
    """One look at a *case*, whose clips are *chosen*, of whose input the *steps* are known, for a *run*."""

    context: Context[Spec]
    case: Case
    wanted: Wanted
    run: Path
    chosen: Chosen
    steps: tuple[Step, ...]

    def at(self, checkpoint: Weights, loads: Graph, batch: Floats) -> Kept:
        """One network, fed *batch* [B, *input]: the stages of its graph, then the device along the graph.

        loads: what the device loads in the cell. Where the input itself is another than torch's, nothing
        behind it is looked at. Other steps that differ are told beside what is found.
        """
        network = checkpoint.network
        graph = compiling.source_graph(self.context, checkpoint, self.case.batch)
        begun = Located(str(self.case), network.name, str(self.case.device), precision_of(self.case, graph), self.chosen, self.steps,
                        (), None, self._again(network, self.wanted.part), self.wanted.part)
        if any(fed_another(one, network) for one in self.steps):
            return self._keep(kept.of(begun, {}))
        if not (self.wanted.part or self.wanted.dumps):
            begun = replace(begun, stages=stages.stages(self.context, checkpoint, self.case.batch, {network.input.name: batch}))
            self._keep(kept.of(begun, {}, complete=False))
        stand = opened(network, graph, batch)
        device = OnDevice(self.context, self.case, network, graph, self.run)
        if self.wanted.dumps:
            found = self._of_dumps(self.wanted.dumps, stand, begun.precision)
        elif self.wanted.part:
            found = self._along_part(stand.fed, device, network, begun.precision)
        else:
            scores, apart = scores_beside(stand, device.as_loaded(loads, stand.fed.whole.model, stand.fed.feeds), begun.precision)
            scores, found = device_scores.together(scores, self._searched(stand.fed, device, network, begun.precision))
            begun, found = replace(begun, stages=(*begun.stages, scores)), replace(found, scores=apart)
        part = "" if self.wanted.dumps else self.wanted.part or (told.of_module(found.segment.name) if found.segment else "")
        return self._keep(kept.of(replace(begun, found=found, repeat=self._again(network, part)), told.names(stand.fed.whole, found)))

    def _of_dumps(self, folder: Path, stand: Stand, precision: str) -> Found:
        """What a device has left of the graph in a folder."""
        read = dumps.read(folder, stand.fed.whole)
        self.context.say(f"tensors of the graph with a file: {len(read.files)}, without one: {len(read.lacking)}; "
                         f"files that name none of it: {', '.join(map(on_one_line, read.unknown[:FEW])) or 'none'}")
        if stand.output not in read.files:
            self.context.say(f"the scores, {stand.output}, are not among the dumps: nothing is said of them")
        return dumps.from_dumps(stand.fed.whole, stand.fed.feeds, stand.fed.runs, read, precision, stand.output)

    def _along_part(self, fed: Fed, device: OnDevice, network: Network, precision: str) -> Found:
        """The device along a part of the graph."""
        part = part_of(fed.whole, self.wanted.part)
        return shifted(self._searched(alone(fed, part), device, network, precision), part.start)

    def _searched(self, fed: Fed, device: OnDevice, network: Network, precision: str) -> Found:
        search = Search(fed.whole, fed.feeds, fed.runs, device, precision, say=self.context.say)
        if device.compiles:
            self.context.say(device.estimate(len(fed.whole.nodes), search.most))
            self.context.say(f"Ctrl-C loses nothing that was compiled; to go on: {self._again(network, self.wanted.part)}")
        found = search.found()
        return replace(found, causes=causes.causes(fed.whole, found, fed.feeds, fed.runs, device, precision))

    def _keep(self, found: Kept) -> Kept:
        """What was found; where it cannot be written it is said at least."""
        try:
            kept.keep(found, self.run)
        except MeasureError:
            for sentence in found.sentences:
                self.context.say(sentence)
            raise
        return found

    def _again(self, network: Network, part: str = "") -> str:
        """The command that looks at this network again, or at a part of it."""
        several = len(self.context.spec.networks) > 1
        run = self.wanted.run or self.chosen.run
        said = [("--run", run and run.absolute()), *(("--clip", one) for one in self.wanted.clips), ("--network", several and network.name),
                ("--part", part), ("--device-output", self.wanted.dumps and self.wanted.dumps.absolute())]
        return locating(self.case, [*(word for flag, value in said if value for word in (flag, str(value))),
                                    *self.context.settings.chosen(*USES["locate"])])


def precision_of(case: Case, graph: Graph) -> str:
    """The numbers that the device of *case* computes *graph* in."""
    driver, asked = family(case.device), case.mode.precision
    own = graph.given.precision if graph.given else "fp32"
    if driver.LOADS == "om":
        return ascend.of_given(own, asked) if graph.given else ascend.computed_in(asked)
    return own if own != "fp32" else asked or driver.COMPUTES[case.mode.engine][0]


def opened(network: Network, graph: Graph, batch: Floats) -> Stand:
    """The graph with fixed axes, and *batch* [B, *input] as it takes it.

    Raises:
        GraphError: it is compiled already, so that nothing can be cut out of it.
    """
    if graph.path.suffix == OM:
        raise GraphError("the file is compiled already: nothing can be cut out of it", where=str(graph.path),
                         remedy="name the ONNX graph that it was compiled from with --graph")
    return given_one("given graph", graph, network, batch) if graph.given else made_one("graph", graph.path, network, batch)


def fed_another(step: Step, network: Network) -> bool:
    """Whether a step is the input of *network*, and surely not the one that torch was given.

    An input that is so much as a decoder's rounding off is told, and the device is searched all the same.
    """
    return step.feeds == network.name and step.difference is not None and step.difference.weight > max(step.limit, ANOTHER)


def _ends(one: Located) -> bool:
    """Whether a network differs itself, so that those that are fed its answers are not looked at."""
    return one.found is None or one.found.kind != "nothing" or any(stage.differs for stage in one.stages)


def scores_beside(stand: Stand, ours: Tensors, precision: str) -> tuple[StageSeen, Difference]:
    """What the device gives by the graph that the cell loads, beside its scores on the CPU: as people read
    them, and as the graph gives them.
    """
    rows, theirs = ours[stand.output], stand.scores  # the reference's first, which tell their scale
    compared = on_one_scale((stand, stand.read(rows)), (stand, theirs))
    return device_scores.stage(*compared, precision), difference(rows, stand.rows)
