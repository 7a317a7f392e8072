"""A toml that is wrong is refused once, with all that is wrong in it and the line of each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.errors import TruthError
from tools.spec import truth
from tools.spec.faults import Place
from tools.spec.settings import MODELS
from tools.spec.toml_lines import lines_of
from tools.spec.truth import read_truth

TSM = (MODELS / "tsm.toml").read_text()
REFERENCES = '[gates.accuracy.references]\ntop1 = "r0011"\ntop5 = "r0012"'


def faults(path: Path, text: str) -> list[str]:
    """What is said of a toml of this text, a line for each fault."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TruthError) as caught:
        read_truth(path)
    assert str(path) == caught.value.where
    first, *lines = caught.value.what.splitlines()
    assert first == f"{'one thing is' if len(lines) == 1 else f'{len(lines)} things are'} wrong in {path.name}:"
    return [line.removeprefix("  ") for line in lines]


@pytest.mark.parametrize(("old", "new", "expected"), [
    ('dataset = "', 'datasets = "', ["dataset is missing or no text", "line 3: unknown key datasets"]),
    ('dataset = "UCF101-split1-val(3783)"', "", ["dataset is missing or no text"]),
    ('dataset = "UCF101-split1-val(3783)"', "dataset = 5", ["line 3: dataset is missing or no text"]),
    ("[gates.throughput]", "[gates.speed]", ["line 30: [gates] has the unknown key speed"]),
    ("max_drop = 0.01", "max_drops = 0.01", [
        "line 14: [gates.accuracy] max_drop is missing",
        "line 15: [gates.accuracy] has the unknown key max_drops",
    ]),
    ("max_drop = 0.01", "", ["line 14: [gates.accuracy] max_drop is missing"]),
    ("max_drop = 0.01", 'max_drop = "1 %"', ['line 15: [gates.accuracy] max_drop = "1 %" has the wrong type (a number from 0 to below 1)']),
    ("max_drop = 0.01", "max_drop = true", ["line 15: [gates.accuracy] max_drop = true has the wrong type (a number from 0 to below 1)"]),
    ("max_loss_clips = 1", "max_loss_clips = 1.5", [
        "line 22: [gates.pairs] max_loss_clips = 1.5 has the wrong type (a whole number from 0 on)",
    ]),
    ("max_loss_clips = 1", "max_loss_clips = true", [
        "line 22: [gates.pairs] max_loss_clips = true has the wrong type (a whole number from 0 on)",
    ]),
    ("min_cosine = 0.9999", "", ["line 25: [gates.fidelity.fp32] min_cosine is missing"]),
    ("[gates.fidelity.fp32]", "[gates.fidelity]\nfp16 = 0.1\n[gates.fidelity.fp32]", ["line 26: [gates.fidelity.fp16] should be a table"]),
    ('sha256_prefix = "1fae312b"', "", ["line 8: [weights] sha256_prefix is missing"]),
    ('top1 = "r0011"', 'top1 = "r9999"', ['line 18: [gates.accuracy.references] top1: no figure has the id "r9999"']),
    ('top5 = "r0012"', 'top5 = "r9998"', ['line 19: [gates.accuracy.references] top5: no figure has the id "r9998"']),
    ('t4 = "T4"', 't4 = "T5"', ['line 31: [gates.throughput] t4: no figure is of the device "T5"']),
    ('t4 = "T4"', 't4 = ""', ['line 31: [gates.throughput] t4: no figure is of the device ""']),
    ('top1 = "r0011"', 'top2 = "r0011"', ["line 18: [gates.accuracy.references] has the unknown metric top2"]),
    ('top1 = "r0011"', 'top1 = "r0012"', ["line 18: [gates.accuracy.references] top1: r0012 is a figure of top5, not of top1"]),
    ('top1 = "r0011"', "top1 = 11", ["line 18: [gates.accuracy] references: top1 = 11 has the wrong type (text)"]),
    ('top1 = "r0011"\ntop5 = "r0012"', "", ["line 17: [gates.accuracy.references] names no figure"]),
    ("[gates.accuracy.references]", "", [
        "line 14: [gates.accuracy] references is missing",
        "line 18: [gates.accuracy] has the unknown key top1",
        "line 19: [gates.accuracy] has the unknown key top5",
    ]),
    (REFERENCES, 'references = "r0011"', ['line 17: [gates.accuracy] references = "r0011" has the wrong type (a table)']),
    (REFERENCES, "", ["line 14: [gates.accuracy] references is missing"]),
    ("[gates.pairs]", "[gates.recall]\nmax_difference = 0.01\n[gates.pairs]", [
        "line 14: [gates] needs either [gates.pairs] or [gates.recall]",
    ]),
    ("[gates.pairs]", "[gates.fidelity.other]", [
        "line 14: [gates] needs either [gates.pairs] or [gates.recall]",
        "line 21: [gates.fidelity.other] max_relative_difference, min_cosine, max_flipped_share are missing",
        "line 22: [gates.fidelity.other] has the unknown key max_loss_clips",
        "line 23: [gates.fidelity.other] has the unknown key max_loss_share",
    ]),
    ("[gates.pairs]", "[gates.recall]\nmax_difference = 0.01", [
        "line 23: [gates.recall] has the unknown key max_loss_clips",
        "line 24: [gates.recall] has the unknown key max_loss_share",
    ]),
    ("[weights]", "[weights.tem]", ['line 8: [weights.tem] no figure is of the network "tem"']),
    ("[weights]", '[weights.tem]\nfile = "x"\n[weights]', [
        'line 8: [weights.tem] no figure is of the network "tem"',
        "line 8: [weights.tem] url, sha256_prefix are missing",
        "line 11: [weights.file] should be a table",
        "line 12: [weights.url] should be a table",
        "line 13: [weights.sha256_prefix] should be a table",
    ]),
    ("[weights]", "[weights]\n[weights.tem]\nname = 4", [
        'line 9: [weights.tem] no figure is of the network "tem"',
        "line 10: [weights.tem] has the unknown key name",
    ]),
    ("guide = [", "guides = [", ["line 39: [figures] guides has no entry in [sources]"]),
    ("guide = [", 'hearsay = [{id = "x"}]\nguide = [', [
        "line 39: [figures] hearsay has no entry in [sources]",
        "line 39: [figures] x device, metric, value, unit, kind, status, section are missing",
    ]),
    ("guide = [", 'guide = [{id = "x"},', ["line 39: [figures] x device, metric, value, unit, kind, status, section are missing"]),
    ("guide = [", "guide = [7,", ["line 39: [figures] guide should hold tables only, and 7 is none"]),
    ('id = "r0002"', 'id = "r0001"', ['line 69: [archive] r0001 is one of 2 figures that have the id "r0001"']),
    ("value = 0.9963", 'value = "99.63 %"', ['line 69: [archive] r0002 value = "99.63 %" has the wrong type (a number above 0)']),
    ('kind = "raw"', 'kind = "roh"', ['line 40: [figures] r0011 kind = "roh" has the wrong type (one of raw, derived, ratio)']),
    ('section = "6.2"', 'section = "6.2", page = 4', ["line 40: [figures] r0011 has the unknown key page"]),
    ('section = "6.2"', 'section = "6.2", source = "hearsay"', ["line 40: [figures] r0011 has the unknown key source"]),
    ('section = "6.2"', 'section = "6.2", origin = "history"', ["line 40: [figures] r0011 has the unknown key origin"]),
    ('section = "6.2"', 'section = "6.2", network = 3', ["line 40: [figures] r0011 network = 3 has the wrong type (text)"]),
    ('status = "ok"', 'status = "fine"', ['line 40: [figures] r0011 status = "fine" has the wrong type (one of ok, truncated, rounding']),
    ('status = "ok"', 'status = "wrong"', ["line 40: [figures] r0011 is wrong and has no corrected value"]),
    ('status = "ok"', 'status = "ok", corrected = 0.9', ["line 40: [figures] r0011 is ok and has a corrected value"]),
    ('status = "ok", section = "6.3", note = "3574/3783"', 'status = "suspect", section = "6.3"', [
        "line 68: [archive] r0001 is suspect and has no note that says why",
    ]),
    ("[figures]", "[[known_issues]]\ndevice = 3\n[figures]", [
        "line 38: [[known_issues]] 1 batch, kind, stage, reason are missing",
        "line 39: [[known_issues]] 1 device = 3 has the wrong type (text)",
    ]),
    ("[archive]", "[archives]", ["line 66: unknown key archives"]),
    ("[archive]", "[archive]\nhearsay = [7]", [
        "line 67: [archive] hearsay has no entry in [sources]",
        "line 67: [archive] hearsay should hold tables only, and 7 is none",
    ]),
    ("[archive]\nguide = [", "[archive]\nguide = [7,", ["line 67: [archive] guide should hold tables only, and 7 is none"]),
    ('id = "r0013"', 'id = "r0001"', ['line 68: [archive] r0001 is one of 2 figures that have the id "r0001"']),
    ('top1 = "r0011"', 'top1 = "r0001"', ['line 18: [gates.accuracy.references] top1: no figure has the id "r0001"']),
    ("[sources]", 'known_issues = "none"\n[sources]', ["line 5: [[known_issues]] should hold tables only"]),
    ("[archive]", '[[known_issues]]\ndevice = "cpu"\nbatch = 5\nkind = "never"\nstage = "X"\nreason = "x"\n[archive]', [
        "line 68: [[known_issues]] 1 batch = 5 is none of 1, 4, 8, 16, 32, 64, or 0 for all of them",
        'line 70: [[known_issues]] 1 stage = "X" is none of OptionError, TruthError, StoreError, DataError, WeightsError',
    ]),
    ("[gates.fidelity.fp32]", "[gates.fidelity.fp16-310]", ["line 25: [gates.fidelity.fp32] is missing"]),
    ("max_loss_share = 0.01", "max_loss_share = 1", [
        "line 23: [gates.pairs] max_loss_share = 1 is a share, and not below 1 (a number from 0 to below 1)",
    ]),
])
def test_each_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    """In the words of the file: its table, its key, the value as it is written, and what may stand there."""
    assert old in TSM
    found = faults(tmp_path / "tsm.toml", TSM.replace(old, new, 1))

    assert len(expected) == len(found), found
    assert [] == [(right, told) for right, told in zip(expected, found, strict=True) if not told.startswith(right)]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """Of every table, in the order of the file; what follows from another fault is not told again."""
    text = TSM
    for old, new in (('dataset = "', 'data = "'), ("max_drop = 0.01", "max_drop = -1"), ("max_loss_clips = 1", "max_loss = 1"),
                     ("min_cosine = 0.9999", "min_cosine = 2"), ('t4 = "T4"', 't4 = "T5"'), ("value = 0.945,", 'value = "0.945",'),
                     ('id = "r0003"', 'id = "r0001"')):
        text = text.replace(old, new, 1)
    found = faults(tmp_path / "own.toml", text)

    assert ["dataset is missing or no text", "line 3: unknown key data", "line 15: [gates.accuracy] max_drop = -1 is not at least 0",
            "line 21: [gates.pairs] max_loss_clips is missing", "line 22: [gates.pairs] has the unknown key max_loss",
            "line 27: [gates.fidelity.fp32] min_cosine = 2 is over 1", 'line 31: [gates.throughput] t4: no figure is of the device "T5"',
            'line 40: [figures] r0011 value = "0.945" has the wrong type (a number above 0)',
            'line 70: [archive] r0001 is one of 2 figures that have the id "r0001"',
            ] == [re.split(r"; known here| \((?!a number above 0\))|, which no|; gates", line)[0] for line in found]


