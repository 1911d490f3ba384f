"""Findings about servers, engines, load balancer, database and bus: one for each fault, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ops.health.assessment import assess
from ops.health.facts import Facts, Unseen
from ops.health.finding import Severity
from ops.health.roles.database import DatabaseHealth
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.load_balancer import Backend, LoadBalancerHealth
from ops.health.roles.messaging import MessagingHealth
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.health.roles.policy_engine.engine import DatasourceView, EngineView, Lag
from ops.health.table import rows
from tests.ops.support.fact_changes import (
    HANGS,
    balancer,
    broken_datasource,
    bus,
    changed,
    database,
    engine,
    healthy,
    host,
    lines,
    long_unchanged,
    policy,
    view,
)

WRONG: dict[str, tuple[Callable[[Facts], Facts], str, str]] = {
    "missing": (
        lambda f: host(f, "database", status="missing"),
        "database: the cloud has no server congress-dev-database",
        "make replace HOST=database",
    ),
    "a certificate": (
        lambda f: replace(f, certificates={**f.certificates, "bus": 20}),
        "bus: its certificate ends in 20 days",
        "make up",
    ),
    "a certificate of the past": (
        lambda f: replace(f, certificates={**f.certificates, "database": -1}),
        "database: its certificate has ended",
        "make up",
    ),
    "no certificate": (
        lambda f: replace(f, certificates={**f.certificates, "load balancer": Unseen("no such file")}),
        "load balancer: its certificate: no such file",
        "make verify",
    ),
    "off": (
        lambda f: host(f, "database", status="SHUTOFF", ssh="x"),
        "database is SHUTOFF",
        "openstack server start congress-dev-database",
    ),
    "paused": (
        lambda f: host(f, "database", status="PAUSED", ssh="x"),
        "database is PAUSED",
        "openstack server unpause congress-dev-database",
    ),
    "one of the pair, fenced": (
        lambda f: host(f, "datasource-2", status="PAUSED", ssh="x"),
        "datasource-2 is PAUSED",
        "openstack server reboot --hard congress-dev-datasource-2 (make repair does it)",
    ),
    "one of the pair, suspended": (
        lambda f: host(f, "datasource-2", status="SUSPENDED", ssh="x"),
        "datasource-2 is SUSPENDED",
        "openstack server reboot --hard congress-dev-datasource-2 (make repair does it)",
    ),
    "error": (
        lambda f: host(f, "database", status="ERROR", fault="disk"),
        "database is in state ERROR: disk",
        "reboot --hard",
    ),
    "resize": (lambda f: host(f, "database", status="REBOOT"), "database is REBOOT", "server show"),
    "confirmed dead": (
        lambda f: host(f, "datasource-2", ssh="timed out", isolated=True),
        "datasource-2 is isolated since it was confirmed dead",
        "make repair",
    ),
    "ssh": (
        lambda f: host(f, "database", ssh="refused", connected=False),
        "database cannot be reached by SSH: refused",
        "console log show",
    ),
    "slow host": (
        lambda f: host(f, "database", ssh="no answers within 5 s", connected=True),
        "database: no answers within 5 s",
        "overloaded",
    ),
    "unit": (
        lambda f: engine(f, unit=("activating", "auto-restart")),
        "policy-engine-2 does not run (activating auto-restart)",
        "journalctl",
    ),
    "engine hangs": (
        lambda f: engine(f, view=HANGS),
        "policy-engine-2 does not answer GET /health: no answer within 4 s",
        "it is busy, or it hangs",
    ),
    "engine busy": (
        lambda f: engine(f, view=HANGS, cpu=0.97),
        "policy-engine-2 is busy: no answer to GET /health in time, and its process uses 97% of a core",
        "disable its datasource, as in docs/recover.md",
    ),
    "engine idle and mute": (
        lambda f: engine(f, view=HANGS, cpu=0.02),
        "policy-engine-2 does not answer GET /health: no answer within 4 s",
        "journalctl",
    ),
    "engine's 503": (
        lambda f: engine(f, view=EngineView(503, 5)),
        "policy-engine-2 answers 503 to GET /health",
        "database and bus first",
    ),
    "healthy and yet no answer": (
        lambda f: engine(f, view=EngineView(200, 5, 500)),
        "policy-engine-2 answers 500 to GET /v1/policies",
        "journalctl",
    ),
    "key": (lambda f: view(f, datasources=None), "policy-engine-2 cannot list its datasources", "aes_key"),
    "policy unknown": (
        lambda f: policy(f, present=False),
        "policy-engine-2 is not in sync: it does not know policy acceptance",
        "restart congress-policy-engine@policy-engine-2",
    ),
    "rule missing": (
        lambda f: policy(f, missing=("p(x) :- q(x)",)),
        "it lacks 1 rules of policy acceptance, first: p(x) :- q(x)",
        "on policy-engine-host-2",
    ),
    "table missing": (
        lambda f: policy(f, tables=("p",)),
        "policy acceptance has no table q there",
        "restart",
    ),
    "datasource unknown": (
        lambda f: view(
            long_unchanged(f), datasources={"n": DatasourceView(present=False, code=200, last_error="")}
        ),
        "it does not know datasource n",
        "restart",
    ),
    "datasource fails": (
        lambda f: broken_datasource(f, "HTTP 403"),
        "datasource nova does not update: HTTP 403",
        "configuration",
    ),
    "datasource mute": (
        lambda f: view(f, datasources={"n": DatasourceView(present=True, code=404, last_error="")}),
        "no status of datasource n through policy-engine-2",
        "datasource node",
    ),
    "endpoint": (
        lambda f: replace(f, endpoint=Unseen("timed out")),
        "the endpoint does not answer: timed out",
        "access.apiCidrs",
    ),
    "haproxy": (
        lambda f: changed(f, LoadBalancerHealth, balancer=Unseen("refused")),
        "HAProxy's statistics: refused",
        "restart haproxy",
    ),
    "backend down": (
        lambda f: balancer(f, Backend("DOWN", "L4CON")),
        "policy-engine-2 is DOWN (L4CON)",
        "engines",
    ),
    "backend out": (
        lambda f: balancer(f, Backend("MAINT", "")),
        "policy-engine-2 was taken out by hand (MAINT)",
        "state ready",
    ),
    "backend gone": (lambda f: balancer(f, None), "HAProxy has no server policy-engine-2", "make up"),
    "database": (
        lambda f: changed(f, DatabaseHealth, database=Unseen("cannot connect")),
        "MariaDB does not answer: cannot connect",
        "restart mariadb",
    ),
    "database full": (
        lambda f: database(f, connections=400),
        "400 of 500 connections are used",
        "PROCESSLIST",
    ),
    "locked": (
        lambda f: database(f, waiting=3, waiting_seconds=60),
        "3 statements wait for locks, up to 60 s",
        "KILL",
    ),
    "bus": (
        lambda f: changed(f, MessagingHealth, bus=Unseen("no node")),
        "RabbitMQ does not answer: no node",
        "restart rabbitmq-server",
    ),
    "alarm": (lambda f: bus(f, alarms="[disk]"), "RabbitMQ takes no messages, alarms: [disk]", "df -h"),
}

NOTES: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "just changed": (
        lambda f: long_unchanged(policy(f, present=False), 6),
        "it does not know policy acceptance, 6 s after a change",
    ),
    "not all told": (
        lambda f: policy(f, complete=False, tables=()),
        "reported only a part of policy acceptance in time",
    ),
    "many rows": (
        lambda f: view(
            f, datasources={"nova": DatasourceView(present=True, code=200, last_error="", rows=300_000)}
        ),
        "datasource nova has 300,000 rows; up to 200,000 were measured",
    ),
    "starts": (
        lambda f: view(f, loading="loading 3 tables", lag=Lag(4, ("nova:servers",))),
        "policy-engine-2 is loading 3 tables since its start and gets few requests",
    ),
    "behind": (
        lambda f: view(f, lag=Lag(9, ("nova:flavors", "nova:servers"))),
        "policy-engine-2 is 2 tables behind: nova:flavors, nova:servers",
    ),
}


def test_a_healthy_deployment_has_no_findings() -> None:
    assert lines(assess(healthy())) == []


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
            LoadBalancerHealth: LoadBalancerHealth(behind),
            DatabaseHealth: DatabaseHealth(behind),
            MessagingHealth: MessagingHealth(behind),
        },
    )
    assert blind.health.keys() == seen.health.keys()
    assert lines(assess(blind)) == ["servers: bastion cannot be reached by SSH: refused"]
