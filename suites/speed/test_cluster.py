"""What a cluster of Ray adds to a run, on nodes of this machine that have nothing but its cores in common."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from suites.selftest.cluster import rig, stand_ins
from suites.selftest.cluster.rig import Rig
from suites.selftest.conftest import NO_REPORT, TINY_ARTIFACTS, TINY_MODELS, clean_environment, own_locks, tiny_arguments
from suites.selftest.simulated.npu import SimulatedNpu
from suites.speed import at_once
from suites.speed.conftest import Find, Paired, Replay, alternate
from tools.cluster import gathering, joined, shaped
from tools.cluster.cells import Farm
from tools.cluster.growing import Asked, Cluster, Growing
from tools.cluster.pool import Pool
from tools.cluster.ray_backend import RayBackend
from tools.cluster.session import Session, connect
from tools.spec.case import BATCHES, Case, Device
from tools.spec.catalog import load_spec
from tools.spec.settings import ROOT, Settings
from tools.storage.context import Context

NODES = 4
CLIPS, BATCH = NODES * gathering.LEAST, 4  # the shortest list of which each node gets a part without --ray-shard
SLEEP_MS = 1200  # of the simulated engine for each batch, longer than the decoder sleeps for one
FEW = "few.txt"  # a list of a batch for each node
ASLEEP = Path(__file__).parent / "asleep"
ROUNDS, WARM = 7, 2  # how often the long list is gathered, and how many of them first start processes on nodes
PHASES = ("digests, and tasks submitted", "parts sent, compared and kept", "laid and read by the last task", "cell written and read")


def load() -> str:
    return f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"


def command(words: str, *arguments: str) -> Callable[[], float]:
    """A run of pytest on the tiny model's cells that *words* select, in seconds."""
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", NO_REPORT, *tiny_arguments(), "--device=cpu", "-k", words,
            *arguments]

    def once() -> float:
        start = time.perf_counter()
        subprocess.run(line, cwd=ROOT, env={**clean_environment(), "OMP_NUM_THREADS": "1"}, capture_output=True, check=True)
        return time.perf_counter() - start

    return once


@pytest.mark.benchmark(group="a cluster: dispatch")
def test_handing_a_cell_to_a_node(replay: Replay, find: Find) -> None:
    """What --ray adds to a run whose node has run its cells before: of all cells, and of one alone."""
    with rig.cluster() as made:
        made.add("one", cpus=2)
        made.ready()
        paired = {}
        for count, words in ((len(BATCHES), "accuracy"), (1, "bs4 and accuracy")):
            sides = command(words, f"--ray={made.address}"), command(words)
            for side in sides:
                side()
            paired[count] = alternate(*sides, 4)
    replay(paired[len(BATCHES)].ours)
    most, one = (added(paired[count]) for count in (len(BATCHES), 1))
    each = (median(most) - median(one)) / (len(BATCHES) - 1)
    find(f"--ray adds {median(most) / len(BATCHES):.2f} s a cell to a run of {len(BATCHES)} ({most[0] / len(BATCHES):.2f} to "
         f"{most[-1] / len(BATCHES):.2f}): {each:.2f} s for each, and {median(one) - each:.1f} s for a run ({load()})")


