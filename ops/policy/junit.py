"""Results as JUnit's XML, which CI systems read: a suite for each policy, a test for each case."""

from __future__ import annotations

import re
from itertools import groupby
from xml.etree import ElementTree as ET

from ops.policy import report
from ops.policy.results import Outcome, Results

# Characters that XML 1.0 does not allow.
CONTROL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    return CONTROL.sub("?", text)


def text(results: Results) -> bytes:
    root = ET.Element("testsuites", counts([*results.outcomes]))
    for policy, group in groupby(results.outcomes, key=lambda one: one.policy):
        outcomes = [*group]
        suite = ET.SubElement(root, "testsuite", {"name": policy, **counts(outcomes)})
        for outcome in outcomes:
            case = ET.SubElement(
                suite,
                "testcase",
                name=clean(outcome.name),
                classname=policy,
                file=outcome.file,
                line=str(outcome.line),
                time=f"{outcome.seconds:.6f}",
            )
            if not outcome.passed:
                tables = ", ".join(table.name for table in outcome.differs)
                message = clean(outcome.error or f"other rows than expected: {tables}")
                kind = "error" if outcome.error else "failure"
                ET.SubElement(case, kind, message=message).text = clean("\n".join(report.failure(outcome)))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def counts(outcomes: list[Outcome]) -> dict[str, str]:
    errors = sum(outcome.error is not None for outcome in outcomes)
    return {
        "tests": str(len(outcomes)),
        "failures": str(sum(not outcome.passed for outcome in outcomes) - errors),
        "errors": str(errors),
        "time": f"{sum(outcome.seconds for outcome in outcomes):.6f}",
    }
