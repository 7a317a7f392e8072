"""A batch goes into a graph of another layout without a number changed, or the graph is refused by name."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from suites.selftest.deployments import noise
from tools.engines import fit
from tools.engines.fit import Asked, exact, fitted
from tools.engines.ports import Axes, Port, Ports
from tools.errors import EngineError
from tools.spec.catalog import load_spec
from tools.spec.given import Said, axes
from tools.spec.model import Network, Tensor
from tools.spec.settings import MODELS

TSM, SLOWFAST, R2PLUS1D = (load_spec(MODELS, name).networks[0] for name in ("tsm", "slowfast", "r2plus1d"))
TEM, PEM = load_spec(MODELS, "bsn").networks
SMALL = Network(name="small", input=Tensor("video", (2, 3, 4, 5)), output=Tensor("class", (6,)))
VIEWS = Network(name="views", input=Tensor("video", (3, 2, 4, 5, 5)), output=Tensor("class", (6,)), rows=3)
ALL = replace(TSM, input=Tensor("video", (3, 3, 4, 4)))  # three frames of three channels


def graph(shape: Axes, gives: Axes = (4, 6), dtype: str = "float32") -> Ports:
    return Ports((Port("x", dtype, shape),), (Port("y", "float32", gives),))


@pytest.mark.parametrize(("network", "letters", "shape", "word", "spelt"), [
    (SMALL, "TCHW", (4, 2, 3, 4, 5), "NTCHW", "btchw->btchw"), (SMALL, "TCHW", (4, 3, 2, 4, 5), "NCTHW", "btchw->bcthw"),
    (SMALL, "TCHW", (None, 2, 4, 5, 3), "NTHWC", "btchw->bthwc"), (SMALL, "TCHW", (4, 4, 5, 2, 3), "NHWTC", "btchw->bhwtc"),
    (SMALL, "TCHW", (8, 3, 4, 5), "NCHW", "btchw->(bt)chw"), (SMALL, "TCHW", (8, 4, 5, 3), "NHWC", "btchw->(bt)hwc"),
    (VIEWS, "VCTHW", (4, 3, 2, 4, 5, 5), "NVCTHW", "bvcthw->bvcthw"), (VIEWS, "VCTHW", (12, 2, 4, 5, 5), "NCTHW", "bvcthw->(bv)cthw"),
    (VIEWS, "VCTHW", (12, 4, 2, 5, 5), "NTCHW", "bvcthw->(bv)tchw")])
def test_a_batch_is_arranged_as_the_graph_takes_it(network: Network, letters: str, shape: Axes, word: str, spelt: str) -> None:
    """Each number is where the graph looks for it, in one piece; views and frames may be its batch."""
    fit = fitted(graph(shape), network, 4, Asked(letters))
    batch = noise(4, *network.input.shape)
    arranged = fit.arranged(batch)
    ours, theirs = spelt.split("->")
    expected = np.einsum(f"{ours}->{theirs.replace('(', '').replace(')', '')}", batch).reshape(tuple(size or 4 for size in shape))

    assert word == fit.layout
    assert arranged.flags.c_contiguous
    np.testing.assert_array_equal(expected, arranged)


def test_a_batch_that_is_right_already_is_not_copied() -> None:
    batch = noise(4, 2, 3, 4, 5)

    assert np.shares_memory(batch, fitted(graph((4, 2, 3, 4, 5)), SMALL, 4, Asked("TCHW")).arranged(batch))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_a_graph_gets_the_type_it_takes(dtype: str) -> None:
    arranged = fitted(graph((4, 2, 3, 4, 5), dtype=dtype), SMALL, 4, Asked("TCHW")).arranged(noise(4, 2, 3, 4, 5))

    assert dtype == arranged.dtype.name


@pytest.mark.parametrize(("letters", "words"), [
    ("CHW", "NCHW NHWC"), ("LC", "NLC NCL"), ("TCHW", "NTCHW NTHWC NCTHW NCHWT NHWTC NHWCT NCHW NHWC"),
    ("VCTHW", "NVCTHW NVCHWT NVTCHW NVTHWC NVHWCT NVHWTC NCTHW NCHWT NTCHW NTHWC NHWCT NHWTC")])
def test_only_frames_and_views_may_be_part_of_the_batch(letters: str, words: str) -> None:
    """Channels never; views come first where they stay."""
    assert set(words.split()) == {one.word for one in fit._layouts(letters, range(2, 3 + len(letters)))}


@pytest.mark.parametrize("letters", ["TCHW", "VCTHW"])
def test_every_layout_is_offered_once(letters: str) -> None:
    """Channels and frames anywhere beside the picture; height before width; views first."""
    network = ALL if letters == "TCHW" else replace(ALL, input=Tensor("video", (2, 7, 5, 4, 4)))
    free = {"TCHW": ("TCS", "CS"), "VCTHW": ("VCTS", "CTS")}[letters]
    words = {"N" + "".join(order).replace("S", "HW") for one in free for order in permutations(one) if "V" not in one or order[0] == "V"}
    sizes = dict(zip(letters, network.input.shape, strict=True))
    for word in words:
        merged = np.prod([sizes[letter] for letter in letters if letter not in word], dtype=int)
        shape = (int(2 * merged), *(sizes[letter] for letter in word[1:]))
        assert word == fitted(graph(shape, (2, 101)), network, 2, Asked(letters, Said("", word))).layout


@pytest.mark.parametrize(("network", "letters", "batch"), [(TSM, "TCHW", 16), (SLOWFAST, "VCTHW", 4), (R2PLUS1D, "VCTHW", 4),
                                                           (TEM, "CT", 1), (PEM, "PC", 1)])
def test_each_model_takes_its_own_layout(network: Network, letters: str, batch: int) -> None:
    """And its axes are what its spec says."""
    spec = load_spec(MODELS, "bsn" if network in (TEM, PEM) else network.name)
    given = graph((batch, *network.input.shape), (batch * network.rows, *network.output.shape))

    assert letters == axes(spec, network)
    assert "N" + letters == fitted(given, network, batch, Asked(letters)).layout


@pytest.mark.parametrize(("shape", "asked", "what", "remedy"), [
    ((None, None, None, None, None), Asked("TCHW"), "which may be NTCHW or NTHWC or NCTHW", "--graph-input x=NTCHW or x=NTHWC or x=NCTHW"),
    ((1, 8, 3, 224, 224), Asked("TCHW"), "one of batch 1, and batch 4 is asked for: its input is x float32", "-k bs1"),
    ((4, 3, 32, 224, 224), Asked("TCHW"), r"x float32 \[4, 3, 32, 224, 224\], and tsm at batch 4 is NTCHW \[4, 8, 3, 224, 224\]; or NT",
     "of this model"),
    ((4, 3, 8, 224, 224), Asked("TCHW", Said("x", "NTCHW")), r"tsm at batch 4 is NTCHW \[4, 8, 3, 224, 224\](?!; or)", "of this model"),
    ((4, 8, 3, 224, 224), Asked("TCHW", Said("x", "NVCTHW")), "tsm's input has no layout NVCTHW", "NTCHW, NTHWC"),
    ((4, 8, 3, 224, 224), Asked("TCHW", Said("clip", "NTCHW")), "no input 'clip'; it has x float32", "--graph-input NAME=LAYOUT")])
def test_an_input_that_does_not_fit_is_refused(shape: Axes, asked: Asked, what: str, remedy: str) -> None:
    """The error names both sides, and says what to do."""
    with pytest.raises(EngineError, match=what) as error:
        fitted(graph(shape, (4, 101)), TSM, 4, asked)
    assert remedy in str(error.value.remedy)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bfloat16"])
def test_pixels_that_are_not_normalised_are_refused(dtype: str) -> None:
    with pytest.raises(EngineError, match=f"x {dtype} .* feeds normalised numbers") as error:
        fitted(graph((4, 2, 3, 4, 5), dtype=dtype), SMALL, 4, Asked("TCHW"))
    assert "AIPP" in str(error.value.remedy)


def test_a_graph_of_several_inputs_is_refused() -> None:
    one = graph((4, 2, 3, 4, 5))

    with pytest.raises(EngineError, match=r"2 inputs: x float32 .*, state float32 \[4, 9\]; clipgate feeds one"):
        fitted(Ports((*one.inputs, Port("state", "float32", (4, 9))), one.outputs), SMALL, 4, Asked("TCHW"))


@pytest.mark.parametrize("gives", [(4, 6), (None, 6), (None, None), (8, 6)])
def test_an_output_may_have_a_row_for_each_frame(gives: Axes) -> None:
    """Or one for each item; what comes back is held to that."""
    fit = fitted(graph((4, 2, 3, 4, 5), gives), SMALL, 4, Asked("TCHW"))

    assert ((4, 6), (8, 6)) == fit.answers
    for rows in (4, 8):
        assert (rows, 6) == fit.checked(noise(rows, 6)).shape
    for wrong in (noise(5, 6), noise(4, 7), noise(24), noise(4, 6).astype(np.int32), noise(4, 6).astype(np.float64)):
        with pytest.raises(EngineError, match=r"the graph gave .*, not \[4, 6\] or \[8, 6\]"):
            fit.checked(wrong)


def test_views_frames_or_both_may_be_rows() -> None:
    assert {4, 12, 16, 48} == {rows for rows, _ in fitted(graph((12, 2, 4, 5, 5), (None, 6)), VIEWS, 4, Asked("VCTHW")).answers}


@pytest.mark.parametrize(("outputs", "said", "number"), [
    ((("features", (4, 512)), ("scores", (4, 6))), "", 1), ((("a", (4, 6)), ("b", (4, 6))), "b", 1),
    ((("Gemm_4:0:logits", (4, 6)), ("Relu_2:0:other", (4, 6))), "logits", 0), ((("a", (4, 6)), ("b", (4, 6))), "a", 0)])
def test_the_output_with_the_scores_is_found(outputs: tuple[tuple[str, Axes], ...], said: str, number: int) -> None:
    """By its shape, or by the name that the person says; a device puts the node before it."""
    ports = Ports(graph((4, 2, 3, 4, 5)).inputs, tuple(Port(name, "float32", shape) for name, shape in outputs))

    assert number == fitted(ports, SMALL, 4, Asked("TCHW", output=Said(said, "softmax" if said else ""))).output


@pytest.mark.parametrize(("outputs", "said", "what"), [
    ((("a", (4, 6)), ("b", (4, 6))), "", r"several outputs may be the scores: a float32 \[4, 6\], b float32 \[4, 6\]"),
    ((("a", (4, 400)),), "", r"gives a float32 \[4, 400\], and small gives \[4, 6\] or \[8, 6\]"),
    ((("a", (4, 6)),), "scores", r"no output 'scores'; it has a float32 \[4, 6\]"), ((), "", "the graph gives nothing")])
def test_an_output_that_does_not_fit_is_refused(outputs: tuple[tuple[str, Axes], ...], said: str, what: str) -> None:
    ports = Ports(graph((4, 2, 3, 4, 5)).inputs, tuple(Port(name, "float32", shape) for name, shape in outputs))

    with pytest.raises(EngineError, match=what):
        fitted(ports, SMALL, 4, Asked("TCHW", output=Said(said, "softmax" if said else "")))


def test_our_own_graphs_fit_exactly() -> None:
    """Another name, shape, batch or output is refused: what we made must be what the spec says."""
    own = Ports((Port("video", "float32", (4, 2, 3, 4, 5)),), (Port("class", "float32", (4, 6)),))
    assert (4, 2, 3, 4, 5) == exact(own, SMALL, 4).shape
    wrong = [Ports((replace(own.inputs[0], name="x"),), own.outputs), Ports((replace(own.inputs[0], shape=(4, 3, 2, 4, 5)),), own.outputs),
             Ports((replace(own.inputs[0], dtype="int64"),), own.outputs), Ports(own.inputs, (replace(own.outputs[0], shape=(8, 6)),)),
             Ports(own.inputs, own.outputs * 2), Ports(own.inputs, (replace(own.outputs[0], dtype="int64"),)), Ports((), own.outputs)]
    for ports in wrong:
        with pytest.raises(EngineError, match=r"the graph's (in|out)put is"):
            exact(ports, SMALL, 4)
    with pytest.raises(EngineError, match="the graph's input is"):
        exact(own, SMALL, 8)