def test_a_toml_that_is_no_toml_is_one_sentence_with_its_line(tmp_path: Path) -> None:
    """What else may be wrong cannot be known then."""
    (tmp_path / "tsm.toml").write_text(TSM.replace("[figures]", "[figures"))
    with pytest.raises(TruthError, match=r"^cannot be read as toml: [^\n]+ \(at line 38, column 9\)\n") as caught:
        read_truth(tmp_path / "tsm.toml")
    first, second = str(caught.value).splitlines()[:2]

    assert first == caught.value.what
    assert second == f"  where   {tmp_path / 'tsm.toml'}"


def test_nobody_asks_for_lines_where_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collecting a matrix reads every toml, and must stay quick."""
    monkeypatch.setattr(truth, "lines_of", lambda text: pytest.fail("the lines are searched for nothing"))

    assert "tsm.toml" == read_truth(MODELS / "tsm.toml").path.name


MANY_WAYS = """a = 1 # a = 2
"quoted.key" = '''
[no.table]
b = 2'''
c.d = [
    1, {e = 5, f = ["[x]", 2]},  # {g = 3}
    1.5e-3,
]
[h]
i = \"\"\"
] } , \\\\" = 3
\"\"\"
j = 1979-05-27 07:32:00
[k.'l m']
n = 'it = "is"'
[[o]]
p = {}
[[o]]
q.r = true
[o.s]
t = -1
"""
WHERE: dict[Place, int] = {
    ("a",): 1, ("quoted.key",): 2, ("c",): 5, ("c", "d"): 5, ("c", "d", 0): 6, ("c", "d", 1): 6, ("c", "d", 1, "e"): 6,
    ("c", "d", 1, "f"): 6, ("c", "d", 1, "f", 0): 6, ("c", "d", 1, "f", 1): 6, ("c", "d", 2): 7, ("h",): 9, ("h", "i"): 10,
    ("h", "j"): 13, ("k",): 14, ("k", "l m"): 14, ("k", "l m", "n"): 15, ("o",): 16, ("o", 0): 16, ("o", 0, "p"): 17, ("o", 1): 18,
    ("o", 1, "q"): 19, ("o", 1, "q", "r"): 19, ("o", 1, "s"): 20, ("o", 1, "s", "t"): 21}


def test_lines_are_those_of_every_way_to_write_a_toml() -> None:
    """Texts over several lines, comments, dotted and quoted keys, arrays of tables, rows within rows."""
    assert lines_of(MANY_WAYS) == WHERE
    assert {*places(tomllib.loads(MANY_WAYS))} == set(WHERE)


@pytest.mark.parametrize("name", sorted(path.stem for path in MODELS.glob("*.toml")))
def test_the_lines_are_those_where_the_keys_stand(name: str) -> None:
    """Every key of the shipped tomls has a line, and its name is on it."""
    text = (MODELS / f"{name}.toml").read_text()
    lines, found = text.splitlines(), lines_of(text)

    assert [] == [place for place in places(tomllib.loads(text)) if isinstance(place[-1], str) and place[-1] not in lines[found[place] - 1]]


def places(value: object, at: Place = ()) -> Iterator[Place]:
    """Every key and row of a toml."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*at, key)
        yield from places(one, (*at, key))
