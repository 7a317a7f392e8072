"""Speeds in `--expect`: what is read, what is refused with its remedy, and which T4 must be stored."""

from __future__ import annotations

import argparse

import pytest

from tools.errors import OptionError
from tools.spec.asked_speeds import AskedSpeed, require_t4
from tools.spec.catalog import load_truth
from tools.spec.expectations import Expectations
from tools.spec.options import add_arguments
from tools.spec.settings import MODELS, Settings


def test_speeds_are_read_as_they_are_written() -> None:
    """Of every batch size or of one, among accuracies, with spaces; as text they are what is read again."""
    read = Expectations.parse("top1=0.93, bs16 : clips/s = 80,xT4=1,bs1:latency_ms=40.5")

    assert (("top1", 0.93),) == read.floors
    assert (AskedSpeed("clips/s", 80.0, 16), AskedSpeed("xT4", 1.0), AskedSpeed("latency_ms", 40.5, 1)) == read.speeds
    assert read == Expectations.parse(str(read))
    assert "top1=0.93,bs16:clips/s=80.0,xT4=1.0,bs1:latency_ms=40.5" == str(read)
    assert ["xT4"] == [speed.name for speed in read.at(4)]
    assert ["bs16:clips/s", "xT4"] == [speed.name for speed in read.at(16)]


@pytest.mark.parametrize(("text", "what", "remedy"), [
    ("clips/s=-1", "clips/s=-1", "clips/s=80"), ("clips/s=0", "above 0", "clips/s=80"), ("clips/s=", "above 0", "clips/s=80"),
    ("clips/s=nan", "above 0", "clips/s=80"), ("bs1:clips/s=inf", "above 0", "clips/s=80"), ("clips/s=fast", "above 0", "alone"),
    ("clips/s=80%", "80%", "without a unit"), ("latency_ms=40s", "40s", "without a unit"), ("xT4=1x", "xT4=1x", "xT4=1.0"),
    ("latency_ms=40ms", "40ms", "latency_ms=40"), ("bs3:clips/s=80", "'bs3' is no batch size", "bs1, bs4, bs8"),
    ("16:clips/s=80", "'16' is no batch size", "bs16"), ("bs16:", "'bs16:'", "bs16:clips/s=80"), (":xT4=1", "':xT4=1'", "xT4=1.0"),
    ("latency=40", "'latency=40'", "--expect latency_ms=40"), ("xt4=1", "'xt4=1'", "--expect xT4=1.0"),
    ("clips=80", "'clips=80'", "--expect clips/s=80"), ("clips/s", "'clips/s'", "--expect clips/s=80"),
    ("speedup=2", "'speedup=2'", "clips/s, xT4, latency_ms"),
    ("bs16:top1=0.9", "bs16:top1 asks for an accuracy of one batch size", "--expect top1=0.9"),
    ("clips/s=80,clips/s=90", "clips/s is expected 2 times", "say it once"),
    ("bs4:xT4=1,bs4:xT4=1", "bs4:xT4 is expected 2 times", "say it once"),
])
def test_what_asks_for_no_speed_is_one_sentence_with_its_remedy(text: str, what: str, remedy: str) -> None:
    """No unit, size or name is guessed; the remedy shows what was most likely meant."""
    with pytest.raises(OptionError) as caught:
        Expectations.parse(text)

    assert ("--expect", True, True) == (caught.value.where, what in caught.value.what, remedy in str(caught.value.remedy))
    assert not set("\n;") & set(caught.value.what)


def test_all_that_is_given_counts() -> None:
    """An option that is given twice is taken together, and where both speak of the same thing refused.

    Read once more on top of itself, as in a worker of pytest-xdist, it is the same.
    """
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--expect", "top1=0.9,top5=0.95", "--expect=bs4:clips/s=8", "--expect", ""]
    options = parser.parse_args(words)

    assert Expectations.parse("top1=0.9,top5=0.95,bs4:clips/s=8") == Settings.of(options).expect
    assert "top1=0.9,top5=0.95,bs4:clips/s=8" == parser.parse_args(words, namespace=options).expect
    for empty in ("top1=0.9,", ",top1=0.9"):
        with pytest.raises(OptionError, match="does not say what is expected"):
            Settings.of(parser.parse_args(["--expect", empty]))
    with pytest.raises(OptionError, match="top1 is expected 2 times"):
        Settings.of(parser.parse_args(["--expect", "top1=0.9", "--expect", "top1=0.8"]))


@pytest.mark.parametrize(("model", "text", "batches", "said"), [
    ("tsm", "xT4=1", [1, 16, 64], "at bs64, so xT4=1.0"), ("tsm", "bs64:xT4=1", [64], "so bs64:xT4=1.0"),
    ("slowfast", "xT4=0.5", [1], "at bs1"), ("bsn", "xT4=1", [1, 4, 8], "at bs4, bs8,"),
    ("tsm", "xT4=1", [1, 32], ""), ("tsm", "bs64:xT4=1", [1], ""), ("tsm", "bs1:xT4=1", [64], ""),
    ("tsm", "clips/s=1,latency_ms=4", [64], ""),
])
def test_a_ratio_needs_a_stored_t4(model: str, text: str, batches: list[int], said: str) -> None:
    """At every batch size that is run and asked; the remedy names the sizes that have one, if any has."""
    speeds, truth = Expectations.parse(text).speeds, load_truth(MODELS, model)
    if not said:
        require_t4(speeds, truth, batches)
        return
    with pytest.raises(OptionError) as caught:
        require_t4(speeds, truth, batches)

    assert said in caught.value.what
    assert ("bs1, bs" in str(caught.value.remedy)) == (model != "slowfast")
    assert "clips/s=80" in str(caught.value.remedy)


def test_a_command_that_judges_no_speed_says_so() -> None:
    """Accuracies are no matter to it."""
    Expectations.parse("top1=0.9").refuse_speeds("python -m tools.score")
    with pytest.raises(OptionError, match=r"python -m tools.score judges no speed, and bs4:latency_ms=3.0 asks for one"):
        Expectations.parse("top1=0.9,bs4:latency_ms=3").refuse_speeds("python -m tools.score")
