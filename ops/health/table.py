"""The output of status and verify, for the terminal and as JSON: a row per role, then the findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.health.facts import Facts
from ops.health.finding import Finding, Severity

# Width of the output in columns, if it goes to a file or a pipe.
FILE_WIDTH = 160
# Row -> state and summary.
Rows = Mapping[str, tuple[str, str]]
RANK = list(Severity)
STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red", "unseen": "magenta"}


def rows(facts: Facts, findings: Iterable[Finding]) -> dict[str, tuple[str, str]]:
    """Row -> (state, summary). State: ok, note, wrong, or unseen if its hosts did not answer."""
    return with_states(_summaries(facts), findings)


def with_states(summaries: Mapping[str, str], findings: Iterable[Finding]) -> dict[str, tuple[str, str]]:
    """Add to each summary ("" if nothing was observed) the state that follows from the findings."""
    worst: dict[str, str] = {}
    for finding in sorted(findings, key=lambda finding: RANK.index(finding.severity)):
        worst.setdefault(finding.role, finding.severity)
    return {
        role: (worst.get(role, "ok" if summary else "unseen"), summary or "its host could not be asked")
        for role, summary in summaries.items()
    }


def _summaries(facts: Facts) -> dict[str, str]:
    """Row -> summary of the observations, "" if there are none."""
    reached = sum(host.ssh is None for host in facts.hosts.values())
    active = sum(host.status == "ACTIVE" for host in facts.hosts.values())
    in_cloud = "cloud not asked" if facts.cloud else f"{active} of {len(facts.hosts)} active in the cloud"
    seen = {row: summary for health in facts.health.values() for row, summary in health.rows(facts).items()}
    for row, place in facts.external.items():
        seen[row] = ", ".join(part for part in (f"yours: {place}", seen.get(row, "")) if part)
    return {"servers": f"{in_cloud}, {reached} reached", **seen}


def details(facts: Facts) -> dict[str, Any]:
    """What --json prints of the roles in addition."""
    return {name: value for health in facts.health.values() for name, value in health.details().items()}


def show(stack: str, rows: Rows, findings: list[Finding], seconds: float) -> None:
    """Print the table and the findings. `seconds`: how long the checks took."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    table = Table(title=f"Stack {stack}", title_justify="left", box=None, pad_edge=False)
    for column in ("role", "state", "seen"):
        table.add_column(column, no_wrap=column != "seen")
    for role, (state, summary) in rows.items():
        table.add_row(role, Text(state, STYLES[state]), summary)
    console.print(table)
    for finding in findings:
        console.print(Text(finding.severity, STYLES[finding.severity]), end="")
        console.print(f" {finding.role}: {finding.what} -> {finding.way_out}", markup=False)
    count = sum(finding.severity == Severity.WRONG for finding in findings)
    if count:
        verdict = f"{count} wrong"
    elif complete(rows, findings):
        verdict = "All is well"
    else:
        verdict = "Nothing is wrong, but not everything could be seen"
    console.print(f"{verdict} (looked for {seconds:.1f} s).")


def complete(rows: Rows, findings: Iterable[Finding]) -> bool:
    """Whether everything was checked."""
    states = {state for state, _ in rows.values()} | {finding.severity for finding in findings}
    return Severity.UNSEEN not in states


def as_json(stack: str, rows: Rows, findings: list[Finding], seconds: float) -> dict[str, Any]:
    """What --json prints, for machines.

    stack: its name; ok: nothing is wrong; complete: everything was checked; seconds: duration of the checks;
    roles: row -> {state, seen}, as in the table; findings: list of {severity: wrong | unseen | note, role, what,
    way_out}.
    """
    return {
        "stack": stack,
        "ok": all(finding.severity != Severity.WRONG for finding in findings),
        "complete": complete(rows, findings),
        "seconds": round(seconds, 1),
        "roles": {role: {"state": state, "seen": summary} for role, (state, summary) in rows.items()},
        "findings": [
            {"severity": f.severity.value, "role": f.role, "what": f.what, "way_out": f.way_out}
            for f in findings
        ],
    }
