"""A finding: one line for the operator, with the way out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Worst first. `UNSEEN`: could not be checked, so it may be healthy. `NOTE`: nothing needs to be done now."""

    WRONG = "wrong"
    UNSEEN = "unseen"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    severity: Severity
    role: str
    what: str
    way_out: str


def wrong(role: str, what: str, way_out: str) -> Finding:
    return Finding(Severity.WRONG, role, what, way_out)


def unseen(role: str, what: str, way_out: str) -> Finding:
    return Finding(Severity.UNSEEN, role, what, way_out)


def note(role: str, what: str, way_out: str) -> Finding:
    return Finding(Severity.NOTE, role, what, way_out)
