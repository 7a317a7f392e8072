"""What a runtime's last words mean."""

from __future__ import annotations

import pytest

from tools.engines.ascend.faults import diagnose
from tools.engines.faults import Fault, FaultKind

LOST = "the device is lost: its driver no longer answers"
UNFIT = "driver, firmware and CANN toolkit do not fit together, or another container owns the device"
FOREIGN = "the model was compiled for another chip or by a newer CANN than this one"
FULL = "the device's memory is exhausted"
USED_UP = "the device's streams, events or models are used up: processes that were left over hold them"
ABSENT = "the runtime has no such device"
KERNEL = "a kernel failed on the device"
DRIVER = "the driver failed, or a copy between host and device did"
UNSTARTED = "ACL did not start (aclInit), which is not the model's fault: see to driver, toolkit and this user's rights"
MISUSED = "the runtime was not used as it wants to be"
FAMILIES: dict[tuple[FaultKind, str], str] = {
    ("lost", LOST): "507010 507012 507901 EL0001",
    ("driver", DRIVER): "507899",
    ("mismatch", UNFIT): "507033 E30006",
    ("mismatch", FOREIGN): "507008 507009 100012 100013 100014 100015 100016 545001 545002 545003 545004 545005",
    ("memory", FULL): "200000 207001 245000 EL0004",
    ("memory", USED_UP): "207005 207007 207008 207009 207010 207011 207012",
    ("missing", ABSENT): "107001 207004",
    ("missing", "this user may not open the device"): "207006",
    ("kernel", KERNEL): "507011 507014 507015 507016 507017 507018 507035 EZ9999",
    ("usage", MISUSED): "100000 100001 100002 100003 100009 100037 107002 107003 145000 145003 145006 145022",
    ("usage", "the runtime does not take an argument"): "EE1001",
    ("unknown", "the runtime failed"): "500002 507999 EE9999 100011 145023",
}


@pytest.mark.parametrize(("kind", "meaning", "code"), [(*family, code) for family, codes in FAMILIES.items() for code in codes.split()])
def test_every_code_belongs_to_its_family(kind: FaultKind, meaning: str, code: str) -> None:
    """Alone in a line of the runtime's it decides what has happened, and is named."""
    line = f"[ACL ERROR] {code}: Inner Error!" if code.startswith("E") else f"[ERROR] it failed, ret={code}"
    fault = diagnose(f"before\n{line}\nafter\n")

    assert Fault(kind, meaning, (code,), (line,)) == fault
    assert f"{meaning} ({code})" == fault.sentence


@pytest.mark.parametrize("text", ["synchronize stream failed, runtime result = 507015[FUNC:ReportCallError]", "retCode=507015",
                                  "ret:507015", "ret = 507015", "error code is 507015.", "errorCode=507015",
                                  "RuntimeError: [507015][Error code unknown] "])
def test_a_code_is_found_however_it_is_written(text: str) -> None:
    """As the runtime, the extension and its exceptions write it."""
    assert ("kernel", ("507015",)) == (diagnose(text).kind, diagnose(text).codes)


@pytest.mark.parametrize("text", ["in size:507015 needsize:507011 not match", "ret=5070151", "modelId is 507015", "XEZ99999 E123",
                                  "step 507015/600000", "0x507015",
                                  "ret=0x7BC80F0A", "[0x7bc8]"])
def test_a_number_that_is_no_code_is_none(text: str) -> None:
    """A size that happens to read like one says nothing."""
    assert ("unknown", ()) == (diagnose(text).kind, diagnose(text).codes)


def test_what_is_lost_explains_every_error_after_it() -> None:
    """Of several families the first decides; only its own codes are named: numbers first, once, in order."""
    fault = diagnose("EZ9999: runtime result = 507015\nEL0001: gone, runtime result = 507010\nret=507012 ret=507899 ret=507010 EL0001\n")

    assert ("lost", ("507010", "507012", "EL0001")) == (fault.kind, fault.codes)
    assert f"{LOST} (507010, 507012, EL0001)" == fault.sentence


def test_a_sentence_names_three_codes() -> None:
    """The rest stays with the fault."""
    fault = diagnose("ret=507015 ret=507011 ret=507018 ret=507014")

    assert f"{KERNEL} (507015, 507011, 507018)" == fault.sentence
    assert len(fault.codes) == 4


