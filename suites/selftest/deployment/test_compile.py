"""Compiling a graph on a simulated host, with its set_env.sh and its compiler's rules."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from suites.selftest import tiny_graph
from suites.selftest.simulated.npu import SimulatedNpu
from tools.deployment import compile as deploy
from tools.deployment.compile import MODEL, Source, Target
from tools.deployment.specialise import Graph
from tools.engines.ascend import atc, cann, om
from tools.errors import CompileError
from tools.machine import events
from tools.machine.files import sha256
from tools.spec.case import Precision
from tools.spec.model import Network
from tools.spec.settings import Settings
from tools.storage.entries import Facts

TUNED = replace(tiny_graph.NETWORK, atc=replace(tiny_graph.NETWORK.atc, auto_tune="RL,GA"))


def source(network: Network, batch: int) -> Source:
    """A graph of *network* that nobody opens."""
    return Source.of(Graph(Path("bs4.onnx"), "g", "w", (), 0, 0), network, batch)


class Bench:
    """A graph of batch 4, a simulated host to compile it on, and an empty folder for the result."""

    def __init__(self, host: SimulatedNpu, root: Path) -> None:
        self.host, self.root = host, root
        self.graph = tiny_graph.save(root / "bs4.onnx", 4)
        self.settings = Settings.parse({"artifacts": str(root), "atc_timeout_s": "20"})
        self.folder = root / "store" / ".partial" / "0123456789abcdef"
        self.folder.mkdir(parents=True)

    @property
    def target(self) -> Target:
        return Target("AscendSim310P3", cann.find())

    def build(self, batch: int = 4, **changes: object) -> Facts:
        graph = Graph(self.graph, sha256(self.graph), "weights", (), 0, 0)
        source = Source.of(graph, tiny_graph.NETWORK, batch)
        return deploy.build(replace(self.settings, **changes), source, self.target, self.folder)  # type: ignore[arg-type]

    def fails(self, batch: int = 4, **changes: object) -> CompileError:
        with pytest.raises(CompileError) as error:
            self.build(batch, **changes)
        return error.value

    @property
    def logs(self) -> Path:
        return self.root / "store" / "logs"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    host = SimulatedNpu(tmp_path / "host")
    for name, value in host.environment().items():
        monkeypatch.setenv(name, value)
    return Bench(host, tmp_path)


@pytest.mark.parametrize("suffix", [False, True])
def test_a_graph_becomes_a_model_that_the_runtime_may_load(bench: Bench, suffix: bool) -> None:
    """It is alone in its folder under its one name, whatever the compiler called it and left beside it."""
    if suffix:
        bench.host.fault("atc-suffix")
    facts = bench.build()

    assert {"cann": "8.0.0", "soc_version": "AscendSim310P3"} == facts
    assert [MODEL] == [path.name for path in bench.folder.iterdir()]
    assert om.refusal(bench.folder / MODEL) == ""
    assert ["atc-tiny-bs4-AscendSim310P3-0123456789abcdef.log"] == [path.name for path in bench.logs.iterdir()]


def test_the_compiler_gets_a_python_that_is_not_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ours in front it fails, and the error says how to give it another."""
    bench.build()
    monkeypatch.setattr(cann, "without_ours", dict)
    monkeypatch.setenv("VIRTUAL_ENV", "/venv")
    error = bench.fails()

    assert error.what.startswith("atc's own Python part failed")
    assert "--atc-python DIR" in str(error.remedy)


@pytest.mark.parametrize("code", ["E10001", "E10041", "E19010", "EZ3003", "EZ0501", "E40000", "E19999"])
def test_a_code_of_the_compiler_is_in_the_error(bench: Bench, code: str) -> None:
    """With the log that holds it."""
    bench.host.fault("atc", code=code, message="it is so")
    error = bench.fails()

    assert f"({code})" in error.what
    assert "it is so" in str(error.remedy)
    assert "it is so" in Path(str(error.where)).read_text()


def test_the_command_in_the_error_can_be_repeated(bench: Bench) -> None:
    """The graph it names outlives the failure, and goes when it compiles at last."""
    bench.host.fault("atc", code="E19999", times=1)
    command = str(bench.fails().remedy).split("repeat it: ")[1].split()
    model = Path(command[1].removeprefix("--model="))
    assert model.is_file()
    assert model.is_relative_to(bench.logs)
    assert [] == list(bench.folder.iterdir())

    bench.build()
    assert not model.exists()


@pytest.mark.parametrize(("fault", "what"), [("atc-no-file", "atc says it succeeded, and left no model"),
                                             ("atc-stale", "atc says it succeeded, and left no model"),
                                             ("atc-no-success-line", "atc did not say that it succeeded (status 0)")])
