"""The health of the policy engines' hosts: each engine's unit, its answers, and what it has in memory and finds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Self

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding
from ops.health.parsing import parsed
from ops.health.role_health import Candidate, Health, Probe
from ops.health.roles.policy_engine import policies
from ops.health.roles.policy_engine.engine import DatasourceView, EngineState, EngineView, Lag, PolicyView
from ops.health.roles.policy_engine.findings import engines
from ops.health.roles.policy_engine.policies import Declared
from ops.ssh.survey import Report
from ops.stack.outputs import Engine, Stack
from roles import CONFIGURATION, NODE_ID, POLICY_ENGINE

# Number of datasources that are listed with their rows.
LARGEST = 3


@dataclass(frozen=True)
class PolicyEngineHealth(Health):
    """`engines`: by node id. `declared`: None if the stack declares no policies."""

    engines: Mapping[str, EngineState]
    declared: Declared | Unseen | None = None

    probes = (
        Probe(
            f"unit {NODE_ID}",
            f"python3 - congress-policy-engine@{NODE_ID}.service {{sample}}",
            file="unit.py",
        ),
        Probe(f"view {NODE_ID}", f"python3 - {{url}} {{inside}} {CONFIGURATION}", file="engine.py"),
        Probe(
            "policies",
            "curl -sS -f --max-time {inside} --data-binary @- {url}/health/policies",
            request=policies.request,
        ),
    )

    @classmethod
    def parse(cls, stack: Stack, reports: Mapping[str, Report]) -> Self:
        states = {engine.node_id: _engine(engine, reports[engine.host]) for engine in stack.engines}
        if not policies.request(stack):
            return cls(states)
        views = [
            parsed(reports[host], "policies", policies.view)
            for host in sorted({e.host for e in stack.engines})
        ]
        return cls(states, policies.most_complete(views))

    def findings(self, facts: Facts) -> Iterator[Finding]:
        yield from engines(self, facts)
        if self.declared is not None:
            views = [engine.view for engine in self.engines.values()]
            named = [view.datasources for view in views if isinstance(view, EngineView) and view.datasources]
            yield from policies.findings(
                self.declared, {name for datasources in named for name in datasources}
            )

    def refusal(self, candidate: Candidate) -> str | None:
        here = {node_id for node_id, engine in self.engines.items() if engine.host == candidate.host}
        work = {node_id for node_id, engine in self.engines.items() if engine.is_serving}
        if work and work <= here:
            others = ", ".join(sorted(self.engines.keys() - here))
            return (
                f"{', '.join(sorted(work))} is the last working engine: repair {others} first (make status)"
            )
        return None

    def rows(self, _facts: Facts) -> dict[str, str]:
        declared = {} if self.declared is None else {policies.ROW: policies.summary(self.declared)}
        return {POLICY_ENGINE.row: self._summary(), **declared}

    def _summary(self) -> str:
        views = {
            node_id: engine.view
            for node_id, engine in self.engines.items()
            if isinstance(engine.view, EngineView) and engine.view.code
        }
        if not views:
            return ""
        times = ", ".join(f"{view.ms} ms" for view in views.values())
        first = next((view for view in views.values() if view.policies is not None), None)
        parts = [f"{len(views)} of {len(self.engines)} answer ({times})"]
        if any(view.listed == HTTPStatus.UNAUTHORIZED for view in views.values()):
            parts.append("their memory requires a token")
        if first and first.policies is not None:
            rules = sum(policy.rules for policy in first.policies.values())
            parts.append(
                f"{len(first.policies)} policies, {rules} rules, {len(first.datasources or {})} datasources"
                + _largest(first.datasources or {})
            )
        if lags := [(node_id, view.lag) for node_id, view in views.items() if view.lag]:
            parts.append("up to date: " + ", ".join(f"{node_id} {_up_to_date(lag)}" for node_id, lag in lags))
        return ", ".join(parts)

    def details(self) -> dict[str, Any]:
        """`lag`: node id -> fields of the engine's Lag; None if it was not reported. `policies`: fields of Declared, or
        None without an answer; left out if the stack declares nothing.
        """
        views = {node_id: engine.view for node_id, engine in self.engines.items()}
        return {
            "lag": {
                node_id: asdict(view.lag) if isinstance(view, EngineView) and view.lag else None
                for node_id, view in views.items()
            },
            **({} if self.declared is None else {"policies": policies.details(self.declared)}),
        }


def view(text: str) -> EngineView:
    """Read what ops/remote/engine.py printed."""
    values: dict[str, Any] = json.loads(text)
    lag = values.get("lag")
    more: dict[str, Any] = {
        "loading": values.get("loading", ""),
        "lag": lag and Lag(lag["subscribed"], tuple(lag["behind"]), tuple(lag["silent"])),
    }
    if values.get("listed") != HTTPStatus.OK:
        return EngineView(values["code"], values["ms"], values.get("listed"), **more)
    listed_policies = {
        p["name"]: PolicyView(p["known"], tuple(p["missing"]), tuple(p["tables"]), p["rules"], p["complete"])
        for p in values["policies"]
    }
    datasources = {
        d["name"]: DatasourceView(
            d["known"], d["code"], d["last_error"], d.get("rows"), d.get("age"), d.get("enabled", True)
        )
        for d in values["datasources"] or []
    }
    listed = values["datasources"] is not None
    return EngineView(
        values["code"],
        values["ms"],
        values["listed"],
        values["sync_period"],
        listed_policies,
        datasources if listed else None,
        **more,
    )


def _engine(engine: Engine, report: Report) -> EngineState:
    unit = parsed(report, f"unit {engine.node_id}", _unit)
    observed = parsed(report, f"view {engine.node_id}", view)
    if isinstance(unit, Unseen):
        return EngineState(engine.host, unit, 0, observed)
    state = (unit["ActiveState"], unit["SubState"])
    cpu = float(unit["CPUShare"]) if "CPUShare" in unit else None
    return EngineState(engine.host, state, int(unit.get("NRestarts", "0")), observed, cpu)


def _unit(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def _largest(datasources: Mapping[str, DatasourceView]) -> str:
    """The datasources with most rows, and the age of these rows."""
    sizes = [(view.rows, name, view.age) for name, view in datasources.items() if view.rows is not None]
    described = [
        f"{name} {rows:,} rows" + (f" {age} s old" if age is not None else "")
        for rows, name, age in sorted(sizes, key=lambda one: -one[0])[:LARGEST]
    ]
    return f": {', '.join(described)}" if described else ""


def _up_to_date(lag: Lag) -> str:
    silent = f" ({', '.join(lag.silent)} not known)" if lag.silent else ""
    return f"{lag.subscribed - len(lag.behind)} of {lag.subscribed} tables{silent}"
