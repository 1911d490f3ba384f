"""Findings about several faults at once, and what is not a fault."""

from __future__ import annotations

from dataclasses import replace

from ops.health.assessment import assess
from ops.health.facts import Unseen
from ops.health.finding import Severity
from ops.health.roles.database import DatabaseHealth
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.load_balancer import LoadBalancerHealth
from ops.health.roles.messaging import MessagingHealth
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.health.roles.policy_engine.engine import EngineView
from ops.health.table import rows
from tests.ops.support.fact_changes import (
    changed,
    healthy,
    host,
    lines,
)


def test_a_healthy_deployment_has_no_findings() -> None:
    assert lines(assess(healthy())) == []


def test_an_unreachable_cloud_is_unseen_and_not_wrong() -> None:
    seen = replace(healthy(), cloud="timed out")
    (finding,) = findings = assess(seen)
    assert (finding.severity, finding.role) == (Severity.UNSEEN, "servers")
    assert finding.what == "the cloud could not be asked: timed out"
    assert rows(seen, findings)["servers"][0] == "unseen"
    off = host(seen, "database", ssh="refused", connected=False)
    assert rows(off, assess(off))["servers"][0] == "wrong"


def test_what_requires_a_token_is_skipped_and_no_fault() -> None:
    seen = healthy()
    unauthorized = {
        node_id: replace(state, view=EngineView(200, 5, 401))
        for node_id, state in seen[PolicyEngineHealth].engines.items()
    }
    seen = changed(seen, PolicyEngineHealth, engines=unauthorized)
    assert assess(seen) == []
    assert rows(seen, [])["engines"] == (
        "ok",
        "2 of 2 answer (5 ms, 5 ms), their memory requires a token",
    )


def test_without_the_bastion_only_the_bastion_is_named() -> None:
    behind = Unseen("the bastion was not reached", explained=True)
    seen = healthy()
    pair, engines = seen[DatasourceNodeHealth], seen[PolicyEngineHealth].engines
    blind = replace(
        seen,
        hosts={
            name: replace(h, ssh="refused" if name == "bastion" else "behind", connected=False)
            for name, h in seen.hosts.items()
        },
        health={
            DatasourceNodeHealth: DatasourceNodeHealth(
                clusters=dict.fromkeys(pair.clusters, behind),
                processes=dict.fromkeys(pair.processes, behind),
                pings=dict.fromkeys(pair.pings, behind),
            ),
            PolicyEngineHealth: PolicyEngineHealth(
                {name: replace(e, unit=behind, view=behind) for name, e in engines.items()}
            ),
            LoadBalancerHealth: LoadBalancerHealth({"load-balancer": behind}, {}),
            DatabaseHealth: DatabaseHealth(behind),
            MessagingHealth: MessagingHealth(behind),
        },
    )
    assert blind.health.keys() == seen.health.keys()
    assert lines(assess(blind)) == ["servers: bastion cannot be reached by SSH: refused"]
