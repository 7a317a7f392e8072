"""What was found is said in sentences: what comes first is named first, its error beside its neighbours'."""

from __future__ import annotations

from dataclasses import replace

import pytest

from suites.selftest.locating.found_ones import NODE, TOO_LARGE, apart, found, located, network, quiet, seen
from tools.locating import told
from tools.locating.between import between
from tools.locating.values import Difference, Found, Seen, Span, StageSeen, Step

STEP = Step("crop", "a", Difference(0.1, 0.2, 0.9), "frame 2 begins at another pixel")
STAGE = StageSeen("surgery against onnxsim", apart(0.03), 1e-4, Span("Conv_5", 5, 6))


def said(one: Found) -> str:
    return told.result(one, told.names(network(), one))


def test_the_result_is_one_line_of_name_error_cause_and_effect() -> None:
    """The node by its module, its operator and its number; then what is known of it."""
    assert ("layer3.2.conv2 (Conv_2): own error 3.1e-01 where its neighbours have 4e-04; input range 0..7.1e4 exceeds fp16; "
            "since here the scores differ") == said(found(causes=(TOO_LARGE,)))


OWN = "layer3.2.conv2 (Conv_2): own error 3.1e-01 where its neighbours have 4e-04; "


@pytest.mark.parametrize(("one", "words"), [
    (found("together"), ("layer3.2.conv2 (Conv_2) to layer3.2.relu (Relu_3): 2 nodes err together, none by itself; "
                         "own error 3.1e-01 where their neighbours have 4e-04; since here the scores differ")),
    (found("inherited", seen((4e-4, 4e-4, 5e-4, 4e-4))),
     ("no part errs by itself: none has an own error beyond 4e-03; the largest is 5.0e-04, in layer3.2; yet the scores differ by "
      "2.0e-01. Together they err: what is usual of each adds up, or a compiler makes something else of all of them")),
    (quiet(), ("the device computes what its graph says: no part has an own error beyond 4e-03; the largest is 4.0e-04, in conv1; "
               "the scores differ by 7.0e-04")),
    (replace(found("nothing", seen((0.01,) * 4)), kind="everywhere", usual=0.01),
     ("half of the parts err by 1.0e-02 or more, which is beyond the rounding of what the device computes in; none stands out; the "
      "largest is 1.0e-02, in conv1; the scores differ by 2.0e-01")),
    (replace(quiet(), scores=None),
     "no part has an own error beyond 4e-03; the largest is 4.0e-04, in conv1; the scores were not compared"),
    (replace(found(), scores=None), OWN.removesuffix("; ")),
    (found(parts=seen(together=(4e-4, 4e-4, 0.1, 1e-3))), f"{OWN}the scores differ by no more than 1.0e-03 all the same"),
    (found(parts=seen(together=(4e-4, 8e-3, 0.1, 0.1))), f"{OWN}a part of what differs in the scores is there before it"),
    (found(own=apart(float("inf"), 0.125)), ("layer3.2.conv2 (Conv_2): own error inf where its neighbours have 4e-04; 12% of its values "
                                             "are not finite or at the end of half precision; since here the scores differ")),
    (found(parts=seen((0.02, 4e-4, 0.31, 4e-4))),
     f"{OWN}since here the scores differ; another part is beyond the limit too, first conv1"),
    (found(parts=seen((4e-4, 0.02, 0.31, 0.03))), f"{OWN}since here the scores differ"),
    (found(parts=(*seen(), *seen((4e-4, 0.02, 4e-4, 0.02))[1::2])),
     f"{OWN}since here the scores differ; 2 other parts are beyond the limit too, first layer3.1"),
    (replace(found(), usual=0.0),
     "layer3.2.conv2 (Conv_2): own error 3.1e-01 where its neighbours have none; since here the scores differ"),
], ids=["together", "inherited", "nothing", "everywhere", "not-compared", "no-scores", "no-effect", "before", "unusual",
        "another", "usual-there", "others", "exact"])
def test_every_kind_of_result_has_its_sentence(one: Found, words: str) -> None:
    assert words == said(one)


@pytest.mark.parametrize(("read", "words"), [
    (["t0"], "between conv1 (Conv_0) and layer3.2.relu (Relu_3): one of these 3 nodes, or several: nothing was dumped between them; "),
    (["x"], "between the input and layer3.2.relu (Relu_3): one of these 4 nodes, or several: nothing was dumped between them; ")],
    ids=["tensor", "input"])
def test_nodes_between_dumps_are_told_by_what_is_known_around_them(read: list[str], words: str) -> None:
    """By short names; none of them was tried by itself, so that nobody says that none errs so."""
    last = between(network(), [*(name for name in read if name != "x"), "t3"])[-1]
    one = replace(found("between", (Seen(last.span, apart(0.31), apart(0.3)),)), span=last.span, among=len(last.nodes))

    assert said(one).startswith(f"{words}own error 3.1e-01")
    assert "together" not in said(one)
    assert words.partition(":")[0] == told.layers(one, told.names(network(), one))[0].name


@pytest.mark.parametrize(("name", "short"), [
    ("backbone.layer3.2.conv2.conv", "layer3.2.conv2"), ("backbone.layer3.2.conv2.conv.net", "layer3.2.conv2"), ("backbone", "backbone"),
    ("conv", "conv"), ("cls_head.fc_cls", "cls_head.fc_cls"), ("backbone.layer1 (2)", "layer1 (2)"), ("input", "input"),
])
def test_a_module_is_called_without_what_all_share(name: str, short: str) -> None:
    assert short == told.of_module(name)


