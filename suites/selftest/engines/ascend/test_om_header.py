"""Reading CANN's offline models; their bytes are put together by hand, a field where the sources have it."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from suites.selftest.simulated import om as simulated
from tools.engines.ascend import om_header
from tools.errors import GraphError

ATTRIBUTES = {"soc_version": "Ascend310P3", "atc_version": "7.5.0.1.129", "opp_version": "7.5.0.1.130", "framework_type": "5",
              "atc_cmdline": "atc --model=tsm.onnx --framework=5"}


def number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, "little")


def varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def field(number: int, data: bytes) -> bytes:
    """A field of a protobuf message that holds bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def attribute(name: str, text: str) -> bytes:
    """An entry of ModelDef's map of attributes, field 11: the key, and a value whose field 2 is a text."""
    return field(11, field(1, name.encode()) + field(2, field(2, text.encode())))


def definition(**attributes: str) -> bytes:
    """A ModelDef: name, number of its version, a graph, attributes."""
    graph = field(7, field(1, b"graph") + b"x" * 300)
    return field(1, b"ge_default") + b"\x10\x01" + graph + b"".join(attribute(*one) for one in attributes.items())


def table(*parts: tuple[int, bytes], wide: bool = True) -> bytes:
    """The table of parts, and the parts: 64 bits for offset and length, or 32 as until 2022."""
    entries, at = b"", 0
    for kind, data in parts:
        entries += number(kind, 8 if wide else 4) + number(at, 8 if wide else 4) + number(len(data), 8 if wide else 4)
        at += len(data)
    return number(len(parts), 8 if wide else 4) + entries + b"".join(data for _, data in parts)


def model(body: bytes, places: dict[int, bytes] | None = None, *, year: int = 2025) -> bytes:
    """A header of 256 bytes as that year's sources have it, with *places* written over it, and the body."""
    head = bytearray(256)
    fields = {0: b"IMOD", 4: number(256), 8: number(0x10000000), 12: b"\x07" * 64, 76: number(len(body)), 84: b"tsm_bs16", 116: number(9),
              120: b"mine", 152: number(1)}
    if year == 2020:
        fields |= {156: b"1.60.T17.B830", 176: b"\x03"}
    else:
        fields |= {156: number(1), 160: b"1.60.T17.B830", 180: b"\x03"}
    if year == 2025:
        fields |= {76: number(0), 184: number(len(body), 8)}
    for place, data in (fields | (places or {})).items():
        head[place : place + len(data)] = data
    return bytes(head) + body


BODY = table((0, definition(**ATTRIBUTES)), (1, b"w" * 500), (2, b"t" * 20), (3, b"k" * 7))
LONGER = f"the file is longer than it should be: its header speaks of {256 + len(BODY)} bytes, and it has {257 + len(BODY)}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tsm.om"


def read(file: Path, data: bytes) -> om_header.OfflineModel:
    file.write_bytes(data)
    return om_header.read(file)


def test_a_model_tells_chip_compiler_and_parts(file: Path) -> None:
    """Header, attributes and the lengths of its parts."""
    told = read(file, model(BODY))

    assert om_header.Header(0x10000000, 1, "IR model", "tsm_bs16", 9, "mine", "1.60.T17.B830", 3, 1, dynamic=False) == told.header
    assert om_header.Attributes(**ATTRIBUTES) == told.attributes
    assert [("weights", 500), ("tasks", 20), ("kernels of the AI core", 7)] == [(one.name, one.end - one.start) for one in told.parts[1:]]


@pytest.mark.parametrize(("year", "models"), [(2020, None), (2022, 1)])
def test_older_models_tell_the_same(file: Path, year: int, models: int | None) -> None:
    """Their tables count in 32 bits; the oldest header does not say how many models there are."""
    told = read(file, model(table((0, definition(**ATTRIBUTES)), (1, b"w" * 500), wide=False), year=year))

    assert ("1.60.T17.B830", 3, models) == (told.header.platform, told.header.platform_type, told.header.models)
    assert ATTRIBUTES["soc_version"] == told.attributes.soc_version
    assert 500 == told.parts[1].end - told.parts[1].start


def test_a_header_that_counts_no_model_does_not_say_how_many(file: Path) -> None:
    """A file with a model in it has one at least."""
    assert read(file, model(BODY, {156: number(0)})).header.models is None
    assert om_header.MOST == read(file, model(BODY, {156: number(om_header.MOST)})).header.models


