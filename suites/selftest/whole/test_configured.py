"""A run by a file of options: a command line is above it, and the run is kept as it was asked."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import ran
from suites.selftest.whole.scripted import Ended, Play, Script, here, player
from suites.selftest.whole.test_matrix import collect
from tools import measure
from tools.judging.verdict import Verdict
from tools.spec.configured import NAME
from tools.storage import stages

ONE = ("-k", "bs4 and accuracy")


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Play:
    return player(monkeypatch, tmp_path / "artifacts")


def written(folder: Path, text: str, name: str = NAME) -> Path:
    (folder / name).write_text(f"[tool.clipgate]\n{text}\n")
    return folder / name


def asked(ended: Ended) -> dict[str, str]:
    """What a run was asked, as it is kept."""
    options: dict[str, str] = json.loads((ended.run / "run.json").read_text())["options"]
    return options


@pytest.fixture
def played(play: Play) -> Any:
    def one(*arguments: str) -> Ended:
        return play(Script(), *ONE, *arguments)

    return one


def test_a_run_is_asked_what_the_file_beside_its_artifacts_says(played: Any, tmp_path: Path) -> None:
    """The header names the file and the options that it has set; the run keeps all as it was."""
    path = written(tmp_path, 'clips = 24\nbudget-s = 3\nnightly = true\nallow = ["mini", "recorded"]\ndata = "mini"\nweights = "mini"')
    ended = played("--budget-s=7")

    assert 0 == ended.status, ended.said
    assert f"clipgate: options from {path}: --clips 24 --nightly --allow mini,recorded --data mini --weights mini" in ended.said
    assert "data mini[24], weights mini" in ended.said
    assert {"clips": "24", "budget_s": "7", "nightly": "yes", "allow": "mini,recorded", "data": "mini"}.items() <= asked(ended).items()


@pytest.mark.parametrize(("text", "arguments", "name", "means"), [
    ("clips = 24", ("--clips=all",), "clips", "all"), ('expect = "top1=0.9"', ("--expect=top1=0.1", "--expect=top5=0.2"), "expect",
                                                        "top1=0.1,top5=0.2"),
    ("nightly = true", ("--no-nightly",), "nightly", ""), ('allow = "mini"', ("--allow=",), "allow", ""),
    ('device = "npu:0"', (), "device", "cpu"), ("clips = 24", ("--config=off",), "clips", "all"),
])
def test_the_command_line_is_above_the_file(played: Any, tmp_path: Path, text: str, arguments: tuple[str, ...], name: str, means: str,
                                            ) -> None:
    """Also where it says what holds without it."""
    written(tmp_path, text)

    assert means == asked(played(*arguments))[name]


def test_what_the_environment_adds_counts_as_the_command_line(monkeypatch: pytest.MonkeyPatch, played: Any, tmp_path: Path) -> None:
    """`PYTEST_ADDOPTS` is above the file too."""
    from suites.selftest.whole import scripted

    written(tmp_path, "clips = 24\ntimeout-s = 7")
    monkeypatch.setattr(scripted, "clean_environment", lambda: {"PYTEST_ADDOPTS": "--clips=all"})
    found = asked(played())

    assert ("all", "7") == (found["clips"], found["timeout_s"])


def test_a_run_that_is_gone_on_with_is_asked_what_it_was(played: Any, tmp_path: Path) -> None:
    """The file may say something else by now; the command line counts all the same."""
    path = written(tmp_path, "clips = 24\nbudget-s = 3")
    run = played().run
    path.write_text(f"[tool.clipgate]\nclips = 7\nbudget-s = 9\nsurgery = 'all'\nartifacts = {str(tmp_path / 'artifacts')!r}\n")
    again = here(f"--artifacts={tmp_path / 'artifacts'}", f"--resume={run.name}", "--budget-s=5")
    found = here(f"--config={path}", f"--resume={run.name}", "--collect-only", "-q")

    assert f"goes on with run {run.name}: " in again.said
    assert "--clips 24" in again.said
    assert "--budget-s 5" in again.said
    assert "--surgery" not in again.said
    assert 0 == found.status, found.said


def test_the_line_that_repeats_a_red_cell_is_one_that_the_command_takes(play: Play, tmp_path: Path) -> None:
    """It holds what the file said, and reads as the same settings where the file is gone."""
    path = written(tmp_path, "clips = 24\nhistory = 'off'\nconfirm = 3\nsurgery = 'all'")
    ended = play(Script({(4, "accuracy"): [Verdict.FAIL]}), *ONE)
    found = re.search(r"again +python -m tools\.measure (.+)", ended.said)
    path.unlink()
    assert found, ended.said
    options, context = stages.parse("measure", None, shlex.split(found[1]), measure._arguments)

    assert ("tiny", 4, "cpu") == (options.model, options.batch, options.device)
    assert (24, "all", tmp_path / "artifacts") == (context.settings.clips, context.settings.surgery, context.settings.artifacts)


def test_a_command_says_what_the_file_sets_of_its_options(tmp_path: Path) -> None:
    """Before anything else; a wrong file ends it with status 2."""
    path = written(tmp_path, "clips = 7\nbudget-s = 3")
    line = ("evaluate", "tsm", "x.json", f"--artifacts={tmp_path / 'artifacts'}")
    done = ran(*line)
    path.write_text("[tool.clipgate]\nclips = []\n")
    wrong = ran(*line)

    assert done.stderr.startswith(f"options from {path}: --clips 7\n")
    assert (2, "") == (wrong.returncode, wrong.stdout)
    assert "line 2: [tool.clipgate] clips = [] has the wrong type (a number)" in wrong.stderr


def test_a_worker_is_handed_what_the_file_says(played: Any, tmp_path: Path) -> None:
    """As plain values, which alone can be sent; it reads no file itself."""
    from execnet.gateway_base import dumps

    from fixtures.resume import handed_on

    class Handing:
        given: dict[str, Any]

        def pytest_collection_modifyitems(self, config: pytest.Config) -> None:
            self.given = handed_on(config)

    written(tmp_path, "clips = 24\nnightly = true\ndata = 'mini'\nallow = 'mini'")
    handing = Handing()
    ended = here(f"--artifacts={tmp_path / 'artifacts'}", "--collect-only", "-q", "-k", "tsm-bs4", "--device=cpu", plugins=[handing])

    assert 0 == ended.status, ended.said
    assert ("24", True) == tuple(handing.given["clipgate_options"][name] for name in ("clips", "nightly"))
    assert {str, bool, type(None), list} >= {type(value) for value in handing.given["clipgate_options"].values()}
    assert dumps(handing.given)


@pytest.mark.parametrize(("text", "words"), [
    ("clip = 3", "line 2: [tool.clipgate] has the unknown key clip"), ("clips = 0", "clips = 0: '0' is not a number"),
    ('device = "x y"', "these are no devices: x y"),
])
def test_a_wrong_file_ends_the_run_before_it_begins(tmp_path: Path, text: str, words: str) -> None:
    """With status 4 and one message that names file, line, key and remedy; `--help` works all the same."""
    path = written(tmp_path, text)
    status, _, said = collect(f"--artifacts={tmp_path / 'artifacts'}")

    assert 4 == status
    assert words in said
    assert f"where   {path}" in said
    assert "Traceback" not in said
    assert 0 == collect(f"--config={path}", "--help")[0]


def test_help_has_the_options_in_two_groups() -> None:
    """What is used every day comes first; each option has one plain line."""
    said = collect("--help")[2]
    everyday, rare = said.partition("clipgate, rarely needed:")[0].partition("clipgate, everyday")[2], said.partition("rarely needed:")[2]

    assert all(flag in everyday for flag in ("--device=", "--data=", "--clips=", "--expect=", "--nightly", "--resume=", "--config="))
    for flag in ("--atc-flags=", "--timeout-s=", "--soc-version=", "--allow=", "--locks="):
        assert flag in rare
        assert flag not in everyday
