"""What a graph gives becomes scores as the model has them, whatever scale and however many rows it has."""

from __future__ import annotations

import numpy as np
import pytest

from tools.errors import EngineError
from tools.measuring.scales import Scales, scale_of
from tools.media.preprocess import Floats
from tools.spec.given import Said

LOGITS = np.random.default_rng(3).normal(scale=3, size=(4, 7)).astype(np.float32)


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits.astype(np.float64))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def log_softmax(logits: Floats) -> Floats:
    return np.asarray(np.log(softmax(logits)), np.float32)


@pytest.mark.parametrize(("rows", "scale"), [
    (LOGITS, "logits"), (softmax(LOGITS), "softmax"), (log_softmax(LOGITS), "log-softmax"), (softmax(LOGITS).astype(np.float16), "softmax"),
    (np.abs(LOGITS), "logits"), (-np.abs(LOGITS), "logits"), (softmax(LOGITS) * 1.05, "logits"), (softmax(LOGITS) * 0.95, "logits"),
    (log_softmax(LOGITS) - 0.05, "logits"), (np.zeros((2, 7)), "logits"), (np.eye(7), "softmax"), (softmax(LOGITS) - 1e-3, "logits")])
def test_the_values_tell_the_scale(rows: Floats, scale: str) -> None:
    """Probabilities add up to 1 and are none below 0, and theirs are logarithms; all else is logits."""
    assert scale == scale_of(rows)


@pytest.mark.parametrize("of_model", [softmax, lambda logits: logits], ids=["probabilities", "logits"])
@pytest.mark.parametrize(("given", "scale", "shifted"), [(softmax, "softmax", True), (log_softmax, "log-softmax", True),
                                                         (lambda logits: logits, "logits", False)])
def test_scores_are_on_the_models_scale(of_model: object, given: object, scale: str, shifted: bool) -> None:
    """Probabilities are the model's own; logits are up to a constant where the graph has normalised them."""
    of, made = of_model, given
    assert callable(of)
    assert callable(made)
    scales = Scales(4, softmax=of is softmax)
    scores, right = scales.of(made(LOGITS)), of(LOGITS)
    if of is not softmax:
        scores, right = (rows - rows.mean(axis=1, keepdims=True) for rows in (scores, right))

    assert (np.float32, scale) == (scores.dtype, scales.scale)
    assert scales.shifted == (shifted and of is not softmax)
    np.testing.assert_allclose(right, scores, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("wants", [True, False])
def test_scores_that_are_right_already_keep_their_bits(wants: bool) -> None:
    found = softmax(LOGITS) if wants else LOGITS

    np.testing.assert_array_equal(found, Scales(4, softmax=wants).of(found))


@pytest.mark.parametrize("given", [softmax, log_softmax, lambda logits: logits], ids=["softmax", "log", "logits"])
def test_rows_of_an_item_are_averaged_as_logits(given: object) -> None:
    """A graph may leave the mean over views or frames to us: two items of two rows, one beside the other."""
    assert callable(given)
    mean = LOGITS.reshape(2, 2, 7).mean(axis=1)
    if given is not softmax and given is not log_softmax:
        np.testing.assert_allclose(mean, Scales(2, softmax=False).of(given(LOGITS)), rtol=1e-6)

    np.testing.assert_allclose(softmax(mean), Scales(2, softmax=True).of(given(LOGITS)), rtol=2e-5)


def test_the_first_batch_settles_the_scale() -> None:
    """A later batch that looks like another scale is read as the first."""
    scales = Scales(4, softmax=False)
    scales.of(LOGITS)
    later = softmax(LOGITS)

    np.testing.assert_array_equal(later, scales.of(later))


@pytest.mark.parametrize(("said", "found", "seen"), [("softmax", LOGITS, "logits"), ("logits", softmax(LOGITS), "softmax"),
                                                     ("log-softmax", softmax(LOGITS), "softmax")])
def test_a_word_that_the_values_contradict_is_an_error(said: str, found: Floats, seen: str) -> None:
    with pytest.raises(EngineError, match=f"says {said}, and the first batch is {seen}: its scores go from .* add up to") as error:
        Scales(4, softmax=True, said=Said("scores", said)).of(found)
    assert f"--graph-output scores={seen}" in str(error.value.remedy)


def test_a_word_that_fits_is_told_as_the_persons() -> None:
    said, told = Scales(4, softmax=True, said=Said("scores", "logits")), Scales(4, softmax=True)
    said.of(LOGITS)
    told.of(LOGITS)

    assert ("logits (as --graph-output says)", "logits (told by its values)") == (said.sentence, told.sentence)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("word", ["", "softmax", "logits"])
def test_what_is_not_finite_stays_so(bad: float, word: str) -> None:
    """It is judged as that, and not as a word that does not fit; minus infinity may be a logit."""
    found = softmax(LOGITS)
    found[1, 2] = bad

    assert not np.isfinite(Scales(4, softmax=True, said=Said("", word)).of(found)[1]).all()
