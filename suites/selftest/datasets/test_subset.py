"""Which clips of a data set are chosen, counted and named where some of them cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import keeping
from tools.datasets import survey
from tools.datasets.defects import first, nothing_there, unusable
from tools.datasets.examine import signature
from tools.datasets.ledger import ClipState, Ledger, opened, path_of
from tools.datasets.listing import OWN, Listing
from tools.datasets.survey import Shortfall
from tools.errors import DataError
from tools.machine import child
from tools.media.decode import Clip, ClipError, undecodable
from tools.spec.catalog import load_spec
from tools.spec.model import Sampling
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context


def videos(folder: Path, count: int, dataset: str = "ucf101", complete: int = 0) -> Listing:
    """A data set of so many files, each of a class of its own, whose annotations stand for its list."""
    clips = tuple(Clip(f"v_{number}", folder / "videos" / f"v_{number}", number, 0, listed=f"split.txt:{number + 1}")
                  for number in range(count))
    (folder / "videos").mkdir(parents=True)
    for clip in clips:
        clip.path.write_bytes(b"video")
    return Listing(dataset, folder / "split.txt", folder / "list.txt", folder / "videos", "videos", complete, partial(iter, clips))


def lacking(clip: Clip) -> ClipError:
    """The defect of a clip, whose file goes."""
    clip.path.unlink()
    return undecodable(clip, clip.path)


def damaged(clip: Clip) -> ClipError:
    return undecodable(clip, clip.path, "it is noise")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with opened(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def chosen(listing: Listing, ledger: Ledger, count: int) -> list[str]:
    return [clip.id for clip in survey._wanted(listing, ledger, count)]


def test_a_subset_is_of_what_is_there_and_not_known_to_be_damaged(tmp_path: Path, ledger: Ledger) -> None:
    """A missing file and one known as damaged are passed over; a mended or changed one may be chosen again.

    All clips are all of them, whatever is known.
    """
    listing = videos(tmp_path / "set", 5)
    clips = [*listing.rows()]
    assert ["v_0", "v_1"] == chosen(listing, ledger, 2)

    clips[0].path.unlink()
    ledger.put(clips[1], ClipState(signature(clips[1], "videos"), 0, defect=damaged(clips[1])))
    ledger.put(clips[2], ClipState(signature(clips[2], "videos"), 0, frames=9))
    assert ["v_2", "v_3"] == chosen(listing, ledger, 2)
    assert ["v_2", "v_3", "v_4"] == chosen(listing, ledger, 4)
    assert [clip.id for clip in clips] == chosen(listing, ledger, 0)

    clips[1].path.write_bytes(b"another video")
    assert ["v_1", "v_2"] == chosen(listing, ledger, 2)


def test_where_nothing_is_there_no_subset_is_chosen(tmp_path: Path, ledger: Ledger) -> None:
    listing = videos(tmp_path / "set", 2)
    for clip in listing.rows():
        clip.path.unlink()

    with pytest.raises(DataError, match="none of the 2 clips of ucf101 can be used: clip v_0 is missing") as caught:
        chosen(listing, ledger, 1)
    assert f"put the data set's files below {listing.root}, as {listing.source} names them" == caught.value.remedy


def test_a_subset_of_features_is_spread_over_the_list(tmp_path: Path, ledger: Ledger) -> None:
    assert ["v_0", "v_2", "v_4"] == chosen(replace(videos(tmp_path / "set", 6), kind="features"), ledger, 3)


def test_what_is_known_holds_while_the_files_stay_as_they_are(tmp_path: Path) -> None:
    """Of a file that is gone that is known where it was gone before; where it was there, nothing is known."""
    [clip] = videos(tmp_path / "set", 1).rows()
    there = ClipState(signature(clip, "videos"), 0, frames=9)

    assert there == survey._still_true(clip, "videos", there)
    assert survey._still_true(clip, "videos", None) is None
    assert survey._still_true(replace(clip, frames=8), "videos", there) is None
    clip.path.write_bytes(b"another video")
    assert survey._still_true(clip, "videos", there) is None
    clip.path.unlink()
    assert survey._still_true(clip, "videos", there) is None
    absent = survey._still_true(clip, "videos", ClipState(survey.ABSENT, 0))
    assert absent is not None
    assert "missing" == getattr(absent.defect, "word", "")


def test_a_missing_clip_of_an_own_list_is_told_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, without a child process; of a data set the check is what finds them."""
    listing = videos(tmp_path / "set", 3, OWN)
    lost = [lacking(clip) for clip in [*listing.rows()][1:]]
    assert ["", "missing", "missing"] == [getattr(survey._absent(clip, "videos"), "word", "") for clip in listing.rows()]
    monkeypatch.setattr(child, "call", lambda *given, **how: pytest.fail("a process was started"))
    spec = load_spec(MODELS, "tsm")
    context = Context(Settings.parse({"artifacts": str(tmp_path / "artifacts")}), spec, lambda event: None)
    with pytest.raises(DataError) as caught:
        survey.usable(listing, context)
    assert str(unusable(listing, lost)) == str(caught.value)


