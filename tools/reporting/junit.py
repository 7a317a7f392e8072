"""junit.xml of a run: a test case for each question of each cell, with its numbers as properties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal
from xml.etree import ElementTree as ET

from tools.errors import visible
from tools.reporting.facts import CaseFacts, Number, Report
from tools.reporting.verdict import worst

Outcome = Literal["failure", "error", "skipped", ""]


def junit(report: Report) -> bytes:
    """The whole file. What counts are the numbers of the last try of each question."""
    suite = ET.Element("testsuite", name=allowed(f"clipgate {report.run}"), timestamp=allowed(report.began.replace(" ", "T")))
    _properties(suite, [("sentence", report.sentence), ("commit", report.commit), ("command", report.command), *report.environment])
    told = Counter[str]()
    for case in report.cases:
        for question, numbers in _questions(case):
            told.update(["tests", _add(suite, case, question, numbers)])
    for said in report.problems or (() if report.cases else (report.sentence,)):
        told.update(["tests", "error"])
        test = ET.SubElement(suite, "testcase", classname="run", name=allowed(said))
        ET.SubElement(test, "error", message=allowed(said))
    for name, outcome in (("tests", "tests"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(told[outcome]))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def allowed(text: str) -> str:
    """A text in which only characters are left that XML allows, the others as their escapes."""
    return visible(text)


def _questions(case: CaseFacts) -> list[tuple[str, list[Number]]]:
    found: dict[str, list[Number]] = {}
    for one in case.numbers:
        if not one.superseded:
            found.setdefault(one.question, []).append(one)
    return list(found.items())


def _add(suite: ET.Element, case: CaseFacts, question: str, numbers: Sequence[Number]) -> Outcome:
    test = ET.SubElement(suite, "testcase", classname=allowed(case.name), name=allowed(question))
    said = [(one.metric, f"{one.measured} (reference {one.reference}): {one.shown}") for one in numbers]
    _properties(test, [("model", case.model), ("batch", str(case.batch)), ("device", case.device), ("chip", case.chip),
                       ("data", case.data), ("weights", case.weights), *said])
    outcome = _outcome(numbers)
    if outcome:
        red = [one for one in numbers if one.red] or [worst(numbers)]
        message = "; ".join(f"{one.shown}: {one.metric} {one.measured} (reference {one.reference})" for one in red)
        ET.SubElement(test, outcome, message=allowed(message)).text = allowed("\n".join([*(one.reason for one in red), case.again]).strip())
    return outcome


def _outcome(numbers: Sequence[Number]) -> Outcome:
    """How a question ended: red as an error or a failure, or without any judgement."""
    if any(one.word == "ERROR" for one in numbers):
        return "error"
    if any(one.red for one in numbers):
        return "failure"
    return "skipped" if all(one.word in ("SKIPPED", "XFAIL") for one in numbers) else ""


def _properties(parent: ET.Element, pairs: Sequence[tuple[str, str]]) -> None:
    inside = ET.SubElement(parent, "properties")
    for name, value in pairs:
        if value:
            ET.SubElement(inside, "property", name=allowed(name), value=allowed(value))
