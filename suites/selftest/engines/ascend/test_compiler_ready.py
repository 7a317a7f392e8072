"""Whether a model can be compiled here is asked before anything is built for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.engines.ascend import cann, nodes
from tools.engines.ascend.family import FAMILY
from tools.errors import CompileError
from tools.spec.settings import Settings

PYTHON = """#!/bin/sh
printf 'answer\\t%s\\t{version}\\t{numpy}\\t5\\t23\\n' "$0"
"""


@pytest.fixture
def toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The programs' folder of a toolkit that has an atc, on a host without devices."""
    programs = tmp_path / "cann" / "bin"
    programs.mkdir(parents=True)
    (programs.parent / "set_env.sh").write_text(f"export ASCEND_TOOLKIT_HOME={programs.parent}\nexport PATH={programs}:/usr/bin:/bin\n")
    place(programs / "atc", "#!/bin/sh\n")
    monkeypatch.setattr(cann, "INSTALLED", tmp_path)
    monkeypatch.delenv("ASCEND_TOOLKIT_HOME", raising=False)
    monkeypatch.delenv("ASCEND_HOME_PATH", raising=False)
    monkeypatch.setenv(nodes.NODES, str(tmp_path / "none"))
    return programs


def place(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_a_compiler_with_its_python_is_ready(toolkit: Path) -> None:
    place(toolkit / "python3", PYTHON.format(version="3.9", numpy="1.26"))
    FAMILY.require_compiler(Settings.parse({}))


@pytest.mark.parametrize(("version", "numpy", "words"), [
    ("3.11", "1.26", "atc needs 3.7 to 3.10"), ("3.9", "2.1", "NumPy 2.1 is not below 2"), ("3.9", "", "no NumPy")])
def test_a_python_that_atc_cannot_use_is_noticed(toolkit: Path, tmp_path: Path, version: str, numpy: str, words: str) -> None:
    """It is the one that atc would find first, which --atc-python names or set_env.sh."""
    place(toolkit / "python3", PYTHON.format(version="3.9", numpy="1.26"))
    first = tmp_path / "first"
    first.mkdir()
    place(first / "python3", PYTHON.format(version=version, numpy=numpy))
    with pytest.raises(CompileError, match=words) as caught:
        FAMILY.require_compiler(Settings.parse({"atc_python": str(first)}))
    assert f"--atc-python {first}" == caught.value.where


def test_an_absent_compiler_is_noticed(toolkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Atc that is not on the PATH, and a toolkit that is nowhere."""
    (toolkit / "atc").unlink()
    with pytest.raises(CompileError, match="no atc"):
        FAMILY.require_compiler(Settings.parse({}))
    monkeypatch.setattr(cann, "INSTALLED", tmp_path / "nowhere")
    with pytest.raises(CompileError, match="no CANN toolkit"):
        FAMILY.require_compiler(Settings.parse({}))
