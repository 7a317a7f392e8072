"""Parts of a list that are kept count only while they are whole and somebody tells who scored them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from tools.cluster.parts import Parts
from tools.errors import ClusterError
from tools.measuring.inputs import compared

IDS = tuple(f"v_{number}" for number in range(20))
WANTED = compared(IDS)
SHAPED = {"the clips": "1"}


def scores(first: int, end: int, *, of: tuple[int, int] | None = None) -> bytes:
    """A part as a node sends it; of: the clips whose inputs it tells of."""
    noted = [(id, "float32") for id in IDS[slice(*(of or (first, end)))] if id in WANTED]
    file = io.BytesIO()
    np.savez(file, scores=np.zeros((end - first, 2), np.float32), inputs=np.array(noted, str).reshape(-1, 2))
    return file.getvalue()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of a case of which two of five parts are kept."""
    parts = Parts(tmp_path, IDS, SHAPED)
    assert [(0, 4), (4, 8), (8, 12), (12, 16), (16, 20)] == parts.find(4)
    for first in (4, 12):
        parts.keep((first, first + 4), scores(first, first + 4), "node-1 npu0", "{}")
    return tmp_path


def test_what_is_kept_counts_for_the_next_process(kept: Path) -> None:
    """With who scored it; the gaps are cut anew where parts have another size now."""
    parts = Parts(kept, IDS, SHAPED)

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
    parts = Parts(kept, IDS, SHAPED)

    assert (4, 8) in parts.find(4)
    assert [(12, 16)] == list(parts.scored)
    assert [(12, 16)] == list(parts.contents())


def test_what_something_else_shaped_is_not_seen(kept: Path) -> None:
    """It stays until the cell is measured, and then goes as well."""
    parts = Parts(kept, IDS, {"the clips": "2"})
    assert 5 == len(parts.find(4))
    assert 2 == len(list(kept.glob("gathered-*/*.npz")))

    parts.remove()
    assert [] == list(kept.iterdir())


@pytest.mark.parametrize(("data", "wrong"), [
    (scores(0, 4, of=(8, 12)), "other clips"), (scores(0, 4, of=(0, 0)), "other clips"), (scores(0, 3), "no results of the items"),
    (b"", "cannot be read"), (scores(0, 4)[:-20], "cannot be read"),
])
def test_what_a_node_sends_is_looked_at(kept: Path, data: bytes, wrong: str) -> None:
    """Too few scores, those of other clips, or a damaged file: the error names node and clips."""
    parts = Parts(kept, IDS, SHAPED)
    parts.find(4)
    with pytest.raises(ClusterError, match="what node-2 cpu sent of clips 1 to 4 cannot be used") as caught:
        parts.keep((0, 4), data, "node-2 cpu", "{}")

    assert wrong in caught.value.what
    assert (0, 4) in Parts(kept, IDS, SHAPED).find(4)
