"""Parts of a list cover it once, hold whole batches, and come together only where they belong together."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.cluster.gathering import (
    LEAST,
    MOST,
    Scored,
    by_whom,
    changed,
    part_of,
    size_of_part,
    span_of,
    unlike,
    words,
    wrong_inputs,
)
from tools.cluster.parts import Parts
from tools.cluster.values import Answer
from tools.errors import ClusterError
from tools.storage.shards import name_of

IDS = tuple(f"v_{number}" for number in range(12))


@pytest.mark.parametrize(("total", "batch", "slots", "shard", "size"), [
    (3783, 16, 8, 0, 512),  # not less than LEAST, in whole batches
    (19_800, 16, 8, 0, 624),  # four rounds for each device
    (19_800, 64, 1000, 0, 512), (10**6, 1, 2, 0, MOST), (100, 16, 8, 10, 16), (100, 16, 8, 17, 32), (10, 4, 0, 0, LEAST),
])
def test_a_part_is_whole_batches_of_a_size_that_suits(total: int, batch: int, slots: int, shard: int, size: int) -> None:
    """A person's number counts, rounded up to whole batches."""
    assert size == size_of_part(total, batch, slots, shard)
    assert 0 == size % batch


def test_a_parts_file_tells_its_clips() -> None:
    assert (0, 1250) == span_of(name_of((0, 1250)))
    assert [None, None] == [span_of("predictions.npz"), span_of("0000000-0000010.npz.partial")]
    assert "clips 1,251 to 2,500" == words((1250, 2500))


@pytest.mark.parametrize(("noted", "wrong"), [(["v_0", "v_3"], ""), (["v_3", "v_0"], ""), (["v_0"], "v_3"), (["v_0", "v_3", "v_5"], "v_5"),
                                              (["v_0", "v_9"], "v_9")])
def test_a_part_tells_of_the_inputs_of_its_own_clips(noted: list[str], wrong: str) -> None:
    """Of those that are compared anywhere: none less, and none of other clips."""
    said = wrong_inputs(noted, IDS, {"v_0", "v_3", "v_9"}, (0, 5))

    assert wrong in said
    assert bool(wrong) == bool(said)


def test_parts_of_one_list_are_scored_with_the_same() -> None:
    """Two that are not are found, whatever lies between them; a node's own device makes no difference."""
    parts = [Scored((number, number + 1), f"n{number}", same) for number, same in enumerate(("A x", "A y", "B x", "A x"))]

    def differs(one: str, other: str) -> str:
        return "" if one[0] == other[0] else f"{one[0]} beside {other[0]}"

    assert unlike(parts[:2], differs) is None
    found = unlike(parts, differs)
    assert found is not None
    assert {"n2"} < {found[0].by, found[1].by}
    assert "beside" in found[2]


def test_who_scored_what_is_told_in_the_order_of_the_clips() -> None:
    """A node that scored several parts is named once."""
    parts = [Scored((8, 12), "node-2 npu0", ""), Scored((0, 4), "node-1 npu3", ""), Scored((4, 8), "node-2 npu0", "")]

    assert ("node-1 npu3: 4 clips", "node-2 npu0: 8 clips") == by_whom(parts)


def test_what_has_changed_is_named() -> None:
    assert "the clips, the graph" == changed({"the clips": "1", "the code": "1", "the graph": "1"}, {"the clips": "2", "the code": "1"})
    assert "" == changed({"the clips": "1"}, {"the clips": "1"})


@pytest.mark.parametrize("names", [(), ("0000000-0000005.npz",), ("0000000-0000004.npz", "more")])
def test_an_answer_holds_the_part_that_was_asked_for_alone(names: tuple[str, ...]) -> None:
    """Whoever reads one, of a cell or of a reference."""
    with pytest.raises(ClusterError, match=r"node-1 gave (nothing|.*5\.npz|.*more), and 0000000-0000004\.npz was asked for"):
        part_of(Answer("node-1", "cpu", tuple((name, b"x") for name in names)), (0, 4))

    assert b"x" == part_of(Answer("node-1", "cpu", (("0000000-0000004.npz", b"x"),)), (0, 4))


@pytest.mark.parametrize("inputs", [{}, {"inputs": np.array(["v_0", "v_1"])}])
def test_a_part_that_tells_of_no_inputs_is_an_error_of_its_sender(tmp_path: Path, inputs: dict[str, Any]) -> None:
    """Also where none of its clips is one whose inputs are compared; nothing of it stays."""
    ids = tuple(f"v_{number}" for number in range(100))
    parts, file = Parts(tmp_path, ids, {}, (2,)), io.BytesIO()
    np.savez(file, scores=np.zeros((2, 2), np.float32), **inputs)
    with pytest.raises(ClusterError, match="what node-1 npu0 sent of clips 2 to 3 cannot be used"):
        parts.keep((1, 3), file.getvalue(), "node-1 npu0", "{}")

    assert [] == list(tmp_path.glob("*/*"))
