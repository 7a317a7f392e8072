"""How often the search is right.

`python -m suites.selftest.locating.proof` makes the table of tools/locating/README.md. It plants faults at
seeded random places of several networks, lets devices run them that round as others do, and looks at graphs
without a fault. It takes half an hour on two cores. Its status is 0 where the search was good enough.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from math import log2
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from suites.selftest.locating.plant import KINDS, Fault, Kind, chosen, number_of, places, planted
from suites.selftest.locating.rounding import DEVICES
from suites.selftest.locating.stand_ins import NAMES, StandIn, stand_in
from tools.locating.on_cpu import as_written
from tools.locating.search import Search
from tools.locating.values import Found, Runs
from tools.locating.whole import Whole

WORDS: dict[Kind, str] = {
    "scaled-weight": "a weight scaled by 1.01", "zeroed-channel": "one channel zeroed", "reversed-shift": "a shift reversed",
    "padding": "padding off by one", "no-relu": "ReLU missing", "epsilon": "BatchNorm's epsilon 1e-2", "overflow": "beyond half precision",
    "swapped-axes": "axes swapped in a Reshape", "half-output": "one node's output in fp16 where all else is fp32",
    "wrong-constant": "a constant that a rewrite got wrong", "dropped-node": "a node that a rewrite dropped"}
USUAL = ("fp32", "fp16", "fp32", "tf32")  # what devices compute in, in turn
ONLY: dict[Kind, tuple[str, ...]] = {"overflow": ("fp16",), "half-output": ("fp32",)}
LEAST = {"fp32": 1e-4, "fp16": 5e-3, "tf32": 5e-3}  # the effect on its node that a fault has, beyond what rounding does
ON_NPU: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in ONLY)  # it rounds what parts read and make, to half
SMALL = ("tiny", "tem", "pem")
FEW = {"tsm": 8}  # faults in a network that takes a minute each
CLEAN = {"tiny": 5, "tem": 4, "pem": 4, "slowfast": 2, "r2plus1d": 2, "nonlocal": 2, "tsm": 1}
RIGHT_NODES = 0.95
SEED = 20261128  # of places that nobody has tuned the search by
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault in one network on a device of *precision*, and what the search made of it.

    npu: whether it is the simulated NPU, not the CPU.
    """

    network: str
    nodes: int
    fault: Fault
    precision: str
    found: Found
    segment: bool
    took_s: float
    npu: bool = False

    @property
    def node(self) -> bool:
        return self.found.kind == "node" and self.found.span is not None and self.found.span.name == self.fault.node

    @property
    def within(self) -> bool:
        """Whether the device was given no more graphs than a bisection may give."""
        return self.found.compilations <= max(3, 2 * log2(self.nodes))

    @property
    def sentence(self) -> str:
        span = self.found.span
        said, where = f"{self.found.kind} {span.name}" if span else self.found.kind, "a simulated NPU" if self.npu else "the CPU"
        return f"{self.network} on {where}, {self.precision}, {self.fault.kind} in {self.fault.node}: {said}"


@dataclass(frozen=True, slots=True)
class Clean:
    """A network without a fault, and what the search made of it."""

    network: str
    precision: str
    found: Found

    @property
    def named(self) -> bool:
        return self.found.span is not None

    @property
    def added(self) -> bool:
        """Whether rounding, of which no part has more than usual, is said to add up in this network."""
        return self.found.kind == "inherited"


def dealt(kinds: Sequence[tuple[str, Kind]], count: int) -> list[tuple[str, Kind, int]]:
    """*count* faults with numbers: kinds in turn, of each the networks that have a place."""
    if not kinds:
        return []
    turns = {kind: cycle([name for name, one in kinds if one == kind]) for kind in dict.fromkeys(kind for _, kind in kinds)}
    left, dealt = dict(FEW), list[tuple[str, Kind, int]]()
    for kind in cycle(turns):
        if len(dealt) >= count:
            return dealt
        name = next(turns[kind])
        if left.get(name, 1) <= 0:
            name = next(turns[kind])
        left[name] = left.get(name, count) - 1
        dealt.append((name, kind, len(dealt)))
    return dealt


def of(name: str, deal: Sequence[tuple[str, Kind, int]]) -> list[tuple[Kind, int]]:
    """The kinds and numbers of one network's faults."""
    return [(kind, number) for one, kind, number in deal if one == name]


def searched(network: StandIn, fault: Fault, precision: str, device: Runs) -> Trial:
    """What the search finds where a device has that fault; where a graph overflows, the device has none."""
    whole, faulty = network.whole, device
    if fault.kind == "overflow":
        whole = Whole(planted(network.whole.model, fault))
    else:
        faulty = lambda model, feeds: device(planted(model, fault), feeds)
    started = time.perf_counter()
    found = Search(whole, network.feeds, as_written, faulty, precision).found()
    took_s, number = time.perf_counter() - started, number_of(whole, fault.node)
    segment = found.segment is not None and found.segment.start <= number < found.segment.stop
    return Trial(network.name, len(whole.nodes), fault, precision, found, segment, took_s)


