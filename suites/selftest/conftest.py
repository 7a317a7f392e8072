"""The harness run as a user runs it, on a model small enough for that."""

from __future__ import annotations

import importlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from suites.selftest.deployment.moody_server import Moody, serving
from suites.selftest.own_code import forget_other_code
from suites.selftest.simulated.trials import Host
from suites.selftest.simulated_cuda.trials import CudaHost
from tools import record
from tools.machine import child, events
from tools.spec.settings import MODELS, ROOT

TINY_MODELS = Path(__file__).parent / "models" / "tiny"
TINY_ARTIFACTS = ROOT / "artifacts" / "selftest"
TORCH = ("torch", "mmaction", "mmcv", "mmengine", "scipy")  # what `tools/setup --without-torch` leaves out and a test may import
NO_REPORT = "--report=off"  # of a pytest whose report nobody reads: it takes seconds
LONGEST = "full-size tsm"  # the group of tests that share that network's weights and reference
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
if "PYTEST_XDIST_WORKER" in os.environ:  # every core has a worker of its own: more threads would only spin and wait
    os.environ |= ONE_THREAD
Command = Callable[..., tuple[int, str]]
Run = Callable[..., subprocess.CompletedProcess[str]]


def pytest_configure(config: pytest.Config) -> None:
    """Give this process locks of its own: to wait for another run of this user takes time, and is said."""
    folder = tempfile.mkdtemp(prefix="clipgate-selftest-")
    os.environ["XDG_RUNTIME_DIR"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def clean_environment() -> dict[str, str]:
    """This process's environment without what pytest and pytest-xdist put there for themselves."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}


def python(*arguments: str, timeout_s: float = 300, environment: Mapping[str, str] | None = None,
           folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `python <arguments>` in the project's folder, with *environment* laid over ours; output as text."""
    return subprocess.run([sys.executable, *arguments], cwd=folder, env={**clean_environment(), **(environment or {})}, text=True,
                          capture_output=True, timeout=timeout_s, check=False)


def ran(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which has its imports already: its status and its output."""
    main: Callable[..., int] = importlib.import_module(f"tools.{command}").main
    on_interrupt, said, complained = signal.getsignal(signal.SIGINT), io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(complained):
        try:
            status = events.run_command(main, arguments)
        except SystemExit as end:  # argparse's
            status = int(end.code or 0)
        finally:
            signal.signal(signal.SIGINT, on_interrupt)
    return subprocess.CompletedProcess([command, *arguments], status, said.getvalue(), complained.getvalue())


def keeping(said: list[str]) -> events.OnEvent:
    """What is told of a run's events keeps in *said* what is said to people."""
    return lambda event: said.extend([event["text"]] if event["kind"] == "say" else [])


def own_locks() -> Path:
    """A folder of locks for this worker of pytest-xdist: what runs on another one has devices of its own."""
    folder = TINY_ARTIFACTS / "locks" / os.environ.get("PYTEST_XDIST_WORKER", "all")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def tiny_places(artifacts: Path = TINY_ARTIFACTS) -> list[str]:
    """Options that make any command use the tiny model."""
    return [f"--models={TINY_MODELS}", f"--artifacts={artifacts}", f"--locks={own_locks()}"]


def tiny_measuring(artifacts: Path = TINY_ARTIFACTS) -> list[str]:
    """Options that make `tools.measure` judge the tiny model."""
    return [*tiny_places(artifacts), "--budget-s=0.3"]


def tiny_arguments(artifacts: Path = TINY_ARTIFACTS) -> list[str]:
    """Options that make a run judge the tiny model."""
    return [*tiny_measuring(artifacts), "--history=off"]


@pytest.fixture(scope="session")
def own_store() -> Path:
    """The selftests' artifacts folder, with nothing in it that other code made."""
    forget_other_code(TINY_ARTIFACTS / "store")
    return TINY_ARTIFACTS


@pytest.fixture(scope="session")
def acceptance(own_store: Path) -> Run:
    """Run the acceptance suite on the tiny model with more arguments."""

    def run(*arguments: str, artifacts: Path = own_store, environment: Mapping[str, str] | None = None,
            ) -> subprocess.CompletedProcess[str]:
        return python("-m", "pytest", "-p", "no:cacheprovider", NO_REPORT, *tiny_arguments(artifacts), *arguments, environment=environment)

    return run


def built(command: str, *arguments: str) -> None:
    """Let a stage's command make its artifact, and what that needs, in this process with its torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "call", lambda work, title, **rest: work())
        done = ran(command, *arguments)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def tiny_store(own_store: Path) -> Path:
    """The artifacts folder of the tiny model with everything for batch 4 in it, built on first use."""
    for few in ([], ["--clips=8"]):
        built("reference", "tiny", *tiny_places(own_store), *few)
    built("specialise", "tiny", "4", *tiny_places(own_store))
    return own_store


@pytest.fixture(scope="module")
def every_core() -> Iterator[None]:
    """Processes started meanwhile compute on every core: their work outlasts all that other workers have."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ONE_THREAD:
            patch.delenv(name, raising=False)
        patch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # a waiting thread leaves its core to the other worker
        yield


@pytest.fixture
def writable_models(tmp_path: Path) -> Path:
    """The shipped models and the tiny one, copied, so that their tomls may be written."""
    folder = tmp_path / "models"
    shutil.copytree(MODELS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in TINY_MODELS.glob("tiny.*"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def recording(capsys: pytest.CaptureFixture[str], writable_models: Path) -> Command:
    """`python -m tools.record` with these arguments, on the copied tomls: its status, and all it said."""

    def call(*arguments: object) -> tuple[int, str]:
        status = events.run_command(record.main, [*map(str, arguments), f"--models={writable_models}"])
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


@pytest.fixture(scope="session")
def simulated_host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A simulated NPU host, laid out on first use."""
    return Host(tmp_path_factory.mktemp("host"))


@pytest.fixture
def host(simulated_host: Host) -> Host:
    """The simulated NPU host as it is when nothing has failed."""
    simulated_host.restore()
    return simulated_host


@pytest.fixture(scope="session")
def simulated_cuda_host(tmp_path_factory: pytest.TempPathFactory) -> CudaHost:
    """A simulated host with two GPUs, laid out on first use."""
    return CudaHost(tmp_path_factory.mktemp("cuda"))


@pytest.fixture
def cuda_host(simulated_cuda_host: CudaHost) -> CudaHost:
    """The simulated host with two GPUs as it is when nothing has failed."""
    simulated_cuda_host.cuda.clear()
    return simulated_cuda_host


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moody]:
    """A file server on loopback, reached without a proxy."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with serving(Moody()) as moody:
        yield moody


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs the tiny model's store as needing torch; keep a file's tests together under xdist.

    Whole runs share nothing but the store: each of them goes where there is time for it. Every id is kept in
    a file that each later start of pytest reads, collecting the matrix included: none may be file content.
    """
    if len(item.nodeid) > 4000:
        raise pytest.UsageError(f"a test's id has {len(item.nodeid)} characters, give ids: {item.nodeid[:150]}")
    item.add_marker(pytest.mark.filterwarnings("error"))  # here every notice is red, those of other people's code as well
    fixtures = set(getattr(item, "fixturenames", ()))
    if "tiny_store" in fixtures:
        item.add_marker(pytest.mark.torch)
    if "acceptance" not in fixtures and item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, then whole runs of the tiny model; of the slow ones the longest chain first."""

    def cost(item: pytest.Item) -> int:
        if item.get_closest_marker("slow"):
            group = item.get_closest_marker("xdist_group")
            return 2 if group and group.args == (LONGEST,) else 3
        return int(bool({"acceptance", "tiny_store"} & set(getattr(item, "fixturenames", ()))))

    items.sort(key=cost)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """Hide torch from a test of ours that is not marked as needing it, so that none needs it unseen."""
    if item.get_closest_marker("torch") or not item.path.is_relative_to(Path(__file__).parent):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        for name in TORCH:
            patch.setitem(sys.modules, name, None)
        return (yield)
