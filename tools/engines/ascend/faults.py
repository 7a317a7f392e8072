"""What an Ascend runtime's last words mean. Its exceptions lose the code, which it prints to the C stdout.

Known from the ACL error families, and from what the extension was seen to print.
"""

from __future__ import annotations

import re

from tools.engines.faults import Fault, FaultKind

CODES = re.compile(r"(?:runtime result\s*[=:]\s*|ret(?:Code)?\s*[=:]\s*|error code is\s*|errorCode\s*[=:]\s*|\[)(\d{6})\b")
NAMED = re.compile(r"\b(E[A-Z0-9]\d{4})\b")
SHOWN_LINES = 8
# The first row that has one of the codes decides: a lost device explains every error after it.
FAMILIES: tuple[tuple[FaultKind, frozenset[str], str], ...] = (
    ("lost", frozenset(("507010", "507012", "507899", "507901", "EL0001")), "the device is lost: its driver no longer answers"),
    ("mismatch", frozenset(("507033", "E30006")),
     "driver, firmware and CANN toolkit do not fit together, or another container owns the device"),
    ("mismatch", frozenset(("507008", "507009", *map(str, range(100012, 100017)), *map(str, range(545001, 545006)))),
     "the model was compiled for another chip or by a newer CANN than this one"),
    ("memory", frozenset(("200000", "207001", "245000", "EL0004")), "the device's memory is exhausted"),
    ("missing", frozenset(("107001", "207004")), "the runtime has no such device"),
    ("missing", frozenset(("207006",)), "this user may not open the device"),
    ("memory", frozenset(("207005", *map(str, range(207007, 207013)))),
     "the device's streams, events or models are used up: processes that were left over hold them"),
    ("kernel", frozenset(("507011", "507014", "507015", "507016", "507017", "507018", "507035", "EZ9999")),
     "a kernel failed on the device"),
    ("usage", frozenset(("100037", "107002", "107003", *map(str, range(100000, 100010)), *map(str, range(145000, 145023)))),
     "the runtime was not used as it wants to be"),
    ("usage", frozenset(("EE1001",)), "the runtime does not take an argument"),  # said beside most of the codes above
)
TEXTS: tuple[tuple[FaultKind, str, str], ...] = (  # for builds that print no code
    ("memory", "ACL: memory allocation fail", "the device's memory is exhausted"),
    ("load", "load model from file failed", "the runtime cannot load the model"),
    ("load", "please check model path", "the runtime refuses the model's path"),
    ("kernel", "execute model failed", "a kernel failed on the device"),
)


def diagnose(log: str) -> Fault:
    """The fault in *log*, which is all that a process printed, with the text of its exception."""
    lines = tuple(line.rstrip() for line in re.split(r"[\r\n]+", log) if line.strip())
    codes = tuple(dict.fromkeys(CODES.findall(log) + NAMED.findall(log)))
    telling = [line for line in lines if "ERROR" in line or CODES.search(line) or NAMED.search(line)]
    said = tuple((telling or lines)[-SHOWN_LINES:])
    for kind, family, meaning in FAMILIES:
        if family & set(codes):
            return Fault(kind, meaning, tuple(code for code in codes if code in family), said)
    for kind, text, meaning in TEXTS:
        if text in log:
            return Fault(kind, meaning, codes, said)
    return Fault("unknown", "the runtime failed", codes, said)