def faults_in(network: StandIn, wanted: Iterable[tuple[Kind, int]], seed: int, say: Say, npu: Runs | None = None) -> Iterator[Trial]:
    """Trials of these kinds and numbers in one network, on the CPU or on *npu*."""
    for kind, number in wanted:
        turns = ("fp16",) if npu else ONLY.get(kind, USUAL)
        precision = turns[number // len(KINDS) % len(turns)]
        fault = chosen(network.whole, kind, seed + number, network.gives, network.norms, LEAST[precision])
        if fault is None:
            say(f"{network.name} has no place for {kind} that {precision} would show")
            continue
        trial = replace(searched(network, fault, precision, npu or DEVICES[precision]), npu=npu is not None)
        say(("right  " if trial.node else "WRONG  ") + trial.sentence + f", {trial.took_s:.1f} s")
        yield trial


def clean_in(network: StandIn, say: Say) -> Iterator[Clean]:
    """A network without faults on each device."""
    for precision, device in DEVICES.items():
        found = Search(network.whole, network.feeds, as_written, device, precision).found()
        clean = Clean(network.name, precision, found)
        say(("NAMED  " if clean.named else "clean  ") + f"{network.name}, {precision}: {found.kind}")
        yield clean


def table(trials: Sequence[Trial], cleans: Sequence[Clean]) -> str:
    """Both tables, as they stand in the page."""
    rows = ["| Planted | Faults | Right node first | Right part | Compilations | Seconds |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    rows += [_row(WORDS[kind], these) for kind in KINDS if (these := [one for one in trials if one.fault.kind == kind])]
    on_npu = [one for one in trials if one.npu]
    rows += [_row(words, these) for words, these in (("of these on a simulated NPU", on_npu), ("**all**", trials)) if these]
    rows += ["", "| Without a fault | Graphs | Something named | Rounding adds up |", "| --- | ---: | ---: | ---: |"]
    for precision in DEVICES:
        of = [one for one in cleans if one.precision == precision]
        rows.append(f"| {precision} | {len(of)} | {sum(one.named for one in of)} | {sum(one.added for one in of)} |")
    return "\n".join(rows)


def _row(words: str, trials: Sequence[Trial]) -> str:
    node, segment = sum(one.node for one in trials), sum(one.segment for one in trials)
    return (f"| {words} | {len(trials)} | {node} | {segment} | {median(one.found.compilations for one in trials):g} "
            f"| {median(one.took_s for one in trials):.1f} |")


def good(trials: Sequence[Trial], cleans: Sequence[Clean]) -> bool:
    """Whether nodes are right often enough, parts and clean graphs always, and compilations are few."""
    right = sum(one.node for one in trials)
    return right >= RIGHT_NODES * len(trials) and all(one.segment and one.within for one in trials) and not any(one.named for one in cleans)


def measured(options: argparse.Namespace, folder: Path, say: Say) -> tuple[list[Trial], list[Clean]]:
    """All trials with a fault, and the graphs without one; networks are made in *folder*."""
    names, trials, cleans = options.only.split(","), list[Trial](), list[Clean]()
    first = {name: stand_in(name, folder) for name in names}
    rng = np.random.default_rng(options.seed)
    kinds = [(name, kind) for kind in KINDS for name in names if places(first[name].whole, kind, rng, first[name].norms)]
    deal = dealt(kinds, options.faults)
    for name in names:
        trials += faults_in(first[name], of(name, deal), options.seed, say)
    trials += faults_on_npu(first, [(name, kind) for name, kind in kinds if name in SMALL and kind in ON_NPU], options, folder, say)
    for name in names:
        for seed in range(min(CLEAN[name], options.clean)):
            cleans += clean_in(first.pop(name) if seed == 0 else stand_in(name, folder, seed), say)
    return trials, cleans


def faults_on_npu(networks: Mapping[str, StandIn], kinds: Sequence[tuple[str, Kind]], options: argparse.Namespace, folder: Path,
                  say: Say) -> Iterator[Trial]:
    """Trials on a simulated NPU, of which each network has its own."""
    from suites.selftest.locating.simulated_device import simulated_npu

    deal = dealt(kinds, options.npu)
    for name in dict.fromkeys(name for name, _, _ in deal):
        with simulated_npu(folder / f"npu-{name}") as npu:
            yield from faults_in(networks[name], of(name, deal), options.seed + options.faults, say, npu)


def main(arguments: Sequence[str]) -> int:
    """Make the table; tell which trials missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=110, help="on the CPU")
    parser.add_argument("--npu", type=int, default=10, help="faults more, in small networks on a simulated NPU")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default=",".join(NAMES), help="networks, by their names: " + ", ".join(NAMES))
    parser.add_argument("--clean", type=int, default=max(CLEAN.values()), help="at most so many graphs of each network without a fault")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        trials, cleans = measured(options, Path(folder), partial(print, file=sys.stderr, flush=True))
    print(table(trials, cleans))
    missed = [one.sentence for one in trials if not (one.node and one.segment and one.within)]
    print("\n".join(["", *(f"Missed: {one}" for one in missed)]) if missed else "\nNo fault was missed.")
    return 0 if good(trials, cleans) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
