"""A run on a cluster ends as a run on this machine: the same scores, verdicts and words. Ray is pretended."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from suites.selftest.cluster.pretence import VARIABLE, Pretended
from suites.selftest.conftest import Run, own_locks
from suites.selftest.simulated.trials import Host
from tools.judging import results
from tools.measuring.predictions import FILE

PLUGIN = ("-p", "suites.selftest.cluster.pretended", "--ray=auto", "-s")
FEW = ("-k", "bs4 and not throughput", "--clips=8", "--ray-shard=4")
BY = re.compile(r"(tiny-\S+(?: \d+-\d+)?) by (node-\d)$", re.MULTILINE)


def nodes(folder: Path, artifacts: Path | None = None) -> dict[str, str]:
    """Two nodes with files of options of their own; without *artifacts* each has an empty store."""
    found = {}
    for name in ("node-1", "node-2"):
        place = artifacts or folder / name / "artifacts"
        place.mkdir(parents=True, exist_ok=True)
        found[name] = str(folder / f"{name}.toml")
        Path(found[name]).write_text(f'[tool.clipgate]\nartifacts = "{place}"\nlocks = "{own_locks()}"\n')
    return found


def run_of(done: subprocess.CompletedProcess[str]) -> Path:
    """The folder that the run left."""
    return Path(re.findall(r"results: (\S+)/results.jsonl", done.stdout)[-1])


def verdicts(run: Path) -> list[tuple[str, str, str, str]]:
    return [(row.case, row.metric, row.measured, row.verdict) for row in results.read(run)]


def test_a_run_on_nodes_ends_as_one_on_this_machine(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """Also where no node has anything in its store, and one is gone in the middle: equal scores."""
    alone = run_of(acceptance(*FEW[:3]))
    pretended = Pretended(nodes(tmp_path), shared=False, dies=("node-2", 1))
    done = acceptance(*PLUGIN, *FEW, environment={VARIABLE: pretended.text})
    run = run_of(done)

    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(alone) == verdicts(run)
    assert (alone / "tiny-bs4-cpu" / FILE).read_bytes() == (run / "tiny-bs4-cpu" / FILE).read_bytes()
    assert "was lost on node-2/cpu (the node is gone)" in done.stdout
    assert "node-1/cpu" == json.loads((run / "tiny-bs4-cpu" / "cell.json").read_text())["place"]
    for words in ("node-1/cpu: measuring tiny-bs4-cpu clips 1 to 4 ...", "clipgate: cluster auto: 2 nodes with 2 cpu",
                  "clipgate: not used: node-9: it has the code of another commit", "left the cluster"):
        assert words in done.stdout


def test_an_interrupted_run_goes_on_with_its_parts(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """Ctrl-C cancels what goes on and says how to resume; what is kept is not scored again."""
    known = nodes(tmp_path, tiny_store)
    ended = acceptance(*PLUGIN, *FEW, environment={VARIABLE: Pretended(known, stops=1).text})
    [resume] = re.findall(r"pytest (--resume=\S+)", ended.stdout)
    assert 2 == ended.returncode
    assert "cancelled 1" in ended.stdout

    done = acceptance(*PLUGIN[:2], "-s", resume, environment={VARIABLE: Pretended(known).text})

    assert done.returncode == 0, done.stdout + done.stderr
    assert ["tiny-bs4-cpu 1-4"] == [key for key, _ in BY.findall(ended.stdout)]
    assert ["tiny-bs4-cpu 5-8", "tiny-bs4-cpu"] == [key for key, _ in BY.findall(done.stdout)]
    assert "tiny-bs4-cpu: 4 of 8 clips were scored before" in done.stdout


def test_a_case_goes_to_any_npu(acceptance: Run, tiny_store: Path, tmp_path: Path, host: Host) -> None:
    """Its id has no index and says that it is simulated; the record says who measured it.

    Nodes have stores of their own: each compiles the model, and no two files of a compiler are equal.
    """
    pretended = Pretended(nodes(tmp_path), npus=2, shared=False)
    done = acceptance(*PLUGIN, *FEW, environment={**host.npu.environment(), VARIABLE: pretended.text})
    folder = run_of(done) / "tiny-bs4-npusim"
    compiled = [path.read_bytes() for path in tmp_path.glob("node-*/artifacts/store/om/*/model.om")]

    assert done.returncode == 0, done.stdout + done.stderr
    assert 2 == len(set(compiled))
    assert {"node-1", "node-2"} == {words.split()[0] for words in json.loads((folder / "cell.json").read_text())["scored_by"]}
    assert re.fullmatch(r"node-\d/npu\dsim", json.loads((folder / "cell.json").read_text())["place"])
    assert "PASS (mini, simulated)" in done.stdout


@pytest.mark.parametrize(("options", "words"), [
    (("-n", "2"), "-n starts processes on this machine"), (("--confirm=3",), "no doubtful speed is measured again across a cluster"),
    (("--device=npu:0",), "with --ray a case goes to any npu of the cluster"),
    (("--device=npu", "-k", "bs4"), "no node that can be used has a device of the family npu"),
])
def test_what_cannot_be_is_told_before_anything_is_built(acceptance: Run, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """One sentence and a remedy, and no task of a node."""
    done = acceptance(*PLUGIN, *options, environment={VARIABLE: Pretended(nodes(tmp_path)).text})

    assert 4 == done.returncode
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert [] == BY.findall(done.stdout)


def test_cases_of_a_cluster_are_collected(acceptance: Run, tmp_path: Path) -> None:
    """Each once, whatever the number of nodes; by night the header says that no speed is measured again."""
    done = acceptance(*PLUGIN, "--collect-only", "--nightly", "--data=mini", "--allow=mini", "--history=off",
                      environment={VARIABLE: Pretended(nodes(tmp_path)).text})

    assert 0 == done.returncode, done.stderr
    assert 1 == done.stdout.count("test_accuracy[tiny-bs4-cpu]")
    assert "clipgate: a doubtful speed is not measured again across a cluster" in done.stdout
