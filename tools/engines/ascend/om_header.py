"""What a compiled model tells of itself: the header, the parts and some attributes of CANN's offline model.

The layout is known from sources that Huawei has published as `graphengine`, later as `ge`. Header and table
of parts are `ModelFileHeader` and `ModelPartitionTable` of inc/framework/common/types.h, from 2020 to 2025.
`OmFileLoadHelper` reads them. The model definition is `ModelDef` of ge_ir.proto. Its attributes have the
names that `PrintModelInfo` asks for, which is `atc --mode=6 --om=FILE`. No real file was at hand, so it is
not tried that a compiler's own file is read. The newest CANN also writes ZIP archives (OM2): not read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.errors import GraphError, naming
from tools.machine.reading import refusing

MAGIC = b"IMOD"
UNKNOWN = "not an offline model of CANN that clipgate can read; only the device's runtime can say more"
WITH_ATC = "where CANN is, atc --mode=6 --om=FILE tells more"
FRESH = "copy it again, or compile it again"
HEADER_BYTES = 256
HEADER = struct.Struct("<4sII64sIBBBB32sI32sI")  # what every release begins with
LATER = struct.Struct("<I20sB3xQBB")  # model_num, platform_version, its type, model_length, two flags
EARLIER = struct.Struct("<20sB")  # until 2020: no model_num
KINDS = ("IR model", "standard model", "tiny model", "flow model", "lite model", "bundle of models")
FLOW = 3
PARTS = {0: "model definition", 1: "weights", 2: "tasks", 3: "kernels of the AI core", 4: "kernels of the AI CPU", 5: "libraries",
         6: "flow model", 7: "model of a flow", 8: "inputs and outputs", 9: "static tasks", 10: "dynamic tasks", 11: "parameters",
         12: "tiling", 24: "contents of a bundle", 25: "variables of a bundle"}
MOST = 4096  # parts, and models, that a file may claim
MODEL_DEF, ATTR, KEY, VALUE, STRING = 0, 11, 1, 2, 2  # a kind of part, then numbers of fields
MOST_FIELDS = 100_000
LONGEST = 65536  # bytes of an attribute
FIXED = {1: 8, 5: 4}  # protobuf's wire types of a fixed size


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the file: the number of its kind, and where it begins and ends."""

    kind: int
    start: int
    end: int

    @property
    def name(self) -> str:
        return PARTS.get(self.kind, f"part of kind {self.kind}")


@dataclass(frozen=True, slots=True)
class Header:
    """The file's header; a text that it does not tell is empty.

    models: how many the file holds; None where the release that wrote it did not say. dynamic: whether it
    says that shapes are free. ops: computing power, in thousand operations.
    """

    version: int
    ir_version: int
    kind: str
    name: str
    ops: int
    user_info: str
    platform: str
    platform_type: int
    models: int | None
    dynamic: bool


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the compiler wrote into the model of itself, in its own words; empty where it did not.

    soc_version: the chip. opp_version: of the operators that it compiled with.
    """

    soc_version: str = ""
    atc_version: str = ""
    opp_version: str = ""
    framework_type: str = ""
    atc_cmdline: str = ""


@dataclass(frozen=True, slots=True)
class OfflineModel:
    """What a compiled model tells of itself."""

    header: Header
    parts: tuple[Part, ...]
    attributes: Attributes


def read(path: Path) -> OfflineModel:
    """What the file at *path* tells. Of its bytes only header, table and single attributes are read.

    Raises:
        GraphError: it is no offline model of CANN, it is encrypted, or its numbers contradict its size.
    """
    with refusing(GraphError, "the file cannot be read", str(path)):
        file, size = path.open("rb"), path.stat().st_size
    with naming(path), file:
        head = file.read(HEADER_BYTES)
        if not head.startswith(MAGIC):
            raise GraphError(UNKNOWN)
        if len(head) < HEADER_BYTES:
            raise GraphError(f"the file is cut off in its header, after {len(head)} of {HEADER_BYTES} bytes", remedy=FRESH)
        header, wide = _header(head, size)
        parts = _parts(file, size, wide=wide)
        told = {name: text for part in parts if part.kind == MODEL_DEF for name, text in _attributes(file, part)}
        return OfflineModel(header, parts, Attributes(**told))


def _header(head: bytes, size: int) -> tuple[Header, bool]:
    """The header's own, and whether the table behind it counts in 64 bits."""
    _, own_size, version, _, length, encrypted, _, kind, _, name, ops, user, ir_version = HEADER.unpack_from(head)
    models, platform, platform_type, long_length, _, free = LATER.unpack_from(head, HEADER.size)
    if models > MOST:  # these bytes are the text that an earlier release has there
        platform, platform_type = EARLIER.unpack_from(head, HEADER.size)
    if own_size != HEADER_BYTES:
        raise GraphError(f"the header says that it is {own_size} bytes long, and CANN's has {HEADER_BYTES}", remedy=WITH_ATC)
    said = HEADER_BYTES + (long_length or length)
    if said != size:
        raise GraphError(f"the file is {'cut off' if size < said else 'longer than it should be'}: "
                         f"its header speaks of {said} bytes, and it has {size}", remedy=FRESH)
    if encrypted:
        raise GraphError("the model is encrypted, and clipgate cannot look into it", remedy="only the device's runtime can say more")
    named = KINDS[kind] if kind < len(KINDS) else f"model of kind {kind}"
    return Header(version, ir_version, named, _plain(name), ops, _plain(user), _plain(platform), platform_type,
                  models if 0 < models <= MOST else None, bool(long_length and free)), bool(long_length) or kind == FLOW


