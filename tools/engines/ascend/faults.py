"""What an Ascend runtime's last words mean. Its exceptions lose the code, which it prints to the C stdout.

Known from the ACL error families, and from what the extension was seen to print.
"""

from __future__ import annotations

import re

from tools.engines.faults import Fault, Row, of_rows

CODES = re.compile(r"(?:runtime result\s*[=:]\s*|ret(?:Code)?\s*[=:]\s*|error code is\s*|errorCode\s*[=:]\s*|\[)(\d{6}|0x[0-9a-f]{5})\b",
                   re.IGNORECASE)
NAMED = re.compile(r"\b(E[A-Z0-9]\d{4})\b")
MARKED = re.compile(r"ERROR|\[error\]")  # builds differ in how they write it
ANOTHER_CHIP = "the model was compiled for another chip or by a newer CANN than this one"


# The first row that has one of the codes or words decides: a lost device explains every error after it.
ROWS = (
    Row("lost", "the device is lost: its driver no longer answers", frozenset(("507010", "507012", "507901", "EL0001"))),
    Row("mismatch", "driver, firmware and CANN toolkit do not fit together, or another container owns the device",
        frozenset(("507033", "E30006"))),
    Row("mismatch", ANOTHER_CHIP, frozenset(("507008", "507009", *map(str, range(100012, 100017)), *map(str, range(545001, 545006)))),
        ("socversion",)),  # beside it a runtime may print nothing but E19999 and ge result[4294967295]
    Row("memory", "the device's memory is exhausted", frozenset(("200000", "207001", "245000", "EL0004"))),
    Row("missing", "the runtime has no such device", frozenset(("107001", "207004"))),
    Row("missing", "this user may not open the device", frozenset(("207006",))),
    Row("memory", "the device's streams, events or models are used up: processes that were left over hold them",
        frozenset(("207005", *map(str, range(207007, 207013))))),
    Row("kernel", "a kernel failed on the device",
        frozenset(("507011", "507014", "507015", "507016", "507017", "507018", "507035", "EZ9999"))),
    Row("driver", "the driver failed, or a copy between host and device did", frozenset(("507899",))),  # one failed copy gives it
    Row("start", "ACL did not start (aclInit), which is not the model's fault: see to driver, toolkit and this user's rights",
        words=("acl init failed",)),
    Row("usage", "the runtime was not used as it wants to be",
        frozenset(("100037", "107002", "107003", *map(str, range(100000, 100010)), *map(str, range(145000, 145023))))),
    Row("usage", "the runtime does not take an argument", frozenset(("EE1001",))),  # said beside most of the codes above
    # words for builds that print no code
    Row("memory", "the device's memory is exhausted", words=("acl: memory allocation fail",)),
    Row("driver", "the driver failed, or a copy between host and device did", words=("acl: memory copy fail",)),
    Row("load", "the runtime cannot load the model", words=("load model from file failed",)),
    Row("load", "the runtime refuses the model's path", words=("please check model path",)),
    Row("kernel", "a kernel failed on the device", words=("execute model failed",)),
)


def diagnose(log: str) -> Fault:
    """The fault in *log*, which is all that a process printed, with the text of its exception."""
    codes = tuple(dict.fromkeys([*map(_decimal, CODES.findall(log)), *NAMED.findall(log)]))
    return of_rows(ROWS, log, codes, lambda line: MARKED.search(line) or CODES.search(line) or NAMED.search(line))


def _decimal(code: str) -> str:
    """A code as the vendor's tables have it: 0x7BC80 is 507008."""
    return str(int(code, 16)) if code[:2].lower() == "0x" else code
