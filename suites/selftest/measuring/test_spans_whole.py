"""A list that two processes score in parts is judged as one that one process has scored."""

from __future__ import annotations

from pathlib import Path

from suites.selftest.conftest import TINY_MODELS, keeping, own_locks
from suites.selftest.specs import recogniser_spec
from tools.judging.kinds import judge_of
from tools.judging.rows import Row
from tools.judging.verdict import Verdict
from tools.measuring import launch, spans
from tools.measuring.predictions import FILE
from tools.nights.measured import unit_of
from tools.spec.case import Case, Device
from tools.spec.settings import Settings
from tools.storage.context import Context

CASE = Case("tiny", 4, Device("cpu"))
SPANS = ((0, 12), (12, 23))
BY = ("node-1 cpu: 12 clips", "node-2 cpu: 11 clips")


def test_clips_scored_in_parts_have_the_scores_of_a_whole_run(tiny_store: Path, tmp_path: Path) -> None:
    """To the bit, with the same inputs noted; the judge passes them, and their row says who scored them."""
    said: list[str] = []
    settings = Settings.parse({"models": str(TINY_MODELS), "artifacts": str(tiny_store), "locks": str(own_locks()), "budget_s": "0.3"})
    context = Context(settings, recogniser_spec(TINY_MODELS, "tiny"), keeping(said))
    found = launch.find(context, CASE)
    whole = launch.launch(context, CASE, found, tmp_path / "whole", timed=False)
    pieces = {span: spans.score(context, CASE, found, tmp_path / f"part-{span[0]}", span).read_bytes() for span in SPANS}
    spans.lay(context, CASE, found, tmp_path / "run", pieces, BY)
    gathered = launch.launch(context, CASE, found, tmp_path / "run", place="node-2/cpu")

    assert (whole.folder / FILE).read_bytes() == (gathered.folder / FILE).read_bytes()
    assert (whole.record.inputs, whole.record.digests) == (gathered.record.inputs, gathered.record.digests)
    assert gathered.untimed is None
    judge = judge_of(context, found.checkpoints, found.dataset)
    judged = [*judge.accuracy(gathered), *judge.fidelity(gathered)]
    assert Verdict.PASS in {one.verdict for one in judged} <= {Verdict.PASS, Verdict.RECORDED}
    words = "measured on node-2/cpu; scored by node-1 cpu: 12 clips, node-2 cpu: 11 clips"
    assert words in Row.of(gathered, "accuracy", judged[0]).reason
    assert "node-2/cpu" == unit_of(gathered)
    assert (BY, "node-2/cpu") == (tuple(gathered.record.scored_by), gathered.record.place)
    assert not [*gathered.folder.glob("scored-*")]
