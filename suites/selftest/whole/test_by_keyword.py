"""What is usual is said by keyword, the same way everywhere but where it must be otherwise."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tools.spec.settings import ROOT

SOURCES = "tools/**/*.py"
USUAL = {"zip": {"strict": True}, "mkdir": {"parents": True, "exist_ok": True}}
UNEVEN = (  # as far as the shorter goes
    "tools.cluster.finding Sources._paths",
    "tools.exchange.pairing _in_names", "tools.exchange.pairing _agreed", "tools.exchange.pairing _covered",
    "tools.locating.clips _batch",
    "tools.measuring.cell Cell.series", "tools.measuring.inputs noted", "tools.media.batches BatchStream.batches",
    "tools.media.batches BatchStream.batches", "tools.reporting.compare _apart", "tools.reporting.speeds _seconds_a_clip",
    "tools.spec.spec_source _given")
NEW = (  # nobody else's work may be there
    "tools.datasets.mini.encode write_jpegs", "tools.datasets.rawframes extract", "tools.deployment.compile build",
    "tools.locating.on_device OnDevice._ran", "tools.measuring.earlier _own_place", "tools.measuring.launch _own_scratch",
    "tools.storage.publishing empty_partial")
OTHERWISE = Counter([(f"{where} zip", "strict=False") for where in UNEVEN] + [(f"{where} mkdir", "parents=True") for where in NEW] + [
    ("tools.datasets.mini.videos build mkdir", ""), ("tools.machine.device_locks require mkdir", ""),
    ("tools.spec.template write mkdir", "exist_ok=True")])


def calls(node: ast.AST, place: str, name: str = "") -> Iterator[tuple[str, str]]:
    """Each call of a function of USUAL that says something else: where it stands, and what it says."""
    for one in ast.iter_child_nodes(node):
        inner = f"{name}.{one.name}".lstrip(".") if isinstance(one, ast.FunctionDef | ast.ClassDef) else name
        if isinstance(one, ast.Call):
            called = ast.unparse(one.func).rpartition(".")[2]
            told = {key.arg: key.value.value for key in one.keywords if isinstance(key.value, ast.Constant)}
            said = {key: value for key, value in told.items() if isinstance(value, bool)}
            if called in USUAL and said != USUAL[called]:
                yield f"{place} {inner} {called}", ", ".join(f"{key}={value}" for key, value in said.items())
        yield from calls(one, place, inner)


def test_lists_are_walked_together_to_their_ends_and_folders_are_made_where_they_are_not() -> None:
    """Lists of other lengths would lose their ends unseen; the few that may differ are known."""
    found = Counter(one for path in sorted(ROOT.glob(SOURCES)) for one in calls(
        ast.parse(path.read_text(encoding="utf-8")), ".".join(path.relative_to(ROOT).with_suffix("").parts)))

    assert OTHERWISE == found


def test_a_process_counts_the_cores_that_it_may_use_itself() -> None:
    """Another's are none of its business: 0 stands for itself."""
    asked = re.findall(r"sched_getaffinity\(([^)]*)\)", "".join(path.read_text(encoding="utf-8") for path in ROOT.glob(SOURCES)))

    assert {"0"} == set(asked)
