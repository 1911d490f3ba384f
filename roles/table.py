"""The table of roles, the only list of roles and their differences in the program and the operator's commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from roles.role import NODE_ID, Opening, Ports, Role

if TYPE_CHECKING:
    from settings import Settings

SSH, MYSQL, AMQPS, COROSYNC, API = 22, 3306, 5671, 5405, 1789
# Between the hosts of the message bus: epmd, which tells a node's port, and that port.
EPMD, ERLANG = 4369, 25672
# rabbitmqctl on one of them, to which the others send their parts of its answer.
RABBITMQCTL = (35672, 35682)
# Port of a load balancer on which it gets the stick table of the other one.
STICKY_CLIENTS = 8406
# Port of the load balancer that tells an engine's host the engine's state, weight and number of requests.
ENGINE_STATE = 8405
# Difference between an engine's port and the port of its agent, which answers HAProxy's agent-check.
AGENT_CHECK = 100
# Congress's configuration on its hosts.
CONFIGURATION = "/etc/congress/congress.conf"
# Debian's packages that Congress needs, and the folders that it fills.
CONGRESS, CONGRESS_FOLDERS = ("curl", "python3-venv"), {"/opt": "", "/var/lib/congress": ""}


def port_range(port: int) -> Callable[[Settings], Ports]:
    return lambda _: (port, port)


def from_roles(*names: str) -> Callable[[Settings], Iterable[str | IPv4Network]]:
    return lambda _: names


def from_each_other(
    name: str, count: Callable[[Settings], int]
) -> Callable[[Settings], Iterable[str | IPv4Network]]:
    """Connections of several hosts of a role to each other."""
    return lambda settings: (name,) if count(settings) > 1 else ()


# A role whose service is external has no hosts.
def databases(settings: Settings) -> int:
    return 0 if settings.database.external else settings.database.hosts


def brokers(settings: Settings) -> int:
    return 0 if settings.messaging.external else settings.messaging.hosts


def load_balancers(settings: Settings) -> int:
    return 0 if settings.load_balancer.external else settings.load_balancer.hosts


def from_load_balancers(settings: Settings) -> Iterable[str | IPv4Network]:
    external = settings.load_balancer.external
    return external.cidrs if external else ("load-balancer",)


def engine_ports(settings: Settings) -> Ports:
    engines = settings.policy_engines
    return (engines.base_port, engines.base_port + engines.per_host - 1)


def agent_ports(settings: Settings) -> Ports:
    first, last = engine_ports(settings)
    return (first + AGENT_CHECK, last + AGENT_CHECK)


BASTION = Role(
    name="bastion",
    outage="meanwhile the hosts cannot be reached by SSH; the API goes on",
    row="servers",
    host="bastion",
    flavor="m1.tiny",
    openings=(Opening("tcp", port_range(SSH), lambda settings: settings.access.ssh_cidrs),),
    replaced_alone=True,
)
DATABASE = Role(
    name="database",
    outage="the API answers 503 for a minute or more; the data is dumped before and loaded afterwards",
    outage_of_several="another host takes the writes within seconds, if this one has them; the new one copies the data",
    row="database",
    host="database",
    count=databases,
    has_virtual_address=True,
    # Pacemaker moves the writer and stops MariaDB.
    leave="systemctl stop pacemaker && systemctl stop corosync",
    flavor="m1.medium",
    openings=(
        Opening("tcp", port_range(MYSQL), from_roles("datasource-node", "policy-engine")),
        Opening("tcp", port_range(MYSQL), from_each_other("database", databases)),
        Opening("udp", port_range(COROSYNC), from_each_other("database", databases)),
    ),
    service_port=MYSQL,
    # For several hosts. A single one installs mariadb-server in its own step.
    packages=("corosync", "crmsh", "mariadb-server", "pacemaker", "resource-agents"),
    services=("mariadb",),
    health="ops.health.roles.database:DatabaseHealth",
    folders={
        "/var/lib/mysql": "the database grows with policies and datasources",
        "/var/backups": "dumps in /var/backups/congress may be deleted, five of a kind are kept",
    },
    certificate="/etc/mysql/congress.pem",
    holds_data=True,
    replaced_alone=True,
    outage_is_remembered=True,
)
MESSAGING = Role(
    name="messaging",
    outage="the API answers 503 for about a minute; the nodes reconnect by themselves",
    outage_of_several="the nodes go on with the other hosts of the bus",
    row="bus",
    host="messaging",
    count=brokers,
    # `systemctl stop` then hands its queues over. Repeated as in templates/messaging/insist.j2. A broken one has none.
    leave="timeout 180 sh -c 'systemctl is-active -q rabbitmq-server || exit 0; "
    "for _ in 1 2 3; do rabbitmq-upgrade -q await_online_quorum_plus_one && exit; done; exit 1'",
    flavor="m1.medium",
    openings=(
        Opening("tcp", port_range(AMQPS), from_roles("datasource-node", "policy-engine")),
        Opening("tcp", port_range(EPMD), from_each_other("messaging", brokers)),
        Opening("tcp", port_range(ERLANG), from_each_other("messaging", brokers)),
        Opening("tcp", lambda _: RABBITMQCTL, from_each_other("messaging", brokers)),
    ),
    service_port=AMQPS,
    packages=("rabbitmq-server",),
    services=("rabbitmq-server",),
    health="ops.health.roles.messaging:MessagingHealth",
    folders={"/var/lib/rabbitmq": "queues without consumers: sudo rabbitmqctl list_queues messages name"},
    certificate="/etc/rabbitmq/congress.pem",
    outage_is_remembered=True,
)
DATASOURCE_NODE = Role(
    name="datasource-node",
    outage="the datasource node moves to the other host, if it runs on this one, and stays there; the API goes on",
    row="datasource node",
    host="datasource",
    bare_first=False,
    count=lambda _: 2,
    openings=(Opening("udp", port_range(COROSYNC), from_roles("datasource-node")),),
    # They are installed without recommended packages: openhpid would leave the host degraded.
    packages=(*CONGRESS, "corosync", "pacemaker", "crmsh", "resource-agents"),
    services=("pacemaker", "corosync"),
    health="ops.health.roles.datasource_node:DatasourceNodeHealth",
    folders=CONGRESS_FOLDERS,
    runs_congress=True,
    watched_by_pacemaker=True,
    outage_is_remembered=True,
)
POLICY_ENGINE = Role(
    name="policy-engine",
    outage="its engines finish their current requests; the other engines serve all further ones",
    row="engines",
    host="policy-engine-host",
    bare_first=False,
    count=lambda settings: settings.policy_engines.hosts,
    flavor="m1.medium",
    openings=(
        Opening("tcp", engine_ports, from_load_balancers),
        Opening("tcp", agent_ports, from_load_balancers),
    ),
    packages=CONGRESS,
    services=(f"congress-policy-engine@{NODE_ID}",),
    health="ops.health.roles.policy_engine:PolicyEngineHealth",
    folders=CONGRESS_FOLDERS,
    runs_congress=True,
)
LOAD_BALANCER = Role(
    name="load-balancer",
    outage="there is no endpoint for about a minute; engines and datasource node go on",
    outage_of_several="the endpoint moves to the other load balancer, if it is not there, and stays",
    row="load balancer",
    host="load-balancer",
    count=load_balancers,
    has_virtual_address=True,
    leave="congress-endpoint leave",
    openings=(
        Opening("tcp", port_range(ENGINE_STATE), from_roles("policy-engine")),
        Opening("tcp", port_range(API), lambda settings: settings.access.api_cidrs),
        Opening("tcp", port_range(STICKY_CLIENTS), from_each_other("load-balancer", load_balancers)),
        Opening("vrrp", lambda _: None, from_each_other("load-balancer", load_balancers)),
    ),
    packages=("curl", "haproxy", "socat"),
    services=("haproxy",),
    health="ops.health.roles.load_balancer:LoadBalancerHealth",
    certificate="/etc/haproxy/endpoint.pem",
)
# In the order of the rows of `make status`.
ROLES: tuple[Role, ...] = (BASTION, DATASOURCE_NODE, POLICY_ENGINE, LOAD_BALANCER, DATABASE, MESSAGING)
