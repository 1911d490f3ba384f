"""A finding: one line for the operator, with the way out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ops.health.facts import Unseen


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


def unanswered(role: str, what: Unseen, subject: str, way_out: str) -> Iterator[Finding]:
    """A finding for a service that does not answer, unless the host's own finding already gives the reason."""
    if not what.explained:
        yield wrong(role, f"{subject}: {what.why}", way_out)
