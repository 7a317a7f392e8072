"""The CANN toolkit of this machine: where it is, which version, and the environment its programs run in.

Our own virtual environment is kept out of that environment. atc runs Python code of its own, needs an older
Python and NumPy than ours, and takes the first python3 it finds.

Known from the set_env.sh and the install files of CANN 5 to 8.5.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.errors import CompileError
from tools.spec.settings import ROOT

INSTALLED = Path("/usr/local/Ascend")
DRIVER_LIBRARIES = tuple(INSTALLED / "driver" / part for part in ("lib64", "lib64/common", "lib64/driver"))
SCRIPT = "set_env.sh"
VERSION_FILES = ("{arch}-linux/ascend_toolkit_install.info", "toolkit/version.info", "version.cfg", "../latest/version.cfg")
TIMEOUT_S = 60.0
SYSTEM_VERSION_FILE = Path("/etc/Ascend/ascend_cann_install.info")
VERSION_LINES = tuple(  # version_dir first: a version beside it is the package's own
    re.compile(rf"^\s*(?:{keys})\s*[=:]\s*\[?(?:[\d.]+:)?(\d[\w.-]*)", re.IGNORECASE | re.MULTILINE)
    for keys in ("version_dir", "version|toolkit_installed_version"))


class NoToolkitError(CompileError):
    """This machine has no toolkit."""


@dataclass(frozen=True, slots=True)
class Toolkit:
    """An installed toolkit; *version* is `unknown` where none of its files names one."""

    script: Path
    home: Path
    version: str

    @property
    def tunes(self) -> bool:
        """Whether its atc takes --auto_tune_mode. Later ones answer it with E10001."""
        return self.version.startswith("5.")


def find(environ: Mapping[str, str] = os.environ) -> Toolkit:
    """The toolkit whose set_env.sh was sourced, else the one installed in the usual place.

    Raises:
        NoToolkitError: there is none; CompileError: its set_env.sh cannot be sourced.
    """
    homes = [Path(environ[name]) for name in ("ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH") if environ.get(name)]
    sourced = [place / SCRIPT for home in homes for place in (home, home.parent)]
    for script in (*sourced, *(INSTALLED / name / SCRIPT for name in ("cann", "ascend-toolkit", "nnae", "nnrt"))):
        if os.access(script, os.R_OK):
            variables = _source(script, environ)
            home = Path(variables.get("ASCEND_TOOLKIT_HOME") or variables.get("ASCEND_HOME_PATH") or script.parent)
            return Toolkit(script.absolute(), home, version(home))
    raise NoToolkitError("no CANN toolkit: there is no set_env.sh", where=str(INSTALLED),
                         remedy="install the CANN toolkit, or source its set_env.sh first if it lies elsewhere")


def version(home: Path) -> str:
    """What the first version file that names a version says."""
    files = [home / name.format(arch=platform.machine()) for name in VERSION_FILES]
    for path in (*files, SYSTEM_VERSION_FILE):
        text = path.read_text(errors="replace") if os.access(path, os.R_OK) else ""
        for line in VERSION_LINES:
            if match := line.search(text):
                return match[1]
    return "unknown"


def environment(toolkit: Toolkit, atc_python: str = "", environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of *toolkit*'s programs: ours without our virtual environment, plus its set_env.sh.

    atc_python: a folder whose python3 atc is to find first.
    """
    variables = _source(toolkit.script, environ)
    return variables | {"PATH": os.pathsep.join(filter(None, [atc_python, variables.get("PATH")]))}


def of_runtime(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that our process needs from its start to load the runtime; none without a toolkit."""
    try:
        variables = _source(find(environ).script, environ)
    except CompileError:
        return {}
    libraries = [*variables.get("LD_LIBRARY_PATH", "").split(os.pathsep), *(str(path) for path in DRIVER_LIBRARIES if path.is_dir())]
    kept = {name: text for name, text in variables.items() if name.startswith("ASCEND_") or name == "TOOLCHAIN_HOME"}
    return kept | {"LD_LIBRARY_PATH": os.pathsep.join(dict.fromkeys(filter(None, libraries)))}


def _source(script: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment after bash has sourced *script*. Values are any bytes, as in os.environ."""
    line = 'script=$1; shift; source "$script" >/dev/null && env -0'  # else the script would see our arguments
    try:
        done = subprocess.run(["bash", "-c", line, "bash", str(script)], env=without_ours(environ),  # noqa: S607
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise CompileError(f"set_env.sh did not end within {TIMEOUT_S:g} s", where=str(script), remedy="source it by hand") from error
    if done.returncode != 0:
        raise CompileError("set_env.sh cannot be sourced", where=str(script),
                           remedy=done.stderr.decode(errors="replace").strip() or f"it ends with {done.returncode}")
    return dict(line.split("=", 1) for line in os.fsdecode(done.stdout).split("\0") if "=" in line)


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """*environ* without our virtual environment and project: no VIRTUAL_ENV, PYTHONHOME or path of theirs."""
    own = sys.prefix if sys.prefix != sys.base_prefix else ""
    ours = [Path(path).resolve() for path in (environ.get("VIRTUAL_ENV"), own, str(ROOT)) if path]
    kept = {name: text for name, text in environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")}
    for name in ("PATH", "PYTHONPATH"):
        if name in kept:
            parts = [part for part in kept[name].split(os.pathsep) if part and not _below(Path(part), ours)]
            kept[name] = os.pathsep.join(parts)
    return kept


def _below(path: Path, folders: list[Path]) -> bool:
    return any(place.is_relative_to(folder) for folder in folders for place in (path.absolute(), path.resolve()))
