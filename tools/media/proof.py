"""Proves that a video's frames are read right: once decoded from its start, compared with how they are read.

Two things are compared. Reading from key packets gives the bits that decoding from the first packet gives: all
presentation times are compared, and of each key packet that a sample starts at the pictures that come
soon after it, where a false key packet shows most. And another decoder, OpenCV's, shows the same pictures at
the same indices, with their colours and turned the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tools.media import video
from tools.media.decode import TOLERATED_LOSS, Clip, ClipError, Indices, undecodable
from tools.media.picture import ENCODE_AGAIN, PictureError
from tools.media.video import Decoded

SOON = 16  # frames after a key packet
OTHER_SHARE, OTHER_MOST, OTHER_LEAST = 5, 60, 12  # OpenCV reads one in five frames, but so many
COMPARED = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55)


def prove(clip: Clip, indices_of: Callable[[int], Sequence[Indices]]) -> int:
    """How many frames a video has, once it is known that those of `indices_of` that number are read right.

    Raises:
        ClipError: it cannot be decoded, fewer frames decode than its header says, or others are read.
    """
    import av

    try:
        return _Proof(clip, indices_of).frames()
    except PictureError as error:
        raise ClipError(clip, clip.path, error.what, error.remedy or "") from error
    except (av.FFmpegError, IndexError) as error:
        raise undecodable(clip, clip.path) from error
