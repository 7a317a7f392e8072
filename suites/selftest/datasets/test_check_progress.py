"""What a check shows while it runs, and what it keeps of each clip that it has looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from suites.selftest.datasets.test_subset import damaged, videos
from tools.datasets import survey
from tools.datasets.examine import FilesKind, signature
from tools.datasets.ledger import ClipState, Ledger, opened, path_of
from tools.datasets.listing import OWN, Listing
from tools.machine import events
from tools.spec.settings import Settings


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with opened(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def in_this_process(work: Callable[[Any], Any], items: Iterable[Any], size: int) -> Iterator[Any]:
    return (work(item) for item in items)


@pytest.mark.parametrize(("kind", "title"), [("videos", "checking clips"), ("features", "checking features")])
def test_progress_is_shown_now_and_then_and_at_the_end(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, kind: FilesKind,
                                                       title: str) -> None:
    """Five times a second at most."""
    listing, said = replace(videos(tmp_path / "set", 5), kind=kind), list[tuple[object, ...]]()
    clock = iter([0.2, 0.21, 0.21, 0.4, 0.42, 0.42, 0.43])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(survey, "spread", in_this_process)
    monkeypatch.setattr(survey, "_check_clip", lambda job: (job[0], None))
    monkeypatch.setattr(events, "progress", lambda *what, at_rest: said.append(what))
    threads: list[int] = []
    monkeypatch.setattr(cv2, "setNumThreads", threads.append)
    survey._check_clips(listing, tuple(listing.rows()), ledger)

    assert [(title, 2, 5), (title, 4, 5), (title, 5, 5)] == said
    assert ([] if kind == "features" else [1]) == threads


def test_what_was_seen_is_kept_and_what_is_known_left(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip is looked at with what is known of it."""
    listing = videos(tmp_path / "set", 3)
    clips = tuple(listing.rows())
    known, new = ClipState((1, 1), 0, frames=9), ClipState((2, 2), 0, frames=5)
    ledger.put(clips[0], known)
    ledger.put(clips[1], known)
    asked: list[Any] = []

    def look(job: Any) -> tuple[Any, Any]:
        asked.append(job[1:])
        return job[0], None if job[0] == clips[0] else new

    monkeypatch.setattr(survey, "spread", in_this_process)
    monkeypatch.setattr(survey, "_check_clip", look)
    survey._check_clips(listing, clips, ledger)

    assert [("videos", None, known), ("videos", None, known), ("videos", None, None)] == asked
    assert [known, new, new] == [ledger.state(clip) for clip in clips]


def checked(listing: Listing, settings: Settings, monkeypatch: pytest.MonkeyPatch, *bad: int) -> list[list[str]]:
    """Which clips each round of a check looks at, where these are damaged."""
    rounds: list[list[str]] = []

    def look(listing: Listing, clips: Any, ledger: Ledger) -> None:
        rounds.append([clip.id for clip in clips])
        for clip in clips:
            defect = damaged(clip) if clip.label in bad else None
            ledger.put(clip, ClipState(signature(clip, "videos"), 0, 9, defect=defect))

    monkeypatch.setattr(survey, "_check_clips", look)
    assert path_of(settings.artifacts, listing) == survey.check(listing, settings)
    return rounds


def test_a_chosen_clip_that_is_damaged_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until as many are good as were asked for. Of all clips, and of one's own list, each is seen once."""
    some = Settings.parse({"artifacts": str(tmp_path / "a"), "clips": "2"})
    assert [["v_0", "v_1"], ["v_0", "v_2"], ["v_0", "v_3"]] == checked(videos(tmp_path / "x", 5), some, monkeypatch, 1, 2)
    assert [["v_0", "v_1"]] == checked(videos(tmp_path / "y", 5), some, monkeypatch)
    every = [f"v_{number}" for number in range(5)]
    assert [every] == checked(videos(tmp_path / "z", 5, OWN), some, monkeypatch, 1, 2)
    assert [every] == checked(videos(tmp_path / "w", 5), replace(some, clips=0), monkeypatch, 1)


def test_a_ledger_tells_what_was_kept_in_the_order_of_the_list(tmp_path: Path) -> None:
    """Defects with all their words. Clips that were never looked at are left out; the good make a list."""
    listing, settings = videos(tmp_path / "set", 4), Settings.parse({"artifacts": str(tmp_path / "a")})
    clips = tuple(listing.rows())
    path = path_of(settings.artifacts, listing)
    path.parent.mkdir(parents=True)
    with opened(path) as ledger:
        for number in (3, 1, 0):
            ledger.put(clips[number], ClipState((5, number), 7, 9, f"{number}", 11, damaged(clips[number]) if number == 1 else None))
    found = list(survey.states(listing, path))

    assert ["v_0", "v_1", "v_3"] == [clip.id for clip, _ in found]
    assert ClipState((5, 0), 7, 9, "0", 11) == found[0][1]
    defect = found[1][1].defect
    assert defect is not None
    assert (str(damaged(clips[1])), "damaged", clips[1].path) == (str(defect), defect.word, defect.file)
    survey.write_list(listing, path)
    assert "v_0 0\nv_3 3\n" == listing.list_file.read_text()
    survey.write_list(replace(listing, kind="rawframes"), path)
    assert "v_0 9 0\nv_3 9 3\n" == listing.list_file.read_text()
