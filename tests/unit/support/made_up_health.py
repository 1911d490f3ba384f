"""The probe of the role in made_up_role.py, and what its answer means for `make status` and `make replace`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding, wrong
from ops.health.parsing import parsed
from ops.health.role_health import Candidate, Health, Probe
from ops.ssh.survey import Report
from ops.stack.outputs import Stack


@dataclass(frozen=True)
class Stats:
    hits: int
    misses: int


def read(line: str) -> Stats:
    return Stats(**{name: int(value) for name, value in (word.split("=") for word in line.split())})


@dataclass(frozen=True)
class CacheHealth(Health):
    stats: Mapping[str, Stats | Unseen]

    probes = (Probe("cache", "cachectl stats {inside}"),)

    @classmethod
    def parse(cls, _stack: Stack, reports: Mapping[str, Report]) -> Self:
        return cls({host: parsed(report, "cache", read) for host, report in reports.items()})

    def _seen(self) -> dict[str, Stats]:
        return {host: stats for host, stats in self.stats.items() if not isinstance(stats, Unseen)}

    def findings(self, _facts: Facts) -> Iterator[Finding]:
        for host, stats in self._seen().items():
            if stats.misses > stats.hits:
                what = f"{host} misses {stats.misses} of {stats.hits + stats.misses} answers"
                yield wrong("cache", what, "a larger flavor")

    def refusal(self, candidate: Candidate) -> str | None:
        return f"{candidate.host} has the only answers" if list(self._seen()) == [candidate.host] else None

    def rows(self, _facts: Facts) -> dict[str, str]:
        return {"cache": ", ".join(f"{stats.hits} hits" for stats in self._seen().values())}

    def details(self) -> dict[str, Any]:
        return {"cache": {host: asdict(stats) for host, stats in self._seen().items()}}