def test_a_node_that_nobody_has_named_is_called_by_what_it_makes() -> None:
    """It belongs to the module before it, as parts of the network are counted."""
    one = replace(found(), span=Span("y", 4, 5))

    assert {"y": "layer3.2.relu (Softmax_4)"}.items() <= told.names(network(), one).items()


def test_what_comes_first_is_named_first() -> None:
    """A step on the host before a stage of the graph, and that before any node; what agrees is said apart."""
    differing = replace(located(found()), steps=(replace(STEP, name="frames", difference=apart(0.0)), STEP),
                        stages=(replace(STAGE, name="onnxsim against export", difference=apart(1e-6)), STAGE))
    lines = told.sentences(differing, told.names(network(), found()))

    assert ["crop of a: frame 2 begins at another pixel",
            "surgery against onnxsim: the scores differ by 3.0e-02, where 1e-04 is usual; first in Conv_5 (node 5)"] == list(lines[:2])
    assert lines[2].startswith("layer3.2.conv2 (Conv_2): own error")
    assert ("a: frames: as mmaction2 has it", "onnxsim against export: the scores agree, to 1.0e-06") == told.beside(differing)


def test_what_agrees_is_a_line_for_each_clip() -> None:
    """What could not be compared says why."""
    steps = [Step(name, clip, apart(0.0)) for clip in "ab" for name in ("frames", "crop")]
    one = replace(located(None), steps=(*steps, Step("input", "b", None, "mmaction2 is not installed")),
                  stages=(replace(STAGE, difference=None, sentence="not compared: torch not installed"),))

    assert ("a: frames, crop: as mmaction2 has it", "b: frames, crop: as mmaction2 has it", "input: mmaction2 is not installed",
            "surgery against onnxsim: not compared: torch not installed") == told.beside(one)
    assert () == told.sentences(one, {})


@pytest.mark.parametrize(("name", "size", "called"), [
    ("/network/backbone/layer3/layer3.2/conv2/conv/Conv_1", 1, "layer3.2.conv2 (Conv_5)"), ("Conv_12", 1, "Conv_12 (node 5)"),
    ("/network/Reshape", 1, "/network/Reshape (node 5)"), ("/network/a/Add to /network/b/Mul", 2, "/network/a/Add to /network/b/Mul"),
])
def test_a_node_of_a_graph_that_is_not_at_hand_is_called_by_its_own_name(name: str, size: int, called: str) -> None:
    assert called == told.of_other(Span(name, 5, 5 + size))


@pytest.mark.parametrize(("steps", "stages", "one", "is_any"), [
    ((STEP,), (), None, True), ((), (STAGE,), quiet(), True), ((), (), found(), True), ((), (), found("inherited"), True),
    ((), (), quiet(), False), ((replace(STEP, difference=None),), (replace(STAGE, limit=1.0),), quiet(), False), ((), (), None, False),
], ids=["step", "stage", "node", "inherited", "nothing", "agree", "unlooked"])
def test_what_differs_anywhere_is_something(steps: tuple[Step, ...], stages: tuple[StageSeen, ...], one: Found | None, *,
                                            is_any: bool) -> None:
    assert is_any == told.named_any(replace(located(one), steps=steps, stages=stages))


def test_the_table_has_the_worst_layer_first_and_marks_where_the_node_is() -> None:
    """Both errors, their largest difference and cosine, and what share of values is unusual."""
    one = found(parts=(*seen()[:3], replace(seen()[3], own=apart(0.5, 0.25), cumulative=None)))
    head, *rows = told.table(told.layers(one, told.names(network(), one)))

    assert "part own error largest cosine unusual up to here largest cosine" == " ".join(head.split())
    assert ["cls_head", "layer3.2 <", "conv1", "layer3.1"] == [row.partition("  ")[0] for row in rows]
    assert ["cls_head", "5.0e-01", "1.5e+00", "0.750000", "25.00%", "-", "-", "-"] == rows[0].split()
    assert ["layer3.2", "<", "3.1e-01", "9.3e-01", "0.903900", "3.0e-01", "9.0e-01", "0.910000"] == rows[1].split()


@pytest.mark.parametrize(("unknown", "words"), [
    (1.0, "device against its graph: not compared: all values are NaN in the reference itself"),
    (0.25, ("device against its graph: the scores agree, to 1.0e-06; of 25% of the values nothing is said, which are NaN in the "
            "reference itself"))])
def test_scores_that_nobody_knows_do_not_agree(unknown: float, words: str) -> None:
    """What the reference gives as NaN is told."""
    stage = StageSeen("device against its graph", replace(apart(1e-6), unknown=unknown), 1e-4)

    assert (words,) == told.beside(replace(located(None), stages=(stage,)))


def test_a_device_is_not_called_right_where_the_reference_knows_nothing() -> None:
    """Nor does the table show an error of such a part."""
    dark = Difference(0.0, 0.0, 1.0, 0.0, 1.0)
    one = found("nothing", (*quiet().seen[:3], replace(quiet().seen[3], own=dark, cumulative=dark)))

    assert said(one).startswith("the reference itself holds NaN from cls_head on, of which nothing is said: no part has an own error")
    assert ["cls_head", "-", "-", "-", "100.00%", "unknown", "-", "-", "-"] == told.table(told.layers(one, {}))[-1].split()


def test_a_part_that_was_not_looked_at_comes_last() -> None:
    parts = (replace(seen()[0], own=None), *seen()[1:])

    assert "backbone.conv1.conv" == told.worst_first(told.layers(found(parts=parts), {}))[-1].name


def test_names_tell_nodes_and_parts_apart() -> None:
    names = told.names(network(), found())

    assert "layer3.2" == names["backbone.layer3.2"]
    assert "layer3.2.conv2 (Conv_2)" == names[NODE]