def test_success_is_believed_only_with_all_three_signs(bench: Bench, fault: str, what: str) -> None:
    """Status, line, and a new file."""
    bench.host.fault(fault)

    assert what == bench.fails().what


def test_a_compiler_that_hangs_is_ended(bench: Bench) -> None:
    """Within its timeout; none of its processes is left."""
    bench.host.fault("atc-hang")
    error = bench.fails(atc_timeout_s=1.0)

    assert error.what == "atc was still working after 1 s and was ended"
    assert [] == [one.pid for one in psutil.process_iter(["cwd"]) if str(one.info["cwd"]).startswith(str(bench.logs))]


def test_a_host_without_compiler_is_told(bench: Bench) -> None:
    """As one that has a runtime only."""
    bench.host.hide("atc")

    assert bench.fails().what == "no atc: it is not on the PATH that set_env.sh makes"


def test_a_batch_that_is_not_the_graphs_does_not_compile(bench: Bench) -> None:
    """The shape is an argument, so the compiler sees it."""
    assert "atc failed inside (E19999)" == bench.fails(8).what


def test_an_opset_too_new_is_told(bench: Bench) -> None:
    """The remedy is another toolkit or another graph, and not another run."""
    bench.host.change(cann="5.0.2")
    tiny_graph.save(bench.graph, 4, opset=15)

    assert bench.fails().what == "this CANN has no parser for an operator: the graph's opset is too new for it (E19010)"


@pytest.mark.parametrize(("version", "auto_tune", "tuned"), [("5.0.2", "on", "RL,GA"), ("5.0.2", "off", ""), ("8.0.0", "on", "")])
def test_a_model_is_tuned_where_asked_for_and_possible(bench: Bench, version: str, auto_tune: str, tuned: str) -> None:
    """As its guide did, by the toolkits that still do."""
    target = Target("Ascend310", replace(cann.find(), version=version))

    assert tuned == deploy._request(source(TUNED, 4), target, replace(bench.settings, auto_tune=auto_tune)).auto_tune


def test_a_compiler_does_not_rest_while_its_seconds_are_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a process of its own, so that here nothing gives way to what is timed."""
    told: list[str] = []

    def compiled(request: object, environment: object, log: object, timeout_s: float, beat: Callable[[int], None]) -> Path:
        beat(7)
        raise CompileError("it hangs")

    monkeypatch.setattr(atc, "compile_om", compiled)
    monkeypatch.setattr(events, "alive", told.append)
    monkeypatch.setattr(events, "PAUSES", [lambda: pytest.fail("it gives way")])
    with pytest.raises(CompileError, match="it hangs"):
        bench.build()

    assert ["atc is at work for 7 s"] == told


@pytest.mark.parametrize(("precision", "told"), [("", ""), ("fp32", " --precision_mode=must_keep_origin_dtype"),
                                                 ("fp16", " --precision_mode=force_fp16")])
def test_the_compiler_is_told_in_which_numbers_to_compute(bench: Bench, precision: Precision, told: str) -> None:
    """Nothing where nobody asks; the simulated one takes the flags that a real one takes."""
    source = Source.of(Graph(bench.graph, sha256(bench.graph), "weights", (), 0, 0), tiny_graph.NETWORK, 4)
    deploy.stage(replace(bench.settings, precision=precision), source, bench.target).build(bench.folder)
    [log] = bench.logs.glob("*.log")

    assert log.read_text().splitlines()[0].endswith(f"--log=error{told}")


def test_everything_that_shapes_a_model_is_in_its_key(bench: Bench) -> None:
    """Graph, weights, toolkit, chip, batch, flags and the files they name; not the graph's folder."""
    aipp = bench.root / "aipp.cfg"
    aipp.write_text("one\n")

    def key(target: Target = bench.target, batch: int = 4, graph: str = "g", weights: str = "w", auto_tune: str = "off",
            flags: tuple[str, ...] = ()) -> str:
        compiled_from = Graph(Path(os.urandom(2).hex()), graph, weights, (), 0, 0)
        settings = replace(bench.settings, auto_tune=auto_tune, atc_flags=flags)
        return deploy.stage(settings, Source.of(compiled_from, TUNED, batch), target).key.digest

    old = replace(bench.target, toolkit=replace(bench.target.toolkit, version="5.0.2"))
    keys = [key(), key(replace(bench.target, soc_version="Ascend310")), key(old), key(old, auto_tune="on"), key(batch=8), key(graph="h"),
            key(weights="v"), key(flags=("--precision_mode=force_fp16",)), key(flags=(f"--insert_op_conf={aipp}",))]
    aipp.write_text("another\n")
    keys.append(key(flags=(f"--insert_op_conf={aipp}",)))

    assert len(keys) == len(set(keys))
    assert key() == keys[0]
