"""Every template, the validator of each, and the contexts with which it is rendered.

A template without an entry fails test_coverage.py; a name that a component adds fails StrictUndefined here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from components.foundation.template import ROOT, render, whole
from tests.render.support.contexts.congress_host import AUTHENTICATIONS, EXTERNAL_BUS, SOFTWARE
from tests.render.support.contexts.database import (
    DATABASE,
    DATABASE_CLUSTER,
    DATABASE_MEMBER,
    DATABASE_MEMBERS,
)
from tests.render.support.contexts.datasource_node import (
    AGENTS,
    CLUSTER,
    COROSYNC_OF_DATABASE,
    DS_NODES,
    FENCING,
)
from tests.render.support.contexts.host import HARDENING, HOSTS, REACHABLE, USER_DATA
from tests.render.support.contexts.load_balancer import LOAD_BALANCERS, PAIRED
from tests.render.support.contexts.messaging import BUS_CLUSTER, MESSAGING
from tests.render.support.contexts.policies import POLICIES
from tests.render.support.contexts.policy_engines import ENGINE, ENGINES

TEMPLATES = ROOT / "templates"


class Validator(Enum):
    APT = auto()
    BASH = auto()
    HAPROXY = auto()
    COROSYNC = auto()
    KEEPALIVED = auto()
    NFTABLES = auto()
    CRM = auto()
    CRM_OF_DATABASE = auto()
    CONGRESS = auto()
    SYSTEMD = auto()
    SYSTEMD_DROP_IN = auto()
    MARIADB = auto()
    MARIADB_MEMBER = auto()
    RABBITMQ = auto()
    RABBITMQ_ENV = auto()
    ERLANG = auto()
    ERLANG_EXPRESSIONS = auto()
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
        """The text of the file."""
        return whole(render(self.template, self.context))


Contexts = Mapping[str, Mapping[str, Any]]

TABLE: Mapping[str, tuple[Validator, Contexts]] = {
    "access/ssh_config.j2": (Validator.SSH, {"hosts": {"hosts": HOSTS, "user": "deployer"}}),
    "congress_host/configuration.sh.j2": (Validator.BASH, AUTHENTICATIONS),
    "congress_host/congress.conf.j2": (Validator.CONGRESS, AUTHENTICATIONS),
    "congress_host/external_service.sh.j2": (Validator.BASH, {"bus": EXTERNAL_BUS}),
    "congress_host/packages.sh.j2": (Validator.BASH, {"two": {"packages": ["curl", "python3-venv"]}}),
    "congress_host/software.sh.j2": (Validator.BASH, SOFTWARE),
    "database/cluster.sh.j2": (Validator.BASH, {"three": DATABASE_CLUSTER}),
    "database/congress.cnf.j2": (Validator.MARIADB, {"database": DATABASE}),
    "database/database.crm.j2": (Validator.CRM_OF_DATABASE, {"three": DATABASE_CLUSTER}),
    "database/dump.sh.j2": (
        Validator.BASH,
        {name: {"software": "0a1b2c3d", "members": members} for name, members in DATABASE_MEMBERS.items()},
    ),
    "database/former_users.sh.j2": (
        Validator.BASH,
        {name: {"user": "congress-2", "members": members} for name, members in DATABASE_MEMBERS.items()},
    ),
    "database/member.cnf.j2": (Validator.MARIADB_MEMBER, {"member": DATABASE_MEMBER}),
    "database/member.sh.j2": (Validator.BASH, {"member": DATABASE_MEMBER}),
    "database/mariadb.sh.j2": (Validator.BASH, {"database": DATABASE}),
    "database/schema.sh.j2": (
        Validator.BASH,
        {"schema": {"software": "0a1b2c3d", "database": "server-of-the-database"}},
    ),
    "datasource_node/agent.sh.j2": (Validator.BASH, AGENTS),
    "datasource_node/cluster.sh.j2": (Validator.BASH, {"pair": CLUSTER, "database": COROSYNC_OF_DATABASE}),
    "datasource_node/corosync.conf.j2": (Validator.COROSYNC, {"pair": CLUSTER}),
    "datasource_node/pacemaker.conf.j2": (Validator.SYSTEMD_DROP_IN, {"pair": CLUSTER}),
    "datasource_node/ds_node.crm.j2": (Validator.CRM, DS_NODES),
    "datasource_node/ds_node.sh.j2": (Validator.BASH, DS_NODES),
    "datasource_node/start.sh.j2": (Validator.BASH, {"node": {}}),
    "datasource_node/stop.sh.j2": (Validator.BASH, {"node": {}}),
    **{f"fencing/{agent}.sh.j2": (Validator.BASH, {"login": context}) for agent, context in FENCING.items()},
    # Validated as a part of ds_node.crm.j2, which includes them.
    **{f"fencing/{agent}.crm.j2": (Validator.CRM, {}) for agent in FENCING},
    "host/reachable.sh.j2": (Validator.BASH, {"host": REACHABLE}),
    "host/ready.sh.j2": (
        Validator.BASH,
        {"host": {"hostname": "congress-dev-database", "address": "10.20.0.5", "user": "deployer"}},
    ),
    "host/hardening.sh.j2": (Validator.BASH, HARDENING),
    "host/upgrades.conf.j2": (Validator.APT, HARDENING),
    "host/user_data.yaml.j2": (Validator.CLOUD_INIT, USER_DATA),
    "load_balancer/haproxy.cfg.j2": (Validator.HAPROXY, LOAD_BALANCERS),
    "load_balancer/haproxy.sh.j2": (Validator.BASH, LOAD_BALANCERS),
    "load_balancer/keepalived.conf.j2": (Validator.KEEPALIVED, PAIRED),
    "load_balancer/keepalived.sh.j2": (Validator.BASH, PAIRED),
    "load_balancer/vrrp.nft.j2": (Validator.NFTABLES, PAIRED),
    "messaging/account.erl.j2": (
        Validator.ERLANG_EXPRESSIONS,
        {"messaging": MESSAGING, "cluster": BUS_CLUSTER},
    ),
    "messaging/former_users.sh.j2": (Validator.BASH, {"second": {"user": "congress-2", "members": []}}),
    "messaging/inter_node_tls.config.j2": (Validator.ERLANG, {"cluster": BUS_CLUSTER}),
    "messaging/rabbitmq-env.conf.j2": (Validator.RABBITMQ_ENV, {"cluster": BUS_CLUSTER}),
    "messaging/rabbitmq.conf.j2": (Validator.RABBITMQ, {"messaging": MESSAGING, "cluster": BUS_CLUSTER}),
    "messaging/rabbitmq.sh.j2": (Validator.BASH, {"messaging": MESSAGING, "cluster": BUS_CLUSTER}),
    "policies/apply.sh.j2": (Validator.BASH, {"policies": POLICIES}),
    "policy_engines/engine.conf.j2": (Validator.CONGRESS, ENGINES),
    "policy_engines/engine.sh.j2": (Validator.BASH, ENGINES),
    "policy_engines/start.sh.j2": (
        Validator.BASH,
        {"engine": {"node_id": "policy-engine-1", "url": "http://10.20.0.5:1789"}},
    ),
    "policy_engines/agent.service.j2": (Validator.SYSTEMD, {"engine": ENGINE}),
    "policy_engines/unit.service.j2": (Validator.SYSTEMD, {"engine": ENGINE}),
    "shared_service/restart.conf.j2": (Validator.SYSTEMD_DROP_IN, {"service": {}}),
}


def cases(*validators: Validator) -> list[Case]:
    """The cases of these validators, or of all if none is named."""
    return [
        Case(template, variant, context)
        for template, (validator, contexts) in TABLE.items()
        for variant, context in contexts.items()
        if not validators or validator in validators
    ]


def case(template: str, variant: str | None = None) -> Case:
    """The case of a template that has one variant, or the named variant."""
    contexts = TABLE[template][1]
    name = variant or next(iter(contexts))
    return Case(template, name, contexts[name])
