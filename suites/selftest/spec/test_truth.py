"""Stored numbers: derived figures follow from their raw ones, and a toml that is wrong is refused."""

from __future__ import annotations

import ast
import operator
import re
import tomllib
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tools.errors import TruthError
from tools.spec.catalog import load_truth
from tools.spec.figures import Figure
from tools.spec.settings import MODELS
from tools.spec.truth import RecallGate, Truth, read_truth

NAMES = sorted(path.stem for path in MODELS.glob("*.toml"))
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
CONSTANTS = {1, 4, 1000}  # the inverse of a sum of inverses, chips of a 310 card, milliseconds of a second
TSM = (MODELS / "tsm.toml").read_text()


def whole(name: str) -> Truth:
    """A model's stored numbers with archived figures among the others: what holds for one holds for all."""
    truth = load_truth(MODELS, name)
    return replace(truth, figures=(*truth.figures, *truth.archive), archive=())


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
            for name in ("figures", "archive") for rows in table[name].values() for row in rows}


def rounded(exact: Fraction, like: Decimal, rounding: str) -> Decimal:
    return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(like, rounding)


COMPUTED = [pytest.param(name, figure, id=f"{name}-{figure.id}") for name in NAMES for figure in whole(name).figures
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
    """Every number of an expression is a figure of its model and batch, the batch, or a trade constant."""
    figures = whole(name).figures
    known = {Fraction(str(other.value)) for other in figures if figure.best or figure.batch in (None, other.batch)}
    known |= {Fraction(str(other.right)) for other in figures if figure.best or figure.batch in (None, other.batch)}

    assert set() == set(operands(figure.expression)) - known - CONSTANTS - {figure.batch}


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_of_a_known_kind(name: str) -> None:
    """A figure is raw, or derived or a ratio with its expression; ids are unique and sources are given."""
    figures = whole(name).figures

    assert {"raw", "derived", "ratio"} >= {figure.kind for figure in figures}
    assert [] == [figure.id for figure in figures if (figure.kind == "raw") != (figure.expression == "")]
    assert len(figures) == len({figure.id for figure in figures})
    assert [] == [figure.id for figure in figures if not figure.source]
    assert [] == [figure.id for figure in figures if figure.corrected is not None and figure.status == "ok"]


@pytest.mark.parametrize("name", NAMES)
def test_the_gates_name_figures_that_are_there(name: str) -> None:
    """The accuracy gate names figures of its metrics; the throughput gate, if any, a T4 column with rates."""
    truth = load_truth(MODELS, name)
    references = truth.references

    assert list(references) == [truth.figure(id).metric for id in references.values()]
    assert truth.throughput.t4 in {None, *(figure.device for figure in truth.figures if figure.metric == "throughput")}


def edited(folder: Path, old: str, new: str) -> Path:
    """TSM's toml with one thing changed."""
    assert old in TSM
    path = folder / "edited.toml"
    path.write_text(TSM.replace(old, new, 1))
    return path


def test_a_corrected_value_replaces_the_printed_one() -> None:
    """Where the print does not follow from its own numbers, the corrected value is the one compared with."""
    figure = whole("tsm").figure("r0076")

    assert (1.37, 1.38, 1.38) == (figure.value, figure.corrected, figure.right)


def test_a_percentage_is_a_share_of_a_hundred() -> None:
    """A figure printed in percent keeps its print; its fraction is a hundredth, corrected where wrong."""
    bsn = whole("bsn")
    paper, checkpoint, tsm = bsn.figure("r0098"), bsn.figure("r0099"), load_truth(MODELS, "tsm").figure("r0011")

    assert (72.42, pytest.approx(0.7416)) == (paper.value, paper.fraction)
    assert (74.34, pytest.approx(0.7434)) == (checkpoint.value, checkpoint.fraction)
    assert (0.945, 0.945) == (tsm.value, tsm.fraction)


def test_a_figure_knows_where_it_stands() -> None:
    """A figure's origin is the key it stands under, and its source that key's entry with the section."""
    truth = whole("slowfast")

    assert ("guide", "history") == (truth.figure("r0087").origin, truth.figure("r0285").origin)
    assert truth.figure("r0087").source.endswith("@ c36320328 (2023-01), section Performance & accuracy")
    assert truth.figure("r0285").source.endswith("@ 053601716 (2022-03), section Results")


def test_a_rate_belongs_to_the_model_or_to_one_network() -> None:
    """A rate is asked for by device, batch size and network; without a network it is the whole model's."""
    truth = load_truth(MODELS, "bsn")
    stored = [truth.rate("T4", 1), truth.rate("T4", 1, "tem"), truth.rate("T4", 1, "pem"), truth.rate("T4", 16, "tem")]

    assert [12965, 17674, 48656, 72872.69] == [figure.right for figure in stored if figure]
    assert truth.rate("T4", 4) is None
    assert load_truth(MODELS, "tsm").rate("T4", 1, "tem") is None


def test_gates_and_weights_fit_the_kind_of_model(tmp_path: Path) -> None:
    """A recogniser, judged in pairs, has one checkpoint; BSN, by recall, one a network; a T4 is optional."""
    tsm, bsn = load_truth(MODELS, "tsm"), load_truth(MODELS, "bsn")
    bare = read_truth(edited(tmp_path, 't4 = "T4"', ""))

    assert (True, None) == (tsm.pairs is not None, tsm.recall)
    assert (None, RecallGate(max_difference=0.01)) == (bsn.pairs, bsn.recall)
    assert (True, {}) == (tsm.weights is not None, tsm.network_weights)
    assert (None, ["tem", "pem"]) == (bsn.weights, list(bsn.network_weights))
    assert ("T4", None) == (tsm.throughput.t4, bare.throughput.t4)


def test_a_toml_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A model without a toml is a TruthError that names the file."""
    with pytest.raises(TruthError, match="cannot be read") as caught:
        load_truth(tmp_path, "tsm")

    assert str(tmp_path / "tsm.toml") == caught.value.where
