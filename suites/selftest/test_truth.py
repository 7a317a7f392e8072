"""Stored numbers: every derived figure follows from its own raw ones, and a toml that is not as it must be is refused."""

from __future__ import annotations

import ast
import operator
import re
import tomllib
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tools.catalog import load_truth
from tools.errors import TruthError
from tools.settings import MODELS
from tools.truth import Figure, Truth, read_truth

NAMES = sorted(path.stem for path in MODELS.glob("*.toml"))
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
CONSTANTS = {1, 4, 1000}  # the inverse of a sum of inverses, chips of a 310 card, milliseconds of a second
TSM = (MODELS / "tsm.toml").read_text()


def value_of(node: ast.expr) -> Fraction:
    """The exact value of an expression of numbers, + - * / and parentheses; nothing else is evaluated."""
    match node:
        case ast.Constant(value=number) if type(number) in (int, float):
            return Fraction(ast.unparse(node))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            result: Fraction = OPERATORS[type(op)](value_of(left), value_of(right))
            return result
    raise ValueError(f"not arithmetic: {ast.unparse(node)}")


def evaluate(expression: str) -> Fraction:
    return value_of(ast.parse(expression, mode="eval").body)


def operands(expression: str) -> list[Fraction]:
    return [Fraction(text) for text in re.findall(r"\d+(?:\.\d+)?", expression)]


def printed(name: str) -> dict[str, dict[str, Decimal]]:
    """The value, and the corrected one, of every figure with the digits it is written with."""
    table = tomllib.loads((MODELS / f"{name}.toml").read_text(), parse_float=Decimal)
    return {row["id"]: {key: Decimal(row[key]) for key in ("value", "corrected") if key in row}
            for rows in table["figures"].values() for row in rows}


def rounded(exact: Fraction, like: Decimal, rounding: str) -> Decimal:
    return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(like, rounding)


COMPUTED = [pytest.param(name, figure, id=f"{name}-{figure.id}") for name in NAMES for figure in load_truth(MODELS, name).figures
            if figure.kind != "raw"]


def test_only_arithmetic_is_evaluated() -> None:
    """Expressions are numbers, four operators and parentheses; a name or a call in one is refused."""
    assert Fraction(3, 4) == evaluate("1/(1/1.5+1/(2.5-1)) * 1")
    for expression in ("open('x')", "a+1", "2**3", "-1", "True"):
        with pytest.raises(ValueError, match="not arithmetic"):
            evaluate(expression)


@pytest.mark.parametrize(("name", "figure"), COMPUTED)
def test_a_derived_figure_follows_from_its_expression(name: str, figure: Figure) -> None:
    """A derived figure or ratio is its expression's value, rounded to the digits it is printed with."""
    digits = printed(name)[figure.id]
    right = digits.get("corrected", digits["value"])
    exact = evaluate(figure.expression)

    assert float(right) == figure.right
    assert rounded(exact, right, ROUND_HALF_UP) == right
    if figure.status == "truncated":
        assert rounded(exact, digits["value"], ROUND_DOWN) == digits["value"]


@pytest.mark.parametrize(("name", "figure"), COMPUTED)
def test_the_operands_of_an_expression_are_figures(name: str, figure: Figure) -> None:
    """Every number of an expression is a figure of the same model and batch, the batch itself, or a constant of the trade."""
    figures = load_truth(MODELS, name).figures
    known = {Fraction(str(other.value)) for other in figures if figure.best or figure.batch in (None, other.batch)}
    known |= {Fraction(str(other.right)) for other in figures if figure.best or figure.batch in (None, other.batch)}

    assert set() == set(operands(figure.expression)) - known - CONSTANTS - {figure.batch}


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_of_a_known_kind(name: str) -> None:
    """A figure is raw, or derived or a ratio with the expression it comes from; ids are unique and sources are given."""
    figures = load_truth(MODELS, name).figures

    assert {"raw", "derived", "ratio"} >= {figure.kind for figure in figures}
    assert [] == [figure.id for figure in figures if (figure.kind == "raw") != (figure.expression == "")]
    assert len(figures) == len({figure.id for figure in figures})
    assert [] == [figure.id for figure in figures if not figure.source]
    assert [] == [figure.id for figure in figures if figure.corrected is not None and figure.status == "ok"]


@pytest.mark.parametrize("name", NAMES)
def test_the_gates_name_figures_that_are_there(name: str) -> None:
    """The accuracy gate names figures of its metrics, and the throughput gate a T4 column with rates."""
    truth = load_truth(MODELS, name)

    assert ("top1", "top5") == tuple(truth.figure(id).metric for id in (truth.accuracy.top1, truth.accuracy.top5))
    assert truth.throughput.t4 in {figure.device for figure in truth.figures if figure.metric == "throughput"}


def rates(truth: Truth, device: str) -> dict[int | None, float]:
    return {figure.batch: figure.right for figure in truth.figures if (figure.device, figure.metric) == (device, "throughput")}