def test_a_check_runs_in_a_process_of_its_own_and_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log lies in the store; files that go on changing are an error."""
    listing, said, asked = videos(tmp_path / "set", 2), list[str](), list[Any]()
    context = Context(Settings.parse({"artifacts": str(tmp_path / "artifacts")}), load_spec(MODELS, "tsm"),
                      keeping(said))
    monkeypatch.setattr(child, "call", lambda work, title, **how: asked.append((title, how)))
    with pytest.raises(DataError, match="files change while they are checked") as caught:
        survey.usable(listing, context)
    assert (str(listing.root), "start again when they have come to rest") == (caught.value.where, caught.value.remedy)
    assert [f"checking ucf101 below {listing.root} ...", "checking ucf101: 0 s"] == said
    assert [("checking ucf101", {"on_event": context.on_event, "log": context.settings.store / "logs" / "check-ucf101.log"})] == asked


def test_a_state_is_trusted_unless_a_required_clip_had_a_defect(tmp_path: Path) -> None:
    """A file of a list of one's own may have been restored."""
    listing = videos(tmp_path / "set", 1)
    [clip] = listing.rows()
    good, bad = ClipState((1, 1), 0, frames=9), ClipState((1, 1), 0, defect=damaged(clip))
    own = replace(listing, dataset=OWN)

    assert [good, bad, None] == [survey._to_trust(listing, state) for state in (good, bad, None)]
    assert [good, None, None] == [survey._to_trust(own, state) for state in (good, bad, None)]


def test_a_check_notes_what_a_clip_is_now(tmp_path: Path) -> None:
    """Nothing where its files are those of the last check; a file that is not there has no size and time."""
    [clip] = videos(tmp_path / "set", 1).rows()
    state = ClipState(signature(clip, "videos"), 0, frames=9)

    assert (clip, None) == survey._check_clip((clip, "videos", None, state))
    _, found = survey._check_clip((clip, "videos", Sampling(1, 1, 8), replace(state, asked=3)))
    assert found is not None
    assert (signature(clip, "videos"), 0, "damaged") == (found.signature, found.asked, getattr(found.defect, "word", ""))
    clip.path.unlink()
    _, gone = survey._check_clip((clip, "videos", None, state))
    assert gone is not None
    assert (survey.ABSENT, "missing") == (gone.signature, getattr(gone.defect, "word", ""))


def test_a_shortfall_counts_what_is_missing_and_what_is_damaged(tmp_path: Path) -> None:
    """Of the complete data set or of the lines of a list, whichever is more; none where all are there."""
    listing = videos(tmp_path / "set", 6, complete=6)
    clips = [*listing.rows()]
    bad, gone = damaged(clips[0]), lacking(clips[1])
    command = f"python -m tools.data check ucf101 --data-root {tmp_path}"

    assert survey.shortfall(listing, 6, []) is None
    assert survey.shortfall(listing, 7, []) is None
    found = survey.shortfall(listing, 4, [bad, gone])
    assert Shortfall(4, 6, 1, 1, f"{clips[1].path} (split.txt:2)", command) == found
    assert f"4 of 6 clips: 1 missing, 1 damaged, first {clips[1].path} (split.txt:2); {command} lists" in found.sentence
    few = survey.shortfall(listing, 5, [])
    assert few is not None
    assert f"5 of 6 clips: the list names no more; {command} lists what is there and what is not" == few.sentence
    listed = replace(listing, source=listing.list_file, complete=2)
    assert Shortfall(3, 4, 0, 1, f"{clips[0].path} (split.txt:1)", command) == survey.shortfall(listed, 3, [bad])
    assert survey.shortfall(replace(listing, complete=2), 3, [bad]) is None
    features = survey.shortfall(replace(listing, kind="features"), 5, [])
    assert features is not None
    assert "videos" == features.items
    with pytest.raises(DataError, match="none of the 1 clips of ucf101 can be used"):
        survey.shortfall(listing, 0, [bad])


