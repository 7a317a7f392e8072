"""Ascend's compiler: its arguments, its run, and what its failures mean.

Known from the guides' atc lines, and from main_impl of CANN's graph engine for what it prints and returns.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.engines.ascend.om import MODE, SUFFIX
from tools.errors import CompileError, visible
from tools.machine import opening
from tools.machine.events import die_with_parent
from tools.machine.files import writing

ONNX = 5  # --framework
SUCCESS = "ATC run success"
CODE = re.compile(r"\b(E[A-Z0-9]\d{4})\b")
ENDS_S = 2.0  # in which a process that is killed has ended
BEAT_S = 30.0
SHOWN_LINES = 6
MEANINGS = (  # the first that fits counts; the codes are those of CANN's error table
    (("E10001", "E10004", "E10005", "E10006", "E10007", "E10010", "E10013", "E10014", "E10054", "E10055"),
     "atc does not take an argument as it is"),
    (("E10002", "E10011", "E10049"), "atc does not take the input's shape"),
    (("E10016",), "the graph has no input of that name"),
    (("E11017",), "the graph has no output of that name"),
    (("E10041",), "atc cannot read the graph"),
    (("E19010", "EZ9010"), "this CANN has no parser for an operator: the graph's opset is too new for it"),
    (("EZ3002", "EZ3003"), "an operator is not supported on this chip"),
    (("E10501", "EZ0501"), "operators are not registered: ASCEND_OPP_PATH is not set, or the ops package of this chip is not installed"),
    (("E40000", "EC0010"), "atc's own Python part failed: it needs Python 3.7 to 3.10 with NumPy below 2, decorator, attrs"),
    (("E13000", "E13001", "E13002", "E13003", "E13004", "E13005", "E10052"), "atc cannot open, read or parse a file"),
    (("E13023",), "the compiled model is too large"),
    (("E13024",), "an environment variable is not as atc needs it"),
    (("E19999", "E39999", "EZ9999"), "atc failed inside"),  # said beside most other codes, so it comes last
)
ATC_PYTHON = "give the folder of such a python3 with --atc-python DIR; python -m tools.doctor shows which one atc finds"


@dataclass(frozen=True, slots=True)
class Request:
    """One compilation: the ONNX file, the result's path without suffix, what shapes it; *more*: own flags."""

    model: Path
    output: Path
    input_format: str
    input_shape: str
    soc_version: str
    auto_tune: str = ""
    more: tuple[str, ...] = ()

    def flags(self) -> list[str]:
        """What shapes the result beside the graph; a person's own flags take the place of ours."""
        tuned = [f"--auto_tune_mode={self.auto_tune}"] if self.auto_tune else []
        ours = [f"--framework={ONNX}", f"--input_format={self.input_format}", f"--input_shape={self.input_shape}",
                f"--soc_version={self.soc_version}", "--log=error", *tuned]
        theirs = {flag.partition("=")[0] for flag in self.more}
        return [*(flag for flag in ours if flag.partition("=")[0] not in theirs), *self.more]

    def command(self) -> list[str]:
        return ["atc", f"--model={self.model}", f"--output={self.output}", *self.flags()]


def program(environment: Mapping[str, str]) -> str:
    """The atc on the PATH of *environment*; a CompileError where there is none."""
    path = shutil.which("atc", path=environment.get("PATH", ""))
    if path is None:
        raise CompileError("no atc: it is not on the PATH that set_env.sh makes", where=environment.get("ASCEND_TOOLKIT_HOME"),
                           remedy="install the CANN toolkit (nnrt alone has no compiler), or import a model compiled elsewhere")
    return path


def compile_om(request: Request, environment: Mapping[str, str], log: Path, timeout_s: float, beat: Callable[[int], None]) -> Path:
    """Run atc in *environment*; the compiled model, readable by aclruntime whatever the umask.

    atc prints to *log*, and leaves its other files beside the model. *beat* is told the seconds it has taken.

    Raises:
        CompileError: atc is missing, fails, or takes longer than *timeout_s*.
    """
    folder, name = request.output.parent, request.output.name
    started = time.time()
    status = _run([program(environment), *request.command()[1:]], environment, log, folder, timeout_s, beat)
    said = log.read_text(errors="replace")
    if status != 0 or SUCCESS not in said:
        raise failure(said, status, request, log)
    models = [path for path in (folder / f"{name}{SUFFIX}", *folder.glob(f"{name}_*{SUFFIX}"))
              if path.is_file() and path.stat().st_mtime >= started - 1]
    if not models:
        raise CompileError("atc says it succeeded, and left no model", where=str(log), remedy=f"repeat it: {shlex.join(request.command())}")
    models[0].chmod(MODE)
    return models[0]


def _run(command: list[str], environment: Mapping[str, str], log: Path, folder: Path, timeout_s: float, beat: Callable[[int], None]) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    with writing("what atc prints", log.parent, CompileError), opening.to_write(log) as output:
        output.write(f"$ {visible(shlex.join(command))}\n".encode())
        output.flush()
        try:
            process = subprocess.Popen(command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       preexec_fn=die_with_parent)
        except OSError as error:
            raise CompileError(f"atc cannot be started: {error.strerror}", where=command[0],
                               remedy="run it by hand as the same user") from error
    started = time.monotonic()
    try:
        while True:
            try:
                return process.wait(timeout=min(BEAT_S, max(0.01, started + timeout_s - time.monotonic())))
            except subprocess.TimeoutExpired:
                taken = time.monotonic() - started
                if taken >= timeout_s:
                    raise CompileError(f"atc was still working after {timeout_s:.0f} s and was ended", where=str(log),
                                       remedy="give it longer with --atc-timeout-s") from None
                beat(int(taken))
    finally:
        if process.poll() is None:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End atc and the workers it has started; all are stopped first, so that none starts another one."""
    import psutil

    workers = dict[int, psutil.Process]()
    process.send_signal(signal.SIGSTOP)
    with contextlib.suppress(psutil.NoSuchProcess):
        while new := [one for one in psutil.Process(process.pid).children(recursive=True) if one.pid not in workers]:
            for one in new:
                workers[one.pid] = one
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.suspend()
    for one in workers.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.kill()
    process.wait()
    psutil.wait_procs([*workers.values()], timeout=ENDS_S)  # on a busy machine one that is killed lives on for a moment


def failure(said: str, status: int, request: Request, log: Path) -> CompileError:
    """What atc's output means, with its codes, its first lines, and the command that repeats it."""
    after = said.partition("ATC run failed")[2] or said
    lines = [line.rstrip() for line in after.splitlines()[1:] if line.strip()]
    codes = list(dict.fromkeys(CODE.findall("\n".join(lines))))
    otherwise = "atc failed" if status else "atc did not say that it succeeded"
    meaning = next((text for family, text in MEANINGS if set(family) & set(codes)), otherwise)
    first = next((number for number, line in enumerate(lines) if CODE.search(line)), max(0, len(lines) - SHOWN_LINES))
    shown = lines[first : first + SHOWN_LINES] or ["it said nothing"]
    named = ", ".join(codes[:3]) or f"status {status}"
    remedy = [*shown, *([ATC_PYTHON] if {"E40000", "EC0010"} & set(codes) else []), f"repeat it: {shlex.join(request.command())}"]
    return CompileError(f"{meaning} ({named})", where=str(log), remedy="\n    ".join(remedy))