def test_tsm_has_every_figure_of_its_guide() -> None:
    """TSM keeps 86 figures, both T4 tables among them, and is judged by 94.50 and 99.58 percent and the first table."""
    truth = load_truth(MODELS, "tsm")

    assert 86 == len(truth.figures)
    assert (0.9450, 0.9958, 0.01) == (truth.figure(truth.accuracy.top1).right, truth.figure(truth.accuracy.top5).right,
                                      truth.accuracy.max_drop)
    assert {1: 100.325, 4: 106.671, 8: 108.571, 16: 110.577, 32: 110.885} == rates(truth, "T4")
    assert {1: 100, 4: 109, 8: 111, 16: 112, 32: 113, 64: 115} == rates(truth, "T4(second measurement)")
    assert "T4" == truth.throughput.t4


def edited(folder: Path, old: str, new: str) -> Path:
    """TSM's toml with one thing changed."""
    assert old in TSM
    path = folder / "edited.toml"
    path.write_text(TSM.replace(old, new, 1))
    return path


def test_a_corrected_value_replaces_the_printed_one() -> None:
    """Where the print does not follow from its own numbers, the corrected value is the one compared with."""
    figure = load_truth(MODELS, "tsm").figure("r0076")

    assert (1.37, 1.38, 1.38) == (figure.value, figure.corrected, figure.right)


@pytest.mark.parametrize(("old", "new", "where", "words"), [
    ('dataset = "', 'datasets = "', "", "datasets"),
    ('dataset = "UCF101-split1-val(3783)"', "", "", "dataset"),
    ('dataset = "UCF101-split1-val(3783)"', "dataset = 5", "", "dataset"),
    ("[gates.throughput]", "[gates.speed]", "[gates]", "speed"),
    ("max_drop = 0.01", "max_drops = 0.01", "[gates.accuracy]", "max_drops"),
    ("max_drop = 0.01", "", "[gates.accuracy]", "max_drop is missing"),
    ("max_drop = 0.01", 'max_drop = "1 %"', "[gates.accuracy]", "max_drop = '1 %' has the wrong type"),
    ("max_drop = 0.01", "max_drop = true", "[gates.accuracy]", "max_drop = True has the wrong type"),
    ("max_loss_clips = 1", "max_loss_clips = 1.5", "[gates.pairs]", "max_loss_clips = 1.5 has the wrong type"),
    ("max_loss_clips = 1", "max_loss_clips = true", "[gates.pairs]", "max_loss_clips = True has the wrong type"),
    ("min_cosine = 0.9999", "", "[gates.fidelity.fp32]", "min_cosine is missing"),
    ("[gates.fidelity.fp32]", "[gates.fidelity]\nfp16 = 0.1\n[gates.fidelity.fp32]", "", "fp16"),
    ('sha256_prefix = "1fae312b"', "", "[weights]", "sha256_prefix is missing"),
    ('top1 = "r0011"', 'top1 = "r9999"', "", "'r9999'"),
    ('top5 = "r0012"', 'top5 = "r9998"', "", "'r9998'"),
    ('t4 = "T4"', 't4 = "T5"', "", "T5"),
    ("guide = [", "guides = [", "", "guides"),
    ("guide = [", 'hearsay = [{id = "x"}]\nguide = [', "", "hearsay"),
    ("guide = [", 'guide = [{id = "x"},', "[figures] x", "device, metric, value, unit, kind, status, section is missing"),
    ("guide = [", "guide = [7,", "", "guide"),
    ('id = "r0002"', 'id = "r0001"', "", "r0001"),
    ("value = 0.9963", 'value = "99.63 %"', "[figures] r0002", "value = '99.63 %' has the wrong type"),
    ('kind = "raw"', 'kind = "roh"', "[figures] r0001", "kind = 'roh'"),
    ('section = "6.3"', 'section = "6.3", page = 4', "[figures] r0001", "unknown key page"),
    ("[figures]", "[[known_issues]]\ndevice = 3\n[figures]", "[[known_issues]] 1", "missing"),
    ("[sources]", 'known_issues = "none"\n[sources]', "", "known_issues"),
    ("[figures]", "[figures", "", "cannot be read"),
])
def test_a_toml_is_read_strictly(tmp_path: Path, old: str, new: str, where: str, words: str) -> None:
    """An unknown or missing key, a wrong type, an unknown source or figure is a TruthError naming file, table and key."""
    path = edited(tmp_path, old, new)

    with pytest.raises(TruthError) as caught:
        read_truth(path)
    assert f"{path} {where}".rstrip() in str(caught.value)
    assert words in str(caught.value)


def test_a_toml_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A model without a toml is a TruthError that names the file."""
    with pytest.raises(TruthError, match="cannot be read") as caught:
        load_truth(tmp_path, "tsm")

    assert str(tmp_path / "tsm.toml") == caught.value.where
