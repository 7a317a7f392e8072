"""A copy of the project in which one line is changed, and the tests that should notice."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from suites.selftest.conftest import clean_environment
from suites.selftest.mutation.operators import Mutant
from suites.selftest.mutation.suite import Suite

NOT_COPIED = {".git", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".benchmarks"}
PASSED, NOTHING = 0, 5  # pytest's exit statuses; 5: no test was selected


@dataclass(frozen=True, slots=True)
class Outcome:
    """*killer*: the test that failed, or what else ended the tests; empty if all of *ran* passed."""

    killer: str
    ran: tuple[str, ...]


class Trial:
    """Runs tests in a copy of the project at *root*, on a cold store, one mutant at a time.

    unfit: the tests that also fail on the unchanged copy, which kill nothing.
    """

    def __init__(self, root: Path, folder: Path, timeout_s: float) -> None:
        self.copy = folder / "project"
        self.unfit: set[str] = set()
        self._sound: set[str] = set()
        self._timeout_s, self._cache = timeout_s, folder / "cache"
        shutil.copytree(root, self.copy, ignore=lambda at, names: _left(root, Path(at), names), symlinks=True)
        if (root / ".venv").exists():
            (self.copy / ".venv").symlink_to((root / ".venv").resolve())
        self._suite = Suite.read(self.copy)

    def of(self, mutant: Mutant) -> Outcome:
        """The first test that fails because of the mutant, or that none does."""
        shutil.rmtree(self.copy / "artifacts" / "selftest", ignore_errors=True)
        ran: list[str] = []
        for marks, files in self._suite.stages(mutant.path, mutant.about):
            killer = self._killer(mutant, marks, files)
            ran += [one for one in files if one not in ran]
            if killer:
                return Outcome(killer, tuple(ran))
        return Outcome("", tuple(ran))

    def _killer(self, mutant: Mutant, marks: str, files: Sequence[str]) -> str:
        """What fails in these files on the mutant and passes without it."""
        while True:
            with self._changed(mutant):
                status, failed = self._tests("-m", marks, *files)
            if status in (PASSED, NOTHING):
                return ""
            if status is None:
                return f"more than {self._timeout_s:g} s"
            if failed and (unfit := {one for one in failed if not self._is_sound(one)}) - self.unfit:
                self.unfit |= unfit
            elif failed:
                return failed[0]
            elif self._is_sound("--collect-only", *files):
                return f"pytest's exit status {status}"
            else:
                raise SystemExit(f"pytest cannot collect {' '.join(files)} in the unchanged copy: mend that first")

    def _is_sound(self, *tests: str) -> bool:
        """Whether tests pass on the unchanged copy."""
        if " ".join(tests) not in self._sound and self._tests(*tests)[0] == PASSED:
            self._sound.add(" ".join(tests))
        return " ".join(tests) in self._sound

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        path = self.copy / mutant.path
        source = path.read_text(encoding="utf-8")
        try:
            write(path, mutant.applied(source))
            yield
        finally:
            write(path, source)

    def _tests(self, *arguments: str) -> tuple[int | None, list[str]]:
        """Run pytest until a test fails: its exit status, None if it took too long, and what failed."""
        shutil.rmtree(self._cache, ignore_errors=True)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:xdist", "-o", f"cache_dir={self._cache}",
                   *(f"--deselect={test}" for test in sorted(self.unfit)), *arguments]
        environment = {**clean_environment(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        child = subprocess.Popen(command, cwd=self.copy, env=environment, start_new_session=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            status = child.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            return None, []
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        failures = self._cache / "v" / "cache" / "lastfailed"
        return status, list(json.loads(failures.read_text(encoding="utf-8"))) if failures.exists() else []


def _left(root: Path, at: Path, names: list[str]) -> set[str]:
    """What a copy does without: what git and tools keep for themselves, and what runs leave."""
    return set(names) - {"README.md"} if at == root / "artifacts" else NOT_COPIED.intersection(names)


def write(path: Path, source: str) -> None:
    """Python takes a compiled file for that of any source of the same size and second, so it goes."""
    path.write_text(source, encoding="utf-8")
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
