"""A finding: one line for the operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Worst first. `UNSEEN`: it could not be looked at, and may be well. `NOTE`: nothing to do now, good to know."""

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
