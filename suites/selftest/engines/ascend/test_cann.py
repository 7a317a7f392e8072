"""Which CANN toolkit is found, which version it is, and the environment that its set_env.sh makes."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from tools.engines.ascend import cann
from tools.engines.ascend.cann import Toolkit
from tools.errors import CompileError
from tools.spec.settings import ROOT

INFO = f"{platform.machine()}-linux/ascend_toolkit_install.info"
SYSTEM = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of /usr/local/Ascend; the machine's own files are out of sight."""
    folder = tmp_path / "Ascend"
    folder.mkdir()
    monkeypatch.setattr(cann, "INSTALLED", folder)
    monkeypatch.setattr(cann, "SYSTEM_VERSION_FILE", tmp_path / "ascend_cann_install.info")
    monkeypatch.setattr(cann, "DRIVER_LIBRARIES", ())
    return folder


def script(folder: Path, *lines: str) -> Path:
    """A set_env.sh of these lines; without any, one that names its own folder as the toolkit's home."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / cann.SCRIPT
    path.write_text("\n".join(lines or ('export ASCEND_TOOLKIT_HOME="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"',)) + "\n")
    return path


def made(tmp_path: Path, *lines: str, environ: dict[str, str] | None = None, atc_python: str = "") -> dict[str, str]:
    """The environment of a toolkit whose set_env.sh has these lines."""
    return cann.environment(Toolkit(script(tmp_path, *lines), tmp_path, "8.0"), atc_python, SYSTEM | (environ or {}))


def test_the_toolkit_is_found_in_the_usual_places(installed: Path) -> None:
    """The newest layout first: cann, ascend-toolkit, nnae, then nnrt."""
    for name in ("nnrt", "nnae", "ascend-toolkit", "cann"):
        path = script(installed / name)

        assert Toolkit(path, installed / name, "unknown") == cann.find(SYSTEM)


@pytest.mark.parametrize("variable", ["ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH"])
@pytest.mark.parametrize("layout", [".", "latest"])
def test_a_sourced_toolkit_comes_first(installed: Path, tmp_path: Path, variable: str, layout: str) -> None:
    """Its set_env.sh lies in its home (CANN 8.5 on) or beside `latest`, which is it (up to 8.3)."""
    script(installed / "cann")
    home = tmp_path / "mine" / layout
    home.mkdir(parents=True)
    path = script(tmp_path / "mine", f"export {variable}={home}")
    (home / "version.cfg").write_text("version=7.0.0")

    assert Toolkit(path, home, "7.0.0") == cann.find(SYSTEM | {variable: str(home)})


@pytest.mark.parametrize("home", ["/nonexistent", "/" + "x" * 5000], ids=["not there", "longer than a path"])
def test_a_home_without_script_is_passed_over(installed: Path, home: str) -> None:
    """Then what is installed is taken."""
    path = script(installed / "cann")

    assert path == cann.find(SYSTEM | {"ASCEND_TOOLKIT_HOME": home}).script


def test_no_toolkit_is_an_error_that_says_where_it_was_looked_for(installed: Path) -> None:
    """It names the folder and both remedies."""
    with pytest.raises(CompileError) as error:
        cann.find(SYSTEM)

    assert ("no CANN toolkit: there is no set_env.sh", str(installed)) == (error.value.what, error.value.where)
    assert "install the CANN toolkit, or source its set_env.sh first" in str(error.value.remedy)


@pytest.mark.parametrize(("text", "version"), [
    ("package_name=Ascend-cann-toolkit\nversion=8.0.0\ninnerversion=V100R001C00\narch=x86_64\n", "8.0.0"),
    ("Version: 8.0.RC3.alpha001\r\n", "8.0.RC3.alpha001"),
    ("  VERSION =  8.5.0-beta.1  \n", "8.5.0-beta.1"),
    ("Version=1.84.15.1.310\nversion_dir=6.0.1\ntimestamp=20230101\n", "6.0.1"),
    ("# version: 1.0\nruntime_running_version=[1.84.15.1.310:5.9]\ntoolkit_installed_version=[1.84.15.1.310:6.0.1]\n", "6.0.1"),
    ("innerversion=V100R001\nversion=\nconversion=3\n", "unknown"),
    ("", "unknown"),
])
def test_the_version_is_read_in_every_spelling(installed: Path, text: str, version: str) -> None:
    """`k=v` or `k: v`, any case; the toolkit's number before the package's; `unknown` if there is none."""
    (installed / "version.cfg").write_text(text)

    assert version == cann.version(installed)


def test_version_files_are_asked_in_their_order(installed: Path, tmp_path: Path) -> None:
    """One that names no version leaves it to the next."""
    home = installed / "8.0"
    (home / "later").mkdir(parents=True)
    files = [home / INFO, home / "toolkit/version.info", home / "version.cfg", installed / "latest/version.cfg",
             tmp_path / "ascend_cann_install.info"]
    for number in reversed(range(len(files))):
        files[number].parent.mkdir(parents=True, exist_ok=True)
        files[number].write_text(f"version={number}.0")
        assert f"{number}.0" == cann.version(home)

    files[0].write_text("arch=x86_64")
    assert "1.0" == cann.version(home)


@pytest.mark.parametrize(("version", "tunes"), [("5.0.2", True), ("5.1.RC1", True), ("6.0.1", False), ("8.5.0", False), ("unknown", False)])
def test_only_cann_5_tunes(version: str, tunes: bool) -> None:
    """Later compilers refuse the argument."""
    assert tunes == Toolkit(Path(), Path(), version).tunes


def test_our_virtual_environment_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves PATH and PYTHONPATH, by whichever path; VIRTUAL_ENV and PYTHONHOME go; the order stays."""
    other, link = tmp_path / "venv", tmp_path / "link"
    (other / "bin").mkdir(parents=True)
    link.symlink_to(other)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "ours"))
    monkeypatch.chdir(tmp_path)
    ours = f"{link}/bin:{tmp_path}/ours/bin"
    found = made(tmp_path, ":", environ={
        "PATH": f"/z:{ours}:/usr/bin::{other}/bin:/bin:{tmp_path}/venv2/bin", "PYTHONPATH": f"/b:{ROOT}:{ROOT}/tools:{other}/lib:/a",
        "VIRTUAL_ENV": str(link), "PYTHONHOME": str(other), "KEPT": f"{other}/bin"})

    assert f"/z:/usr/bin:/bin:{tmp_path}/venv2/bin" == found["PATH"]
    assert found["PYTHONPATH"] == "/b:/a"
    assert found["KEPT"] == f"{other}/bin"
    assert not {"VIRTUAL_ENV", "PYTHONHOME"} & set(found)