def test_what_a_model_does_not_say_is_empty(file: Path) -> None:
    """Attributes that are not there, are no text, or are too long for one; parts and kinds without a name."""
    odd = field(11, field(1, b"atc_version") + field(2, b"\x18\x05"))
    long = attribute("atc_cmdline", "x" * (om_header.LONGEST + 1))
    told = read(file, model(table((0, definition() + odd + long), (99, b"?")), {82: b"\x09", 84: bytes(32)}))

    assert om_header.Attributes() == told.attributes
    assert ("", "model of kind 9", "part of kind 99") == (told.header.name, told.header.kind, told.parts[1].name)


def test_only_the_newest_header_says_that_shapes_are_free(file: Path) -> None:
    """In older ones that byte is of no meaning."""
    assert read(file, model(BODY, {193: b"\x01"})).header.dynamic
    assert not read(file, model(table((0, definition()), wide=False), {193: b"\x01"}, year=2022)).header.dynamic


@pytest.mark.parametrize(("data", "sentence"), [
    (b"", om_header.UNKNOWN), (b"IMO", om_header.UNKNOWN), (b"DOMI" + model(BODY)[4:], om_header.UNKNOWN),
    (model(BODY)[:255], "the file is cut off in its header, after 255 of 256 bytes"),
    (model(BODY)[:-1], f"the file is cut off: its header speaks of {256 + len(BODY)} bytes, and it has {255 + len(BODY)}"),
    (model(BODY) + b"!", LONGER),
    (model(BODY, {184: b"\xff" * 8}), f"the file is cut off: its header speaks of {2**64 + 255} bytes, and it has {256 + len(BODY)}"),
    (model(BODY, {4: number(128)}), "the header says that it is 128 bytes long, and CANN's has 256"),
    (model(BODY, {80: b"\x01"}), "the model is encrypted, and clipgate cannot look into it"),
    (model(b"\0" * 64), "the table of the model's parts is damaged: it speaks of 0 parts"),
    (model(b"\xff" * 64), "the table of the model's parts is damaged: it speaks of 4294967295 parts"),
    (model(number(2, 8) + b"\0" * 30), "the table of the model's parts is damaged: it speaks of 2 parts"),
    (model(number(1, 8) + bytes(16) + b"\xff" * 8), f"part 1 of the model is {2**64 - 1} bytes long, and 0 are left"),
    (model(table((0, b"\x0a\x05ab"))), "the model definition in the file is damaged"),
    (model(table((0, b"\x0b"))), "the model definition in the file is damaged"),
    (model(table((0, b"\x02\x00"))), "the model definition in the file is damaged"),
    (model(table((0, b"\x0a\x80"))), "the model definition in the file is damaged"),
    (model(table((0, b"\xff" * 30))), "the model definition in the file is damaged"),
    (model(table((0, field(11, b"\x0a\xff\xff\x03")))), "the model definition in the file is damaged"),
    (model(table((0, b"\x10\x01" * (om_header.MOST_FIELDS + 1)))), "the model definition in the file is damaged"),
], ids=range(20))
def test_a_file_that_contradicts_itself_is_one_sentence(file: Path, data: bytes, sentence: str) -> None:
    """It names the file, whatever is wrong."""
    with pytest.raises(GraphError) as error:
        read(file, data)

    assert (sentence, str(file)) == (error.value.what, error.value.where)


def test_the_stand_in_of_a_model_is_none(file: Path) -> None:
    """What the simulated compiler writes is for the simulated runtime alone."""
    simulated.write(file, {"soc_version": "AscendSim310P3"}, b"onnx")
    with pytest.raises(GraphError, match="not an offline model of CANN that clipgate can read"):
        om_header.read(file)


def test_no_length_in_a_file_is_loaded(file: Path) -> None:
    """A graph of two gigabytes and weights of four cost no memory: what is not read is skipped."""
    graph, weights = 2**31, 2**32
    begin, end = varint(7 << 3 | 2) + varint(graph), attribute("soc_version", "Ascend910B3")
    define = len(begin) + graph + len(end)
    entries = number(2, 8) + number(0, 8) + number(0, 8) + number(define, 8) + number(1, 8) + number(define, 8) + number(weights, 8)
    size = len(entries) + define + weights
    with file.open("wb") as stream:
        stream.write(model(b"", {184: number(size, 8)}) + entries + begin)
        stream.seek(graph, os.SEEK_CUR)
        stream.write(end)
        stream.truncate(256 + size)
    tracemalloc.start()
    try:
        told = om_header.read(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert ("Ascend910B3", weights) == (told.attributes.soc_version, told.parts[1].end - told.parts[1].start)
    assert peak < 2**20


def test_each_kind_of_part_has_one_word() -> None:
    """CANN's ModelPartitionType counts from 0 to 12, and the two of a bundle lie apart."""
    assert {*range(13), 24, 25} == set(om_header.PARTS)
    assert len(om_header.PARTS) == len(set(om_header.PARTS.values()))