def _parts(file: BinaryIO, size: int, *, wide: bool) -> tuple[Part, ...]:
    """The parts of the file's first model, which lie one behind the other after their table."""
    entry, first = (struct.Struct("<I4xQQ"), 8) if wide else (struct.Struct("<III"), 4)
    file.seek(HEADER_BYTES)
    number = int.from_bytes(file.read(4), "little")
    at = HEADER_BYTES + first + number * entry.size
    if not 1 <= number <= MOST or at > size:
        raise GraphError(f"the table of the model's parts is damaged: it speaks of {number} parts", remedy=FRESH)
    file.seek(HEADER_BYTES + first)
    parts: list[Part] = []
    for kind, _, length in entry.iter_unpack(file.read(number * entry.size)):
        if length > size - at:
            raise GraphError(f"part {len(parts) + 1} of the model is {length} bytes long, and {size - at} are left", remedy=FRESH)
        parts.append(Part(kind, at, at + length))
        at += length
    return tuple(parts)


def _attributes(file: BinaryIO, part: Part) -> Iterator[tuple[str, str]]:
    """Those attributes of the model definition that a person understands."""
    for number, *place in _fields(file, part.start, part.end):
        if number != ATTR:
            continue
        entry = {field: (start, end) for field, start, end in _fields(file, *place)}
        name = _text(file, *entry.get(KEY, (0, 0)))
        if name in Attributes.__slots__ and VALUE in entry:
            values = {field: (start, end) for field, start, end in _fields(file, *entry[VALUE])}
            yield name, _text(file, *values.get(STRING, (0, 0)))


def _fields(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field of a protobuf message that holds bytes: its number, and where they begin and end."""
    at = start
    for _ in range(MOST_FIELDS):
        if at == end:
            return
        file.seek(at)
        head = file.read(min(20, end - at))
        tag, used = _varint(head, 0)
        kind, size = tag & 7, FIXED.get(tag & 7, 0)
        if kind in (0, 2):
            value, used = _varint(head, used)
            size = value if kind == 2 else 0
        at += used
        if kind not in (0, 2, *FIXED) or not tag >> 3 or size > end - at:
            raise _damaged()
        if kind == 2:
            yield tag >> 3, at, at + size
        at += size
    raise _damaged()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at *at*, and where it ends; a GraphError where it does not."""
    value = 0
    for shift, byte in enumerate(data[at : at + 10]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, at + shift + 1
    raise _damaged()


def _damaged() -> GraphError:
    return GraphError("the model definition in the file is damaged", remedy=FRESH)


def _text(file: BinaryIO, start: int, end: int) -> str:
    if end - start > LONGEST:
        return ""
    file.seek(start)
    return file.read(end - start).decode(errors="replace").strip()


def _plain(field: bytes) -> str:
    """A text of a fixed length, which zeros fill up."""
    return field.partition(b"\0")[0].decode(errors="replace").strip()