def added(paired: Paired) -> list[float]:
    """Seconds that our side took longer, from the least on."""
    return sorted(ours - theirs for ours, theirs in zip(paired.ours, paired.theirs, strict=True))


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of clips whose frames are those of the mini clips, as many as the tiny model looks at."""
    command("bs4 and accuracy")()  # which makes the clips, where no run has made them yet
    [mini] = (TINY_ARTIFACTS / "store" / "data").glob("mini-*/rawframes")
    clips = sorted(path for path in mini.glob("*/*") if path.is_dir())
    lines = []
    for number in range(CLIPS):
        folder = tmp_path / f"clip_{number:04d}"
        folder.mkdir()
        for frame in sorted(clips[number % len(clips)].glob("*.jpg"))[:4]:
            shutil.copy(frame, folder)
        lines.append(f"{folder.name} 4 {number % 20}\n")
    (tmp_path / "list.txt").write_text("".join(lines))
    (tmp_path / FEW).write_text("".join(lines[: NODES * BATCH]))
    return tmp_path / "list.txt"


@pytest.mark.benchmark(group="a cluster: scoring")
def test_four_nodes_score_a_list(listed: Path, tmp_path: Path, replay: Replay, find: Find) -> None:
    """Engines and decoders sleep, so that the cores of this machine are no limit for its four nodes."""
    taken = {}
    with rig.cluster() as made:
        hosts: list[SimulatedNpu] = []
        for count in (1, NODES):
            while len(hosts) < count:
                hosts.append(SimulatedNpu(tmp_path / f"host-{len(hosts)}", devices=1))
                made.add(f"n{len(hosts)}", devices={"NPU": 1}, environment=sleeping(hosts[-1]))
            made.ready()
            scored(made, listed.with_name(FEW), tmp_path / f"warm-{count}", str(BATCH))  # each node builds what it lacks
            for host in hosts:
                host.fault("slow", ms=SLEEP_MS)
            taken[count] = scored(made, listed, tmp_path / f"run-{count}")
            for host in hosts:
                host.clear()
    replay([taken[NODES]])
    find(f"{NODES} nodes are {taken[1] / taken[NODES]:.2f} times as fast as one: {taken[NODES]:.0f} s and {taken[1]:.0f} s ({load()})")


def sleeping(host: SimulatedNpu) -> dict[str, str]:
    """The environment of a node on a simulated host, whose decoder sleeps."""
    there = host.environment()
    return {**there, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ASLEEP), there["PYTHONPATH"]])}


def scored(made: Rig, listed: Path, run: Path, part: str = "auto") -> float:
    """Seconds from a list to its cell, on a cluster that this process has joined."""
    settings = Settings.parse({"ray": made.address, "ray_shard": part, "models": str(TINY_MODELS), "locks": str(own_locks()),
                               "artifacts": str(TINY_ARTIFACTS), "data": str(listed), "weights": "mini"})
    context = Context(settings, load_spec(TINY_MODELS, "tiny"), lambda event: None)
    case = Case("tiny", BATCH, Device("npu", simulated=True))
    session = connect(settings)
    try:
        farm = Farm(joined.cluster(session, settings, lambda event: None), run, [Asked(case, context, timed=False)])
        start = time.perf_counter()
        farm.cell(case)
        return time.perf_counter() - start
    finally:
        session.close()


@pytest.fixture
def session() -> Iterator[Session]:
    """A driver of four nodes that each have a core to spare for a second process."""
    with rig.cluster() as made:
        for number in range(NODES):
            made.add(f"n{number}", cpus=2)
        made.ready()
        joined_to = connect(made.settings(), stand_ins.look, stand_ins.CODE)
        yield joined_to
        joined_to.close()


@pytest.mark.benchmark(group="a cluster: 20,000 rows")
def test_gathering_a_long_list(session: Session, tmp_path: Path, replay: Replay, find: Find) -> None:
    """All that is done beside scoring: cutting, submitting, sending, comparing, keeping, laying, reading."""
    rounds = [gathered(session, tmp_path / f"{number}") for number in range(ROUNDS)][WARM:]
    whole = sorted(sum(phases) for phases, _ in rounds)
    replay(whole)
    each = zip(*(phases for phases, _ in rounds), strict=True)
    phases = ", ".join(f"{name} {median(times):.1f} s" for name, times in zip(PHASES, each, strict=True))
    find(f"{at_once.ROWS:,} x {at_once.CLASSES} scores: {median(whole):.1f} s ({whole[0]:.1f} to {whole[-1]:.1f}): {phases}; "
         f"{median(own for _, own in rounds):.1f} s of the driver's processor ({load()})")


def gathered(session: Session, folder: Path) -> tuple[Sequence[float], float]:
    """The seconds of each phase, and those of this process's own."""
    folder.mkdir()
    stamps: list[float] = []
    with at_once.known(folder) as (bench, sources), pytest.MonkeyPatch.context() as patch:
        patch.setattr(shaped, "find", lambda *given: sources)
        for name in ("begin", "_measure", "_take_cell"):
            patch.setattr(Growing, name, stamping(getattr(Growing, name), stamps, after=name == "begin"))
        backend = RayBackend(session, at_once.run)
        cluster = Cluster(Pool(backend, lambda event: None), session.nodes(), {}, stand_ins.CODE, lambda context: {}, backend.put)
        context = Context(Settings.parse({"ray": "auto"}), bench.spec, lambda event: None)
        farm = Farm(cluster, folder / "run", [Asked(bench.case, context, timed=False)])
        start, own_s = time.perf_counter(), time.process_time()
        farm.cell(bench.case)
        end, own_s = time.perf_counter(), time.process_time() - own_s
        farm.end()
    return [behind - before for before, behind in pairwise([start, *stamps, end])], own_s


def stamping(call: Callable[..., None], stamps: list[float], *, after: bool) -> Callable[..., None]:
    """The same call, which notes when it is made, or when it has ended."""

    def noting(*given: object) -> None:
        if not after:
            stamps.append(time.perf_counter())
        call(*given)
        if after:
            stamps.append(time.perf_counter())

    return noting
