"""Options that take a path work with pytest from anywhere, whichever way they are written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suites.selftest.conftest import python
from tools.pytest_paths import join_paths, value_options
from tools.spec.options import CONFIG, MODELS, OF_PYTEST, OPTIONS, ROOT

PATHS = [one.flag for one in OPTIONS if {"DIR", "FILE", "LIST"} & set(one.metavar.split("|"))]
PROBE = """import sys
from pathlib import Path
from tools import pytest_paths
sys.argv[1:] = pytest_paths.join_paths(sys.argv[1:], pytest_paths.value_options(Path({settings!r})))
import pytest
sys.exit(pytest.main())
"""


def test_every_option_with_a_value_is_known_by_its_flag() -> None:
    """As the text of options.py has them; a project that is not there has none."""
    valued = [one.flag for one in (CONFIG, *OF_PYTEST, *OPTIONS) if one.takes != "yes"]
    assert valued == value_options(ROOT / "tools" / "spec" / "options.py")
    assert [] == value_options(Path("/nowhere/options.py"))
    assert {"--data", "--data-root", "--weights", "--atc-python", "--artifacts", "--locks", "--models"} <= set(PATHS)


@pytest.mark.parametrize(("given", "joined"), [
    ([], []),
    (["--data", "/a b/list.txt", "-k", "bs1"], ["--data=/a b/list.txt", "-k", "bs1"]),
    (["--data", "/a", "--models", "/b"], ["--data=/a", "--models=/b"]),
    (["--data=/a", "/b"], ["--data=/a", "/b"]),
    (["-k", "--data", "/a"], ["-k", "--data=/a"]),
    (["suites", "--data"], ["suites", "--data"]),
    (["--nightly", "suites"], ["--nightly", "suites"]),
])
def test_options_are_joined_with_their_values(given: list[str], joined: list[str]) -> None:
    """They become one word; everything else stays as it is."""
    assert joined == join_paths(given, ["--data", "--models"])


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("form", ["{flag}={value}", "{flag} {value}"])
def test_pytest_finds_the_project_whatever_paths_options_name(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, elsewhere: bool) -> None:
    """In folders with a space in their names, below another pytest.ini, from any working directory.

    Otherwise pytest takes one of those folders for the project, and knows none of our options or settings.
    """
    values = {flag: named(tmp_path, flag) for flag in PATHS}
    (tmp_path / "probe.py").write_text(PROBE.format(settings=str(ROOT / "tools" / "spec" / "options.py")))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    words = [part.format(flag=flag, value=value) for flag, value in values.items() for part in form.split(" ")]
    place = [str(ROOT / "suites" / "test_acceptance.py")] if elsewhere else []
    done = python(str(tmp_path / "probe.py"), "-p", "no:cacheprovider", "--collect-only", "--device", "cpu", *words, *place,
                  folder=values["--data"].parent if elsewhere else ROOT)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"rootdir: {ROOT}" in done.stdout.splitlines()
    assert "test_accuracy[tsm-bs4-cpu]" in done.stdout


def named(folder: Path, flag: str) -> Path:
    """What *flag* may name, in a folder of its own with a space in its name and a pytest.ini."""
    place = folder / flag.strip("-") / "some where"
    place.mkdir(parents=True)
    (place.parent / "pytest.ini").write_text("[pytest]\n")
    if flag == "--models":
        for name in ("tsm.py", "tsm.toml"):
            shutil.copy(MODELS / name, place)
    if flag in ("--data", "--weights"):
        (place / "own file").write_text("a.mp4 0\n")
        return place / "own file"
    return place
