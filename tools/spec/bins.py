"""How the files of inputs of a model's guide are named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bins:
    """The files of inputs that a model's guide feeds to an inference tool, as its script names them.

    folder: of the .bin files, with `{batch}` for the batch size. info: the file of `index label` lines
    beside it; None where labels stand in the .bin files' names. one_video: whether a file holds one video
    at every batch size.
    """

    folder: str = "out_bin_{batch}"
    info: str | None = "labels.info"
    one_video: bool = False


USUAL_BINS = Bins()
