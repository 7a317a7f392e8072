"""One run that has everything, and all that is told of it as text.

python -m suites.selftest.reporting.whole_run   writes down what is told now
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from suites.selftest.locating.found_ones import TOO_LARGE, found, located, network
from suites.selftest.reporting.runs import NAME, SHARE, cell_of, clip, flip, flipped, history_of, night, rate, row, run_of
from tools.engines.idle import Idle, Reading
from tools.judging.numbers import Numbers, Pairs
from tools.judging.rows import Row
from tools.locating import kept
from tools.locating.told import names
from tools.measuring.cell import IDLE, TIMES, Times, write
from tools.reporting import charts, compare, index, page
from tools.reporting.facts import Report
from tools.reporting.gather import gathered
from tools.reporting.junit import junit
from tools.reporting.markdown import markdown
from tools.reporting.packed import charts_data
from tools.spec.settings import ROOT
from tools.storage.runs import ASKED, Ended, note_end

WRITTEN = Path(__file__).with_name("written")
NPU = "tiny-bs4-npu0"
WIDTH = 130
DIGITS = 9  # of a number; the rest may differ from machine to machine


def rows() -> list[Row]:
    """Of each question and word at least one, and an earlier try."""
    npu: dict[str, Any] = {"device": "npu:0", "chip": "Ascend310P3", "precision": "fp16", "simulated": True}
    limit = Numbers("cosine", 0.99995, 0.9999, limit="at least")
    return [
        row("tiny-bs1-cpu", numbers=replace(SHARE, pairs=Pairs(96, -0.02, 0.03, 1, 2))), rate("tiny-bs1-cpu", verdict="SUSPECT"),
        row("tiny-bs1-cpu", metric="top1", numbers=Numbers("share", 0.9, 0.9), verdict="PASS", reason="beside the published figure"),
        row(verdict="FAIL", superseded=True), row(attempt=2), row(metric="top5", numbers=replace(SHARE, measured=0.99, pairs=Pairs(96))),
        row(question="fidelity", metric="cosine", numbers=limit, verdict="FAIL", reason="a clip's scores point elsewhere"),
        rate(verdict="RECORDED", learning="3 of 8 nights"),
        replace(rate(verdict="RECORDED", within="clips/s"), metric="tem clips/s"),
        row(NPU, "fidelity", "difference", "PASS (mini, simulated)", numbers=Numbers("share", 1e-4, 1e-3, limit="at most"), **npu),
        rate(NPU, verdict="NO VERDICT", reason="the device was busy", **npu),
        row("tiny-bs8-npu0", verdict="ERROR", exit_reason="error", reason="the device left", numbers=None, **npu),
        row("tiny-bs16-npu0", verdict="", exit_reason="skipped", numbers=None, **npu),
        row("tiny-bs32-npu0", verdict="", exit_reason="xfail", numbers=None, **npu),
        row("tiny-bs1-npu0", exit_reason="xpass", **npu | {"commit": "ba9876543210"})]


def planted(folder: Path) -> Path:
    """The run, its cells with flipped clips and a history, in *folder*."""
    nights = [*(night(number, f"run{number}") for number in range(1, 9)), night(9, "other", unit="else/cpu"),
              *(night(number, f"run{number}", 30.0, "onnxruntime 2") for number in range(10, 18)), night(18, NAME, 30.0, "onnxruntime 2")]
    history = history_of(folder / "history", nights)
    run = run_of(folder, rows(), nightly="yes", allow="recorded", history=str(history), keyword="bs4-", precision="fp16")
    told = json.loads((run / ASKED).read_text())
    (run / ASKED).write_text(json.dumps({**told, "selected": [("tiny-bs1-cpu", "accuracy"), ("tiny-bs2-cpu", "accuracy")]}))
    note_end(run, Ended(1, ("a plugin said so",), nightly=True, allow=""))
    (folder / "classes.txt").write_text("".join(f"class_{number}\n" for number in range(8)))
    flipped(run, [flip("v_sure", clip(folder, "v_sure")), flip("v_gone", folder / "v_gone", sure=0.5)])
    cell_of(run / NPU, NPU, chip="Ascend310P3", precision="fp16", simulated=True, clips=64, scoring_s=8.0, surgery="one, two",
            engine={"streams": "2"}, busy=0.4, waited_s={"decode": 4.84, "copy": 0.25}, versions={"CANN": "6.3"})
    write(Times((0.16, 0.17), 4, (0.01, 0.011, 0.012, 0.013, 0.014), warm_up=(0.5,)), run / NPU / TIMES)
    write(Idle("idle", (), 3, readings=(Reading(1000.0, 50.0, 30.0), Reading(900.0, 61.0, 33.5))), run / NPU / IDLE)
    cell_of(run / "tiny-bs64-cpu", "tiny-bs64-cpu")
    kept.keep(kept.of(located(found(causes=(TOO_LARGE,))), names(network(), found())), run)
    return run


def _bare(html: str) -> str:
    """A page without its style and its scripts, which lie in files of their own."""
    empty = re.sub(r"(<(?:style|script)[^>]*>).*?(</)", r"\1\2", html, flags=re.DOTALL)
    return re.sub(r"'sha256-[^']+'", "'sha256'", empty)


def _json(value: object, indent: str = "") -> str:
    """JSON of few lines; floats with as many digits as every machine agrees on."""
    if isinstance(value, float):
        value = float(f"{value:.{DIGITS}g}")
    items = [(f"{json.dumps(name)}: ", one) for name, one in value.items()] if isinstance(value, dict) else [
        ("", one) for one in value] if isinstance(value, list | tuple) else []
    if not items:
        return json.dumps(value, ensure_ascii=False)
    left, right = "{}" if isinstance(value, dict) else "[]"
    parts = [f"{name}{_json(one, f'{indent} ')}" for name, one in items]
    if (len(line := ", ".join(parts)) <= WIDTH and "\n" not in line) or not any(isinstance(one, dict | list | tuple) for _, one in items):
        return f"{left}{line}{right}"
    return f"{left}\n" + ",\n".join(f"{indent} {part}" for part in parts) + f"\n{indent}{right}"


def told(folder: Path) -> dict[str, str]:
    """By the name of a file: all that is told of that run, beside another, and of the folder of runs."""
    run = planted(folder)
    report = gathered(run)
    report = replace(report, missing=tuple(said.replace(str(folder), "FOLDER") for said in report.missing))
    fewer = [replace(one, measured="0.9", numbers=Numbers("share", 0.9, 0.9583)) if one.metric == "top5" else one for one in rows()[:9]]
    second: Report = gathered(run_of(folder / "second", [*fewer, row("tiny-bs2-cpu")]))
    compared = compare.compared(report, second)
    data = json.loads(charts_data(report, 8))
    specs, [_] = data.pop("specs"), data.pop("speed")
    texts = {
        "facts.json": _json(asdict(report)), "page.html": _bare(page.html(report, "draw();")),
        "summary.txt": markdown(report), "junit.xml": junit(report).decode(),
        "charts.json": _json(specs), "data.json": _json(data),
        "speeds.json": _json(charts.speed_chart([*report.speeds, *(replace(one, of="a chip of it", per="chip") for one in report.speeds)])),
        "compared.txt": "\n".join(compare.table(compared)), "compared.html": _bare(page.comparison_html(compared)),
        "index.html": _bare(page.index_html(index.lines(folder, folder)))}
    bare = {name: re.sub(r"(data:image/jpeg;base64,)[\w+/=]+", r"\1", text).strip() for name, text in texts.items()}
    return {name: text.replace(str(folder), "FOLDER").replace(str(ROOT), "ROOT") for name, text in bare.items()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        for name, text in told(Path(made)).items():
            (WRITTEN / name).write_text(f"{text}\n", encoding="utf-8")
