"""The health of a role: the probes of its hosts, what their answers mean, its rows, and when a host must stay.

A role with probes of its own names its class in the table of roles; ops/health/roles has the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from ops.health.facts import Facts
    from ops.health.finding import Finding
    from ops.ssh.survey import Report
    from ops.stack.outputs import Stack
    from roles import Role


@dataclass(frozen=True)
class Probe:
    """A command that reports a part of a host's health. It changes nothing, and runs as root.

    `command`: words separated by blanks, without a shell. Its standard input is the text `stdin`, or `file`, a file in
    ops/remote, or the text that `request` makes from the stack; if that is "", there is nothing to ask. Name and
    command may contain {node_id}, {url} (of an engine), {inside} and {sample} (limits in seconds). A probe with
    {node_id} in its name asks each engine of the host; without it, only the first one. `of_several`: only for hosts
    that share a virtual address with others of their role.
    """

    name: str
    command: str
    stdin: str = ""
    file: str = ""
    of_several: bool = False
    request: Callable[[Stack], str] | None = None


@dataclass(frozen=True)
class Candidate:
    """A host that may be replaced, and the facts of its stack.

    `saved`: the database's data is already in a file. `backup_file`: a file of an earlier run, "" if there is none; the
    database may have changed since.
    """

    stack: Stack
    facts: Facts
    host: str
    saved: bool = False
    backup_file: str = ""


class Health:
    """What the probes of one role's hosts saw. A subclass is a frozen dataclass: its fields are the facts."""

    probes: ClassVar[tuple[Probe, ...]]

    @classmethod
    def parse(cls, stack: Stack, reports: Mapping[str, Report]) -> Self:
        """The facts. `reports`: host -> report, of the role's hosts."""
        raise NotImplementedError

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """What is wrong. `facts`: those of the whole stack."""
        raise NotImplementedError

    def rows(self, facts: Facts) -> dict[str, str]:
        """Row of the table -> summary of the observations, "" if there are none."""
        raise NotImplementedError

    def refusal(self, _candidate: Candidate) -> str | None:
        """Why a host of the role must not be replaced, with the way out; None if it may be.

        A broken host may always be replaced, the last working one of its role not.
        """
        return None

    def details(self) -> dict[str, Any]:
        """What --json prints in addition."""
        return {}


def health_of(role: Role) -> type[Health] | None:
    """The class that the role names, None if it has no probes of its own."""
    kind: type[Health] | None = resolve_name(role.health) if role.health else None
    return kind