@pytest.mark.parametrize(("said", "meaning"), [
    ("EE1001: The argument is invalid. Reason: context pointer null, runtime result = 107002", f"{MISUSED} (107002)"),
    ("EE1001: The argument is invalid. Reason: the model id is not loaded, ret=145003", f"{MISUSED} (145003)"),
    ("EE1001: The argument is invalid. Reason: invalid device id, runtime result = 107001", f"{ABSENT} (107001)"),
    ("EE1001: The argument is invalid. load model from file failed, ret=100012", f"{FOREIGN} (100012)")])
def test_the_code_of_any_bad_argument_decides_nothing(said: str, meaning: str) -> None:
    """Beside it stands the one that tells."""
    assert meaning == diagnose(said).sentence


@pytest.mark.parametrize(("text", "kind", "meaning"), [
    ("RuntimeError: [2][ACL: memory allocation fail] ", "memory", FULL),
    ("RuntimeError: [26][ACL: memory copy fail] ", "driver", DRIVER),
    ("[ERROR] load model from file failed, model file is a.om", "load", "the runtime cannot load the model"),
    ("[error] Load model from file failed", "load", "the runtime cannot load the model"),
    ("[ERROR] acl init failed\n[ERROR] load model from file failed, model file is a.om", "start", UNSTARTED),
    ("RuntimeError: please check model path", "load", "the runtime refuses the model's path"),
    ("[ERROR] execute model failed, modelId is 1", "kernel", KERNEL)])
def test_a_build_that_prints_no_code_is_understood_by_its_words(text: str, kind: FaultKind, meaning: str) -> None:
    """Then no code is named; one that belongs to no family is."""
    assert (kind, meaning) == (diagnose(text).kind, diagnose(text).sentence)
    assert (kind, f"{meaning} (500002)") == (diagnose(f"{text}\nret=500002").kind, diagnose(f"{text}\nret=500002").sentence)


@pytest.mark.parametrize(("text", "code"), [
    ("EE1001: supported socVersion=Ascend910B2, but the model socVersion=Ascend910B, ret: 0x7BC80", "507008"),
    ("it failed, ret: 0x7bc81", "507009"), ("runtime result = 0x82E81", "536193")])
def test_a_code_in_hex_is_the_same_code(text: str, code: str) -> None:
    """And is named as the vendor's tables have it."""
    assert code in diagnose(text).codes
    assert ("mismatch" if code < "507010" else "unknown") == diagnose(text).kind


@pytest.mark.parametrize("text", [
    "EE1001: The argument is invalid. supported socVersion=Ascend910B2, but the model socVersion=Ascend910B",
    "E19999: Inner Error! the model's SocVersion does not fit\nge result[4294967295]\n[error] Load model from file failed"])
def test_another_chips_model_is_told_by_the_word_for_chips(text: str) -> None:
    """Where the codes beside it say nothing, or that of any bad argument."""
    assert ("mismatch", FOREIGN) == (diagnose(text).kind, diagnose(text).meaning)


def test_the_last_telling_lines_are_shown() -> None:
    """Eight at most: those with a code or an ERROR, in their order."""
    noise = "\n".join(f"[INFO] step {number}" for number in range(50))
    told = [f"[ERROR] number {number}" for number in range(9)] + ["runtime result = 207001"]

    assert ("[error] Load model from file failed",) == diagnose(f"{noise}\n[error] Load model from file failed\n{noise}").said
    assert tuple(told[2:]) == diagnose("\n".join([*told[:5], noise, *told[5:], noise])).said


def test_without_telling_lines_the_last_ones_are_shown() -> None:
    """Such as a traceback."""
    lines = [f"line {number}" for number in range(12)]

    assert tuple(lines[4:]) == diagnose("\n\n".join(lines) + "\n  \n").said


def test_a_progress_line_is_many_lines() -> None:
    """What was overwritten on the terminal is not glued to what came last."""
    fault = diagnose("\rloop inference exec: (1/3)\rloop inference exec: (2/3)\r\n[ERROR] execute model failed\r")

    assert ("[ERROR] execute model failed",) == fault.said
    assert ("loop (1/3)", "loop (2/3)") == diagnose("\rloop (1/3)\rloop (2/3)").said


def test_nothing_said_is_nothing_known() -> None:
    """The fault is still one."""
    assert Fault("unknown", "the runtime failed", (), ()) == diagnose("")
