"""The runtime module's plain values: enums, options, tensor descriptions, summaries; vendor's names."""

from __future__ import annotations

import enum
import struct
import weakref
from typing import Any, ClassVar

SIZES = {0: 4, 1: 2, 2: 1, 3: 4, 4: 1, 6: 2, 7: 2, 8: 4, 9: 8, 10: 8, 11: 8, 12: 1}
FORMATS = {"f": 0, "e": 1, "b": 2, "i": 3, "B": 4, "h": 6, "H": 7, "I": 8, "l": 9, "L": 10, "d": 11, "?": 12}


def float32(value: float) -> float:
    """Rounded to single precision, as the extension stores times."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


class _Enum(enum.Enum):
    """An extension's enum: converts to int, and equals no int."""

    def __int__(self) -> int:
        return int(self.value)

    __index__ = __int__


dtype = _Enum("dtype", {"float32": 0, "float16": 1, "int8": 2, "int32": 3, "uint8": 4, "int16": 6, "uint16": 7, "uint32": 8, "int64": 9,
                        "uint64": 10, "double": 11, "bool": 12})
type = _Enum("type", {"memory_host": 0, "memory_device": 1, "memory_dvpp": 2})


class session_options:  # noqa: N801
    """Repetitions of a run, verbosity (1 debug .. 4 error), profiling file; no other attribute can be set."""

    __slots__ = ("acl_json_path", "log_level", "loop")

    def __init__(self) -> None:
        self.loop, self.log_level, self.acl_json_path = 1, 2, ""


class infer_options:  # noqa: N801
    """Settings of pipelined runs."""

    __slots__ = ("auto_dym_dims", "auto_dym_shape", "out_format", "output_dir", "output_names", "pure_infer_mode", "shapes_list")

    def __init__(self) -> None:
        self.output_dir, self.out_format = "", "BIN"
        self.auto_dym_shape = self.auto_dym_dims = self.pure_infer_mode = False
        self.output_names: list[str] = []
        self.shapes_list: list[object] = []


class tensor_desc:  # noqa: N801
    """An input or output as the model declares it; a session's reads garbage once the session is gone."""

    GARBAGE: ClassVar[dict[str, Any]] = {"name": "\ufffd\x01", "shape": [-559038737], "size": 0xDEADBEEF, "realsize": 0xDEADBEEF,
                                         "format": -559038737, "datatype": dtype.uint8}

    def __init__(self) -> None:
        self._values = {"name": "", "datatype": dtype.float32, "format": 0, "shape": [], "size": 0, "realsize": 0}
        self._owner: weakref.ref[Any] | None = None

    @classmethod
    def of(cls, owner: object, declared: dict[str, Any]) -> tensor_desc:
        """A reference into a session."""
        desc, size = cls(), SIZES[declared["datatype"]]
        for extent in declared["shape"]:
            size *= extent
        desc._values = {**declared, "datatype": dtype(declared["datatype"]), "size": size, "realsize": size}
        desc._owner = weakref.ref(owner)
        return desc

    def _read(self, name: str) -> Any:
        values = self.GARBAGE if self._owner is not None and self._owner() is None else self._values
        return list(values[name]) if name == "shape" else values[name]

    name = property(lambda self: self._read("name"))
    datatype = property(lambda self: self._read("datatype"))
    format = property(lambda self: self._read("format"))
    shape = property(lambda self: self._read("shape"))
    size = property(lambda self: self._read("size"))
    realsize = property(lambda self: self._read("realsize"))


class _Summary:
    """Execution times; every access of a list copies it."""

    def __init__(self) -> None:
        self._times: list[Any] = []

    @property
    def exec_time_list(self) -> list[Any]:
        return list(self._times)


class _FirstSummary:
    """Execution times of the first build: their sum in milliseconds and their count."""

    def __init__(self) -> None:
        self._times: list[float] = []

    exec_time = property(lambda self: float(sum(self._times)))
    exec_count = property(lambda self: len(self._times))


class sumary(_Summary):  # noqa: N801
    """The summary's name for most of its life."""


class first_sumary(_FirstSummary):  # noqa: N801
    """The first build's."""


class Summary(_Summary):
    """The newest build's."""


first_sumary.__name__ = "sumary"
SUMMARIES = {"2022-06": first_sumary, "2023-06": sumary, "2024-05": sumary, "2025-12": sumary, "2026-08": Summary}
