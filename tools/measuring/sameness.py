"""What shapes a measurement, as a frozen value: what lies in a run's folder counts while it is the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from tools import engines
from tools.deployment.compile import Compiled
from tools.deployment.specialise import Graph
from tools.errors import MeasureError
from tools.machine import typed, versions
from tools.machine.files import sha256
from tools.machine.reading import json_of, refusing
from tools.measuring.job import Job
from tools.measuring.measure import PACKAGES, measure
from tools.measuring.predictions import FILE
from tools.spec.case import Device
from tools.spec.digest import Json, digest, spec_digest
from tools.storage import code

CHANGED = {  # what a person reads where a field is another one
    "weights": "the weights have changed", "graph": "the graph has changed",
    "asked": "what is said of the graph's input and output has changed", "clips": "the clips have changed",
    "before": "the first network's scores have changed", "spec": "the model's file has changed",
    "batch": "the batch size has changed", "device": "the device has changed", "chip": "the kind of chip has changed",
    "simulated": "a simulated device is not a real one", "machine": "the processor or how much of it is used has changed",
    "versions": "installed versions have changed", "flags": "the compiler's flags have changed",
    "data": "the kind of data has changed", "code": "the code that measures has changed",
    "made_of": "what the graph is compiled from has changed", "processor": "the processor that computes has changed",
}
OTHERS = {  # what a person reads where a field is another one on another machine
    "weights": "other weights", "graph": "another graph", "asked": "other words on the graph's input and output",
    "clips": "other clips", "before": "other scores of the first network", "spec": "another model's file",
    "batch": "another batch size", "device": "another device", "chip": "another kind of chip",
    "simulated": "a simulated device beside a real one", "machine": "another host", "versions": "other installed versions",
    "flags": "other flags for the compiler", "data": "another kind of data", "code": "other code that measures",
    "made_of": "a graph compiled from something else", "processor": "another processor that computes",
}
OF_A_MACHINE = ("device", "machine")  # what may differ between those that score one list together
PREPROCESSING = ("opencv-python-headless",)  # shapes what is fed, beside what a record tells


@dataclass(frozen=True, slots=True)
class Kind:
    """What a device is, whichever of its kind it is: its chip, what is installed, what computes for it."""

    chip: str
    versions: str
    processor: str


@dataclass(frozen=True, slots=True)
class Sameness:
    """What shapes the scores and the speed of one network of a case.

    Files count by their digests, wherever they lie. before: of the scores of the first network, for a second
    one. machine: the processor and how much of it this process may use. code: all that measures, the device
    family's own included. made_of: the digest of all that a graph was compiled from here, since a compiler
    makes another file of it each time; empty for any other. processor: the name of the one that computes the
    scores, of a device that computes on the host; *machine* tells that of any other.
    """

    weights: str
    graph: str
    asked: str
    clips: str
    before: str
    spec: str
    batch: int
    device: str
    chip: str
    simulated: bool
    machine: str
    versions: str
    flags: str
    data: str
    code: str
    made_of: str = ""
    processor: str = ""

    @property
    def kind(self) -> Kind:
        """Of the device that it is measured on."""
        return Kind(self.chip, self.versions, self.processor)

    @property
    def digest(self) -> str:
        """It all as one short word, for the names of folders."""
        return digest(asdict(self))[:16]

    def changes(self, now: Sameness) -> str:
        """What is another *now*, in words; empty if nothing is."""
        return " and ".join(CHANGED[one] for one in self._apart(now))

    def differs(self, other: Sameness) -> str:
        """What is another on another machine and may not be, in words; empty if both may score one list.

        Graphs that were compiled on both are compared by what they were compiled from.
        """
        may = (*OF_A_MACHINE, *(("graph",) if self.made_of and other.made_of else ()))
        return " and ".join(OTHERS[one] for one in self._apart(other) if one not in may)

    def _apart(self, other: Sameness) -> list[str]:
        return [one.name for one in fields(self) if getattr(self, one.name) != getattr(other, one.name)]

    @property
    def text(self) -> str:
        """It all as JSON, for other machines; `parse` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Sameness:
        """What `text` gave; a MeasureError where it cannot be read."""
        where, remedy = "what shapes a measurement", "measure the case again"
        stored = json_of(text, MeasureError, where, where, remedy)
        with refusing(MeasureError, f"{where} cannot be read", where, remedy):
            return typed.require(cls(**stored), MeasureError, where, remedy)


def kind(device: Device) -> Kind:
    """What *device* is now.

    Raises:
        ClipgateError: the device or its software does not say it.
    """
    driver, here = engines.family(device), dict(versions.machine())
    installed = (*versions.of(*PACKAGES, *PREPROCESSING), ("python", here["python"]), *driver.versions())
    return Kind(driver.describe(device).name, ", ".join(f"{name} {version}" for name, version in installed),
                here["cpu"] if driver.ON_HOST else "")


def of(job: Job) -> Sameness:
    """What would shape the measurement of *job* now.

    Raises:
        DeviceError: the device is not there, or not fit to be used.
    """
    device, here = job.case.device, dict(versions.machine())
    mine, chip, cores = kind(device), engines.family(device).describe(device), f"{here['cores']} cores"
    return Sameness(
        weights=f"{job.checkpoint.origin} {job.checkpoint.sha256}", graph=graph_digest(job.graph),
        asked=str(job.graph.given.asked) if job.graph.given else "", clips=job.dataset.digest,
        before=sha256(job.before / FILE) if job.before else "", spec=spec_digest(job.spec), batch=job.case.batch,
        device=device.label, chip=mine.chip, simulated=chip.simulated, machine=cores if mine.processor else f"{here['cpu']}, {cores}",
        versions=mine.versions, flags=" ".join(job.flags), data=job.data,
        code=code_digest(device), made_of=job.graph.made_of if isinstance(job.graph, Compiled) else "", processor=mine.processor)


def graph_digest(graph: Graph) -> str:
    """The graph's files, the rewrites that made it, and of a person's own what a record tells of it."""
    given = graph.given
    theirs: Json = [given.name, [sha for _, sha in given.files], given.own, given.same, given.precision] if given else None
    return digest([graph.digest, graph.weights_digest, list(graph.surgery), theirs])


def code_digest(device: Device) -> str:
    """The code that measures. A family is imported by its name, so its modules are looked for by that."""
    return digest([code.current(code.place_of(measure)), code.current(f"{engines.FAMILIES[device.family]}:{code.EVERYTHING}")])
