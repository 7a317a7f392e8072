"""Parts of a list that are kept count only while they are whole and somebody tells who scored them."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tools.cluster.parts import Parts
from tools.errors import ClusterError
from tools.machine.event import Event
from tools.measuring.inputs import compared
from tools.measuring.spans import NO_TIME

IDS = tuple(f"v_{number}" for number in range(20))
WANTED = compared(IDS)
SHAPE = (2,)
SHAPED = {"the clips": "1"}


def scores(first: int, end: int, *, of: tuple[int, int] | None = None) -> bytes:
    """A part as a node sends it; of: the clips whose inputs it tells of."""
    noted = [(id, "float32") for id in IDS[slice(*(of or (first, end)))] if id in WANTED]
    file = io.BytesIO()
    np.savez(file, scores=np.full((end - first, 2), first, np.float32), inputs=np.array(noted, str).reshape(-1, 2),
             spent=NO_TIME, seconds=np.zeros(1), by=np.array([], str))
    return file.getvalue()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of a case of which two of five parts are kept."""
    parts = Parts(tmp_path, IDS, SHAPED, SHAPE)
    assert [(0, 4), (4, 8), (8, 12), (12, 16), (16, 20)] == parts.find(4)
    for first in (4, 12):
        parts.keep((first, first + 4), scores(first, first + 4), "node-1 npu0", "{}")
    return tmp_path


def test_what_is_kept_counts_for_the_next_process(kept: Path) -> None:
    """With who scored it; the gaps are cut anew where parts have another size now."""
    parts = Parts(kept, IDS, SHAPED, SHAPE)

    assert [(0, 4), (8, 12), (16, 20)] == parts.find(12)
    assert [((4, 8), "node-1 npu0", False), ((12, 16), "node-1 npu0", False)] == [
        (one.span, one.by, one.fresh) for one in parts.scored.values()]
    assert [(4, 8), (12, 16)] == list(parts.contents())


@pytest.mark.parametrize("name", ["0000004-0000008.npz", "0000004-0000008.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_what_cannot_be_read_is_scored_again(kept: Path, name: str, content: bytes | None) -> None:
    """Neither scores without who made them count, nor the other way round; nothing of them stays."""
    [path] = kept.glob(f"gathered-*/{name}")
    path.unlink() if content is None else path.write_bytes(content)
    parts = Parts(kept, IDS, SHAPED, SHAPE)

    assert (4, 8) in parts.find(4)
    assert [(12, 16)] == list(parts.scored)
    assert [(12, 16)] == list(parts.contents())


def test_what_something_else_shaped_is_not_seen(kept: Path) -> None:
    """It stays until the cell is measured, and then goes as well."""
    parts = Parts(kept, IDS, {"the clips": "2"}, SHAPE)
    assert 5 == len(parts.find(4))
    assert 2 == len(list(kept.glob("gathered-*/*.npz")))

    parts.remove()
    assert [] == list(kept.iterdir())


@pytest.mark.parametrize(("data", "wrong"), [
    (scores(0, 4, of=(8, 12)), "other clips"), (scores(0, 4, of=(0, 0)), "other clips"), (scores(0, 3), "no results of the items"),
    (b"", "cannot be read"), (scores(0, 4)[:-20], "cannot be read"),
], ids=["inputs of others", "no inputs", "too few", "nothing", "cut"])
def test_what_a_node_sends_is_looked_at(kept: Path, data: bytes, wrong: str) -> None:
    """Too few scores, those of other clips, or a damaged file: the error names node and clips."""
    parts = Parts(kept, IDS, SHAPED, SHAPE)
    parts.find(4)
    with pytest.raises(ClusterError, match="what node-2 cpu sent of clips 1 to 4 cannot be used") as caught:
        parts.keep((0, 4), data, "node-2 cpu", "{}")

    assert wrong in caught.value.what
    assert (0, 4) in Parts(kept, IDS, SHAPED, SHAPE).find(4)


def test_parts_that_were_exchanged_are_scored_again(kept: Path) -> None:
    """Scores of other clips are never judged as these; one line says so for both parts."""
    one, other = sorted(kept.glob("gathered-*/*.npz"))
    data = one.read_bytes(), other.read_bytes()
    one.write_bytes(data[1])
    other.write_bytes(data[0])
    told: list[Event] = []
    parts = Parts(kept, IDS, SHAPED, SHAPE, told.append)

    assert 5 == len(parts.find(4))
    assert {} == parts.scored
    text = "clips 5 to 8, the first of 2 such parts, are scored again, since what is kept of their scores is not what its note tells of"
    assert [text] == [event["text"] for event in told if event["kind"] == "say"]


def test_a_part_under_the_name_of_another_is_scored_again(kept: Path) -> None:
    """Although its own note came with it."""
    for path in kept.glob("gathered-*/0000004-0000008.*"):
        shutil.copy(path, path.with_stem("0000008-0000012"))
    parts = Parts(kept, IDS, SHAPED, SHAPE)

    assert [(0, 4), (8, 12), (16, 20)] == parts.find(4)
    assert [(4, 8), (12, 16)] == sorted(parts.scored)


@pytest.mark.parametrize("lacking", ["span", "sha256", "by", "same"])
def test_a_note_that_does_not_tell_all_counts_for_nothing(kept: Path, lacking: str) -> None:
    """As one that an earlier version has written."""
    [path] = kept.glob("gathered-*/0000004-0000008.json")
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != lacking}))

    assert (4, 8) in Parts(kept, IDS, SHAPED, SHAPE).find(4)


@pytest.mark.parametrize(("ids", "shape"), [(IDS[::-1], SHAPE), (IDS, (3,))])
def test_a_kept_part_that_is_none_of_its_clips_is_scored_again(kept: Path, ids: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """In place of an error that every process of the run would meet where the cell is measured."""
    assert [(0, 4), (4, 8), (8, 12), (12, 16), (16, 20)] == Parts(kept, ids, SHAPED, shape).find(4)
