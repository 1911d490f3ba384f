"""The table of roles. Nothing else in the program or the tools has a list of them, or of what tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from roles import probes
from roles.role import NODE_ID, Opening, Ports, Probe, Role

if TYPE_CHECKING:
    from settings import Settings

SSH, MYSQL, AMQPS, COROSYNC, API = 22, 3306, 5671, 5405, 1789
# Where the load balancer tells an engine's host what it thinks of the engine.
ENGINE_STATE = 8405
# From an engine's port to that of its agent, which HAProxy's agent-check asks.
AGENT_CHECK = 100
# Debian's packages under every Congress.
CONGRESS = ("curl", "python3-venv")


def at(port: int) -> Callable[[Settings], Ports]:
    return lambda _: (port, port)


def to(*names: str) -> Callable[[Settings], Iterable[str | IPv4Network]]:
    return lambda _: names


def engine_ports(settings: Settings) -> Ports:
    engines = settings.policy_engines
    return (engines.base_port, engines.base_port + engines.per_host - 1)


def agent_ports(settings: Settings) -> Ports:
    first, last = engine_ports(settings)
    return (first + AGENT_CHECK, last + AGENT_CHECK)


BASTION = Role(
    name="bastion",
    outage="meanwhile nobody reaches the hosts by SSH; the API goes on",
    row="servers",
    host="bastion",
    flavor="m1.tiny",
    openings=(Opening("tcp", at(SSH), lambda settings: settings.access.ssh_cidrs),),
    replaced_alone=True,
)
DATABASE = Role(
    name="database",
    outage="the API answers 503 for a minute or more; the data is saved before and loaded afterwards",
    row="database",
    host="database",
    flavor="m1.medium",
    openings=(Opening("tcp", at(MYSQL), to("datasource-node", "policy-engine")),),
    services=("mariadb",),
    probes=(Probe("database", "mariadb -N -B", probes.DATABASE),),
    folders=("/var/lib/mysql", "/var/backups"),
    certificate="/etc/mysql/congress.pem",
    replaced_alone=True,
    outage_is_remembered=True,
)
MESSAGING = Role(
    name="messaging",
    outage="the API answers 503 for about a minute; the nodes reconnect by themselves",
    row="bus",
    host="messaging",
    flavor="m1.medium",
    openings=(Opening("tcp", at(AMQPS), to("datasource-node", "policy-engine")),),
    services=("rabbitmq-server",),
    probes=(Probe("bus", probes.ERL_CALL, probes.BUS),),
    folders=("/var/lib/rabbitmq",),
    certificate="/etc/rabbitmq/congress.pem",
    outage_is_remembered=True,
)
DATASOURCE_NODE = Role(
    name="datasource-node",
    outage="the datasource node moves to the other host, if it is not there, and stays; the API goes on",
    row="datasource node",
    host="datasource",
    bare_first=False,
    count=lambda _: 2,
    openings=(Opening("udp", at(COROSYNC), to("datasource-node")),),
    # Without recommends: openhpid would leave the host degraded.
    packages=(*CONGRESS, "corosync", "pacemaker", "crmsh", "resource-agents"),
    services=("pacemaker", "corosync"),
    probes=(
        Probe("cluster", "bash -s", f"{probes.UNITS}exec crm_mon -1 --include=all --output-as=xml"),
        Probe("constraints", "bash -s", f"{probes.UNITS}exec cibadmin -Q -o constraints"),
        Probe("processes", "ps -u congress -o pid=,stat=,args="),
        Probe(
            "ping",
            f"/opt/congress/bin/python -m congress_runtime.probes.ping {probes.CONFIGURATION} {{inside}}",
        ),
    ),
    folders=("/opt", "/var/lib/congress"),
    runs_congress=True,
    watched_by_pacemaker=True,
    outage_is_remembered=True,
)
POLICY_ENGINE = Role(
    name="policy-engine",
    outage="its engines finish what they have; requests go on at the other engines",
    row="engines",
    host="policy-engine-host",
    bare_first=False,
    count=lambda settings: settings.policy_engines.hosts,
    flavor="m1.medium",
    openings=(
        Opening("tcp", engine_ports, to("load-balancer")),
        Opening("tcp", agent_ports, to("load-balancer")),
    ),
    packages=CONGRESS,
    services=(f"congress-policy-engine@{NODE_ID}",),
    probes=(
        Probe(
            f"unit {NODE_ID}",
            f"python3 - congress-policy-engine@{NODE_ID}.service {{sample}}",
            file="unit.py",
        ),
        Probe(f"view {NODE_ID}", f"python3 - {{url}} {{inside}} {probes.CONFIGURATION}", file="engine.py"),
    ),
    folders=("/opt", "/var/lib/congress"),
    runs_congress=True,
)
LOAD_BALANCER = Role(
    name="load-balancer",
    outage="there is no endpoint for about a minute; engines and datasource node go on",
    row="load balancer",
    host="load-balancer",
    openings=(
        Opening("tcp", at(ENGINE_STATE), to("policy-engine")),
        Opening("tcp", at(API), lambda settings: settings.access.api_cidrs),
    ),
    packages=("curl", "haproxy", "socat"),
    services=("haproxy",),
    probes=(Probe("haproxy", "curl -sS http://127.0.0.1:8404/;csv"),),
    certificate="/etc/haproxy/endpoint.pem",
)
ROLES: tuple[Role, ...] = (BASTION, DATABASE, MESSAGING, DATASOURCE_NODE, POLICY_ENGINE, LOAD_BALANCER)
