"""One finding for each fault, and no other."""

from __future__ import annotations

import pytest

from ops.health.assessment import assess
from ops.health.finding import Severity
from tests.ops.support import faults, pair_faults
from tests.ops.support.fact_changes import healthy

WRONG = {**faults.WRONG, **pair_faults.WRONG}
NOTES = {**faults.NOTES, **pair_faults.NOTES}


def test_no_case_hides_another() -> None:
    assert len(WRONG) == len(faults.WRONG) + len(pair_faults.WRONG)
    assert len(NOTES) == len(faults.NOTES) + len(pair_faults.NOTES)


@pytest.mark.parametrize("case", WRONG)
def test_a_fault_is_named_once_with_its_way_out(case: str) -> None:
    change, what, way_out = WRONG[case]
    findings = assess(change(healthy()))
    (finding,) = [finding for finding in findings if finding.severity == Severity.WRONG]
    assert what in f"{finding.role}: {finding.what}"
    assert way_out in finding.way_out


@pytest.mark.parametrize("case", NOTES)
def test_what_recovers_by_itself_or_is_intended_is_a_note(case: str) -> None:
    change, what = NOTES[case]
    (finding,) = assess(change(healthy()))
    assert finding.severity == Severity.NOTE
    assert what in f"{finding.role}: {finding.what}"
