"""The doctor on hosts of which much is broken: every line is still a finding."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from suites.selftest.engines.test_doctor import findings, run
from suites.selftest.simulated.npu import SimulatedNpu
from tools import doctor
from tools.engines import host as this_host
from tools.engines.findings import MISSING, OK, WRONG, Examination, Finding, attempt
from tools.errors import OptionError
from tools.spec.settings import Settings


def test_with_everything_broken_every_line_is_still_a_finding(tmp_path: Path) -> None:
    """Garbage wherever something is started, read or imported: findings only, and all of them."""
    host = SimulatedNpu(tmp_path)
    for path in (host.root / "driver" / "bin" / "npu-smi", host.toolkit / "bin" / "python3", host.toolkit / "bin" / "atc"):
        path.write_bytes(b"\x7fELF\xff garbage")
        path.chmod(0o755)
    (host.root / "dev" / "davinci2").symlink_to("/nowhere")
    (host.root / "python" / "aclruntime.py").write_text("raise RuntimeError('garbage')")
    (host.root / "python" / "cv2.py").write_text("raise AttributeError('garbage')")
    (host.root / "python" / "psutil.py").write_text("raise ImportError('garbage')")
    (host.root / "python" / "onnx-0.dist-info").mkdir()
    (tmp_path / "file").touch()
    done = run("--artifacts", str(tmp_path / "file"), **host.environment(), ASCEND_RT_VISIBLE_DEVICES="\udcff")
    found = findings(done.stdout)

    assert (1, "") == (done.returncode, done.stderr)
    assert "Traceback" not in done.stdout
    assert "nothing can be measured on here" == done.stdout.splitlines()[-1]
    assert {thing for thing, one in found.items() if one.word in (MISSING, WRONG)} >= {
        "CPU", "memory", "artifacts folder", "device nodes", "npu-smi", "atc's python3", "aclruntime", "environment"}
    assert all(one.remedy for one in found.values() if one.word != OK)
    assert "half removed, 1.23.2 is pinned" == found["onnx"].found


def test_without_numpy_every_line_is_still_a_finding(tmp_path: Path) -> None:
    """A Python with half of its packages gets the whole list, and the runtime is not blamed for NumPy."""
    host = SimulatedNpu(tmp_path)
    (host.root / "python" / "numpy.py").write_text("raise ImportError('no NumPy here')")
    done = run("--artifacts", str(tmp_path / "artifacts"), **host.environment())
    found = findings(done.stdout)["aclruntime"]

    assert (1, "") == (done.returncode, done.stderr)
    assert (MISSING, "cannot be looked at: no NumPy here") == (found.word, found.found)


def test_a_folder_of_locks_that_cannot_be_used_is_wrong(tmp_path: Path) -> None:
    """It is that of `--locks`. Without it nothing can be measured on, the CPU neither."""
    tmp_path.chmod(0o777)
    [found] = attempt("folder of locks", partial(this_host.MACHINE["folder of locks"], Settings.parse({"locks": str(tmp_path)})))
    with pytest.raises(OptionError) as caught:
        doctor.main(["--locks", str(tmp_path / "gone")])

    assert ("--locks", WRONG) == (caught.value.where, found.word)
    assert f"no sticky bit ({tmp_path})" in found.found
    assert f"chmod +t {tmp_path}" in found.remedy
    cpu = Finding(OK, "CPU", "", device="cpu")
    assert "nothing can be measured on here" == doctor.measurable(Examination("CPU", (cpu, found)), [])