def test_the_environment_is_what_the_script_makes_of_ours(tmp_path: Path) -> None:
    """It adds to what is set, and what it prints goes nowhere."""
    found = made(tmp_path, "echo ASCEND_OPP_PATH=/printed", 'export PATH="/toolkit/bin:$PATH"', "export ASCEND_OPP_PATH=/opp", "unset GONE",
                 environ={"GONE": "1", "LEFT": "2"})

    assert ["/toolkit/bin:/usr/bin:/bin", "/opp", "2"] == [found[name] for name in ("PATH", "ASCEND_OPP_PATH", "LEFT")]
    assert "GONE" not in found


def test_a_script_sees_no_arguments(tmp_path: Path) -> None:
    """As where somebody types `source set_env.sh`, and its own path is found."""
    found = made(tmp_path, 'export GIVEN="$#" OWN="${BASH_SOURCE[0]}"')

    assert ["0", str(tmp_path / cann.SCRIPT)] == [found["GIVEN"], found["OWN"]]


def test_atcs_python_comes_first(tmp_path: Path) -> None:
    """Before whatever set_env.sh puts in front."""
    assert "/python:/toolkit/bin:/usr/bin:/bin" == made(tmp_path, 'export PATH="/toolkit/bin:$PATH"', atc_python="/python")["PATH"]


def test_values_survive(tmp_path: Path) -> None:
    """With line breaks, `=`, blanks, and bytes that are no text."""
    awkward = {"LINES_": "a\nb=c\n\n", "EQUALS": "=a==b=", "RETURN": "a\r\nb\rc", "EMPTY": "", "BYTES": os.fsdecode(b"\xff\xfe caf\xe9"),
               "QUOTES": "'\"$HOME`x`"}
    found = made(tmp_path, ":", environ=awkward)

    assert awkward == {name: found[name] for name in awkward}


@pytest.mark.parametrize(("lines", "remedy"), [(("echo missing folder >&2", "return 3"), "missing folder"), (("exit 4",), "it ends with 4"),
                                               (("export HALF=1", "if"), "syntax error")])
def test_a_script_that_fails_is_one_error(tmp_path: Path, lines: tuple[str, ...], remedy: str) -> None:
    """It names the script, and says what the script said."""
    with pytest.raises(CompileError) as error:
        made(tmp_path, *lines)

    assert ("set_env.sh cannot be sourced", str(tmp_path / cann.SCRIPT)) == (error.value.what, error.value.where)
    assert remedy in str(error.value.remedy)


def test_a_script_that_hangs_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for."""
    monkeypatch.setattr(cann, "TIMEOUT_S", 0.3)
    with pytest.raises(CompileError, match=r"set_env\.sh did not end within 0\.3 s"):
        made(tmp_path, "exec sleep 30")


def test_the_runtime_gets_no_path_of_the_toolkit(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of set_env.sh it needs ASCEND_*, TOOLCHAIN_HOME, and the libraries and then the driver's, each once."""
    driver = installed / "driver"
    driver.mkdir()
    monkeypatch.setattr(cann, "DRIVER_LIBRARIES", (driver, installed / "none"))
    script(installed / "cann", "export ASCEND_OPP_PATH=/opp TOOLCHAIN_HOME=/chain OTHER=1 PYTHONPATH=/p:$PYTHONPATH PATH=/bin2:$PATH",
           "export LD_LIBRARY_PATH=/lib1::/lib2:/lib1:$LD_LIBRARY_PATH")
    found = cann.of_runtime(SYSTEM | {"LD_LIBRARY_PATH": "/mine", "PYTHONPATH": "/q"})

    assert {"ASCEND_OPP_PATH": "/opp", "TOOLCHAIN_HOME": "/chain", "LD_LIBRARY_PATH": f"/lib1:/lib2:/mine:{driver}"} == found


def test_the_runtime_of_a_machine_without_toolkit_needs_nothing(installed: Path) -> None:
    """Then the import of the runtime says what is missing."""
    assert {} == cann.of_runtime(SYSTEM)
