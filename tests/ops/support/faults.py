"""Faults of servers, engines, load balancer, database and bus, each with the finding about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ops.health.facts import Facts, Unseen
from ops.health.roles.database import DatabaseHealth
from ops.health.roles.load_balancer import Backend, LoadBalancerHealth
from ops.health.roles.messaging import MessagingHealth
from ops.health.roles.policy_engine.engine import DatasourceView, EngineView, Lag
from tests.ops.support.fact_changes import (
    HANGS,
    balancer,
    broken_datasource,
    bus,
    changed,
    database,
    engine,
    host,
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
        "datasource-2 is isolated, because nova could not stop it or it was confirmed dead",
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
        lambda f: changed(f, LoadBalancerHealth, balancers={"load-balancer": Unseen("refused")}),
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
    "disabled": (
        lambda f: view(
            long_unchanged(f),
            datasources={"n": DatasourceView(present=False, code=404, last_error="", enabled=False)},
        ),
        "datasource n is disabled: it is not polled, and rules find no rows",
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