def test_the_first_missing_clip_is_named_before_a_damaged_one(tmp_path: Path) -> None:
    clips = [*videos(tmp_path / "set", 4).rows()]
    bad, gone, other = damaged(clips[0]), lacking(clips[1]), lacking(clips[2])

    assert gone is first([bad, gone, other])
    assert bad is first([bad, damaged(clips[3])])


def test_every_unusable_clip_of_an_own_list_is_named(tmp_path: Path) -> None:
    """One as itself, several in one error with each remedy once."""
    listing = videos(tmp_path / "set", 3, OWN)
    clips = [*listing.rows()]
    bad, gone = damaged(clips[0]), lacking(clips[1])

    assert str(bad) == str(unusable(listing, [bad]))
    both = unusable(listing, [bad, gone, bad])
    assert both.what.startswith(f"3 clips cannot be used:\n  clip v_0 cannot be decoded (it is noise): {bad.where}\n"
                                "  clip v_1 is missing: ")
    assert (str(listing.source), bad.remedy) == (both.where, both.remedy)


def test_a_list_that_names_nothing_says_so(tmp_path: Path) -> None:
    """And of folders of frames how they are extracted, where videos are there."""
    listing = videos(tmp_path / "set", 0)

    assert "none of the 0 clips of ucf101 can be used: the list names none" == nothing_there(listing, []).what
    assert str(listing.source) == nothing_there(listing, []).where
    frames = replace(listing, kind="rawframes")
    assert f"python -m tools.data rawframes --data-root {tmp_path}" in str(nothing_there(frames, []).remedy)
    (tmp_path / "set" / "videos").rmdir()
    assert "put the data set's files below" in str(nothing_there(frames, []).remedy)


def test_a_run_looks_again_only_where_it_is_told_to(tmp_path: Path) -> None:
    """A checked data set with a defect is used as it is, without the clip; one's own list is an error."""
    settings = Settings.parse({"artifacts": str(tmp_path / "artifacts")})
    for name in ("ucf101", OWN):
        listing = videos(tmp_path / name, 3, name, complete=3)
        clips = [*listing.rows()]
        assert survey.usable_if_checked(listing, settings) is None
        path = path_of(settings.artifacts, listing)
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened(path) as ledger:
            for number, clip in enumerate(clips[:2]):
                ledger.put(clip, ClipState(signature(clip, "videos"), 0, 5 + number, f"{number:064d}", 7 + number))
        assert survey.usable_if_checked(listing, settings) is None, "the third was never checked"
        with opened(path) as ledger:
            ledger.put(clips[2], ClipState(signature(clips[2], "videos"), 0, defect=damaged(clips[2])))
        assert survey.usable_if_checked(listing, settings, look_again=True) is None
        if name == OWN:
            with pytest.raises(DataError, match="clip v_2 cannot be decoded"):
                survey.usable_if_checked(listing, settings)
            continue
        found = survey.usable_if_checked(listing, settings)
        assert found is not None
        assert found.shortfall is not None
        assert [(5, f"{0:064d}", 7), (6, f"{1:064d}", 8)] == [(clip.frames, clip.sha256, clip.sampled_crc32) for clip in found.clips]
        assert [signature(clip, "videos") for clip in clips[:2]] == [clip.signature for clip in found.clips]
        assert (2, 3, 0, 1) == (found.shortfall.there, found.shortfall.complete, found.shortfall.missing, found.shortfall.damaged)
