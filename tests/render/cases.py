"""Every template, who judges it, and the contexts it is judged with.

A template without an entry fails test_coverage.py; a name that a component adds fails StrictUndefined here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from components.foundation.template import ROOT, render, whole
from tests.render.contexts import (
    AGENTS,
    AUTHENTICATIONS,
    CLUSTER,
    DATABASE,
    DS_NODES,
    ENGINE,
    ENGINES,
    FENCING,
    HARDENING,
    HOSTS,
    LOAD_BALANCERS,
    MESSAGING,
    REACHABLE,
    SOFTWARE,
    USER_DATA,
)

TEMPLATES = ROOT / "templates"


class Judge(Enum):
    APT = auto()
    BASH = auto()
    HAPROXY = auto()
    COROSYNC = auto()
    CRM = auto()
    CONGRESS = auto()
    SYSTEMD = auto()
    SYSTEMD_DROP_IN = auto()
    MARIADB = auto()
    RABBITMQ = auto()
    CLOUD_INIT = auto()
    SSH = auto()


@dataclass(frozen=True)
class Case:
    """One template with one context."""

    template: str
    variant: str
    context: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.template}-{self.variant}"

    @property
    def text(self) -> str:
        """As it lands in a file."""
        return whole(render(self.template, self.context))


Contexts = Mapping[str, Mapping[str, Any]]

TABLE: Mapping[str, tuple[Judge, Contexts]] = {
    "access/ssh_config.j2": (Judge.SSH, {"hosts": {"hosts": HOSTS, "user": "deployer"}}),
    "congress_host/configuration.sh.j2": (Judge.BASH, AUTHENTICATIONS),
    "congress_host/congress.conf.j2": (Judge.CONGRESS, AUTHENTICATIONS),
    "congress_host/packages.sh.j2": (Judge.BASH, {"two": {"packages": ["curl", "python3-venv"]}}),
    "congress_host/software.sh.j2": (Judge.BASH, SOFTWARE),
    "database/congress.cnf.j2": (Judge.MARIADB, {"database": DATABASE}),
    "database/dump.sh.j2": (Judge.BASH, {"dump": {"software": "0a1b2c3d"}}),
    "database/former_users.sh.j2": (Judge.BASH, {"second": {"user": "congress-2"}}),
    "database/mariadb.sh.j2": (Judge.BASH, {"database": DATABASE}),
    "database/schema.sh.j2": (
        Judge.BASH,
        {"schema": {"software": "0a1b2c3d", "database": "server-of-the-database"}},
    ),
    "datasource_node/agent.sh.j2": (Judge.BASH, AGENTS),
    "datasource_node/cluster.sh.j2": (Judge.BASH, {"pair": CLUSTER}),
    "datasource_node/corosync.conf.j2": (Judge.COROSYNC, {"pair": CLUSTER}),
    "datasource_node/pacemaker.conf.j2": (Judge.SYSTEMD_DROP_IN, {"pair": CLUSTER}),
    "datasource_node/ds_node.crm.j2": (Judge.CRM, DS_NODES),
    "datasource_node/ds_node.sh.j2": (Judge.BASH, DS_NODES),
    **{f"fencing/{agent}.sh.j2": (Judge.BASH, {"login": context}) for agent, context in FENCING.items()},
    # Judged as a part of ds_node.crm.j2, which includes them.
    **{f"fencing/{agent}.crm.j2": (Judge.CRM, {}) for agent in FENCING},
    "host/reachable.sh.j2": (Judge.BASH, {"host": REACHABLE}),
    "host/ready.sh.j2": (
        Judge.BASH,
        {"host": {"hostname": "congress-dev-database", "address": "10.20.0.5", "user": "deployer"}},
    ),
    "host/hardening.sh.j2": (Judge.BASH, HARDENING),
    "host/upgrades.conf.j2": (Judge.APT, HARDENING),
    "host/user_data.yaml.j2": (Judge.CLOUD_INIT, USER_DATA),
    "load_balancer/haproxy.cfg.j2": (Judge.HAPROXY, LOAD_BALANCERS),
    "load_balancer/haproxy.sh.j2": (Judge.BASH, LOAD_BALANCERS),
    "messaging/former_users.sh.j2": (Judge.BASH, {"second": {"user": "congress-2"}}),
    "messaging/rabbitmq.conf.j2": (Judge.RABBITMQ, {"messaging": MESSAGING}),
    "messaging/rabbitmq.sh.j2": (Judge.BASH, {"messaging": MESSAGING}),
    "policy_engines/engine.conf.j2": (Judge.CONGRESS, ENGINES),
    "policy_engines/engine.sh.j2": (Judge.BASH, ENGINES),
    "policy_engines/agent.service.j2": (Judge.SYSTEMD, {"engine": ENGINE}),
    "policy_engines/unit.service.j2": (Judge.SYSTEMD, {"engine": ENGINE}),
    "shared_service/restart.conf.j2": (Judge.SYSTEMD_DROP_IN, {"service": {}}),
}


def cases(*judges: Judge) -> list[Case]:
    """All cases for these judges; for all judges where none is named."""
    return [
        Case(template, variant, context)
        for template, (judge, contexts) in TABLE.items()
        for variant, context in contexts.items()
        if not judges or judge in judges
    ]


def case(template: str, variant: str | None = None) -> Case:
    """The case of a template with one variant, or the variant named."""
    contexts = TABLE[template][1]
    name = variant or next(iter(contexts))
    return Case(template, name, contexts[name])
