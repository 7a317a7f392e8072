"""One picture of a folder of frames: its declared size is looked at before it is decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.machine import opening
from tools.media.preprocess import Frames

LARGEST = 2**25  # pixels; a picture of 8K video has fewer, and what is decoded of it takes 100 MB
LARGEST_FILE = 2**27  # bytes
JPEG, PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
ALONE = {0x01, *range(0xD0, 0xDA)}  # markers that no length follows
NO_SIZE = {0xC4, 0xC8, 0xCC}  # tables, which stand among the markers that a size follows


def read(path: Path) -> bytes:
    """The bytes of a picture's file; an OSError where it cannot be read, is no file, or is too large."""
    return opening.read_bytes(path, LARGEST_FILE)


def decoded(content: bytes) -> Frames | None:
    """The picture, [H,W,3] uint8 BGR; None where the content is no whole JPEG or PNG, or too large a one.

    It is decoded from memory: there OpenCV refuses a JPEG cut short, but from a file it gives a grey rest.
    """
    import cv2

    if not 0 < pixels(content) <= LARGEST:
        return None
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)


def pixels(content: bytes) -> int:
    """How many a JPEG or PNG declares to have; 0 for anything else."""
    if content.startswith(PNG):
        return int.from_bytes(content[16:20], "big") * int.from_bytes(content[20:24], "big")
    place = 2
    while content.startswith(JPEG) and 0 <= (place := content.find(b"\xff", place)) < len(content) - 9:
        marker = content[place + 1]
        if marker in (0x00, 0xFF):  # what a decoder passes over as well
            place += 1
        elif marker in ALONE:
            place += 2
        elif marker >= 0xC0 and marker <= 0xCF and marker not in NO_SIZE:
            return int.from_bytes(content[place + 5 : place + 7], "big") * int.from_bytes(content[place + 7 : place + 9], "big")
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return 0
