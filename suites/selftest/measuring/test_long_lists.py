"""From which length on a list's reference is not computed unasked, and which torch devices can be named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tools.errors import OptionError
from tools.measuring import localiser, recogniser, reference, reference_localiser
from tools.pytorch import run

CONTEXT = cast("Any", SimpleNamespace(spec=SimpleNamespace(name="mine", network=SimpleNamespace(graph=""))))
OWN = SimpleNamespace(network=SimpleNamespace(graph=""))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the stage was asked for all, and then whether the list was few, for each call."""
    found = list[bool]()

    def stage(*_: object, asked: bool) -> SimpleNamespace:
        found.append(asked)
        return SimpleNamespace(key="key")

    monkeypatch.setattr(reference, "stage", stage)
    monkeypatch.setattr(reference_localiser, "stage", stage)
    monkeypatch.setattr(reference, "stored", lambda *_: None)
    for module in (recogniser, localiser):
        monkeypatch.setattr(module.adoption, "found_or_made", lambda context, wanted, *, few: found.append(few))
    return found


@pytest.mark.parametrize(("count", "few"), [(0, True), (500, True), (501, False)])
def test_five_hundred_are_few(told: list[bool], count: int, *, few: bool) -> None:
    """Of clips and of videos."""
    clips, videos = SimpleNamespace(clips=range(count)), SimpleNamespace(videos=range(count))

    assert recogniser.torch_reference(CONTEXT, cast("Any", [OWN]), cast("Any", clips)) is None
    assert localiser.torch_reference(CONTEXT, cast("Any", ("own",)), cast("Any", videos)) is None
    assert [few] * 4 == told


def test_stored_scores_are_taken_however_long_the_list_is(told: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "stored", lambda context, key, clips: (key, "scores"))

    scores: object = recogniser.torch_reference(CONTEXT, cast("Any", [OWN]), cast("Any", SimpleNamespace(clips=range(501))))
    assert (("key", "scores"), [False]) == (scores, told)


def test_a_localisers_torch_knows_the_cpu_alone() -> None:
    for device in ("auto", "cpu"):
        localiser.require_torch_device(CONTEXT, device)
    with pytest.raises(OptionError) as caught:
        localiser.require_torch_device(CONTEXT, "cuda")
    error = caught.value
    assert ("mine's reference runs on the CPU", "--torch-device") == (error.what, error.where)
    assert str(error.remedy).startswith("leave it out: ")


def test_a_recognisers_torch_device_is_looked_for_unless_it_is_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()
    monkeypatch.setattr(run, "torch_device", asked.append)

    for device in ("auto", "cpu", "cuda:1"):
        recogniser.require_torch_device(CONTEXT, device)
    assert ["cpu", "cuda:1"] == asked
