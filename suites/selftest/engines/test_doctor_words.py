"""What doctor concludes of what it has found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tools import doctor, engines


def part(thing: str, *, good: bool = True) -> Any:
    return SimpleNamespace(thing=thing, good=good, lines=lambda: [f"{thing}: {good}"])


def family(name: str, *parts: Any, chips: Sequence[tuple[str, str]] = (), present: bool = True, good: bool = True) -> Any:
    return SimpleNamespace(family=name, parts=parts, present=present, good=good, beside={"toolkit"}, without=f"only what a {name} can",
                           usable=lambda host: [SimpleNamespace(thing=thing, device=device) for thing, device in chips])


@pytest.mark.parametrize(("host", "others", "words"), [
    ([part("CPU")], [], "can be measured on here: cpu; say --device cpu"),
    ([part("CPU", good=False)], [], "nothing can be measured on here"),
    ([part("folder of locks", good=False)], [], "nothing can be measured on here"),
    ([part("git", good=False)], [], "can be measured on here: cpu; say --device cpu"),
    ([part("CPU")], [family("npu", part("toolkit"), chips=[("310 at 0", "npu:0"), ("310 at 1", "npu:1")])],
     "can be measured on here: cpu, 310 at 0, 310 at 1; say --device cpu,npu:0,npu:1"),
    ([part("CPU")], [family("npu", part("toolkit", good=False), chips=[("310 at 0", "npu:0")])],
     "can be measured on here: cpu, 310 at 0; say --device cpu,npu:0 (npu: only what a npu can)"),
    ([part("CPU")], [family("toy", part("toolkit", good=False), chips=[("Toy at 0", "toy:0")]), family("npu", part("toolkit", good=False))],
     "can be measured on here: cpu, Toy at 0; say --device cpu,toy:0 (toy: only what a toy can)"),
    ([part("CPU")], [family("npu", part("toolkit", good=False))], "can be measured on here: cpu; say --device cpu"),
    ([part("CPU")], [family("npu", part("driver", good=False), chips=[("310 at 0", "npu:0")])],
     "can be measured on here: cpu, 310 at 0; say --device cpu,npu:0"),
], ids=range(9))
def test_doctor_says_what_can_be_measured_on(host: list[Any], others: list[Any], words: str) -> None:
    assert words == doctor.measurable(cast("Any", SimpleNamespace(parts=host)), others)


@pytest.mark.parametrize(("host", "others", "status"), [
    ([True, True], [True], 0), ([True, False], [True], 1), ([True], [True, False], 1), ([], [], 0), ([False, False], [], 1)])
def test_doctors_status_tells_whether_all_is_right(host: list[bool], others: list[bool], status: int) -> None:
    parts = SimpleNamespace(parts=[part("x", good=good) for good in host])

    assert status == doctor.status(cast("Any", parts), [family("npu", good=good) for good in others])


def test_doctor_shows_each_family_and_names_those_that_are_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                                    capsys: pytest.CaptureFixture[str]) -> None:
    """A group's title, its findings as they come, and an empty line."""
    def examiner(name: str) -> Any:
        def examine(settings: Any, show: Any) -> Any:
            assert settings.artifacts == tmp_path
            found = show(f"the {name}", {"CPU": lambda settings: None})
            assert [f"CPU of {settings.artifacts}"] == [one.thing for one in found]
            return family(name, part("CPU"), present=name == "cpu")

        return SimpleNamespace(examine=examine)

    monkeypatch.setattr(engines, "FAMILIES", ("npu", "cpu"))
    monkeypatch.setattr(engines, "named", examiner)
    monkeypatch.setattr(doctor, "attempt", lambda thing, look: [part(f"{thing} of {look.args[0].artifacts}")])

    assert 0 == doctor.main(["--artifacts", str(tmp_path)])
    group = [f"CPU of {tmp_path}: True", ""]
    assert ["the cpu", *group, "the npu", *group, "nothing of npu is here, and --device cpu needs none of it",
            "can be measured on here: cpu; say --device cpu"] == capsys.readouterr().out.splitlines()
