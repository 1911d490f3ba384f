"""A deployed stack as its Pulumi outputs describe it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.preflight.scope import Scope, recorded
from roles import Role, by_name

ROOT = Path(__file__).resolve().parents[2]
# File name, as the output ssh_config refers to it -> the output with the file's content.
SSH_FILES = {"ssh_config": "ssh_config", "known_hosts": "ssh_known_hosts", "id_ed25519": "ssh_private_key"}


class StackError(Exception):
    """There is no usable deployment. The text says what to do."""


class UnreadableError(StackError):
    """There may be a deployment, but its state cannot be read: a wrong passphrase, a backend that does not answer."""


@dataclass(frozen=True)
class Host:
    """`role`: name of its role. `server`: the server's name in the cloud, which Pacemaker and the host itself use."""

    role: str
    server: str


@dataclass(frozen=True)
class Engine:
    node_id: str
    host: str
    url: str


@dataclass(frozen=True)
class Stack:
    """`ca_certificate`: PEM of the stack's own authority, "" if the operator supplied the endpoint's certificate.

    `scope`: project and region of the stack; None if its last `up` ran a version that did not record them.
    `virtual_address`: the address that several load balancers share, "" with one. `policies`, `datasources`: names that
    the stack declares, if the declaration was read. `external`: name of each role whose service is the operator's own,
    so that it has no hosts here -> where that is.
    """

    name: str
    hosts: Mapping[str, Host]
    engines: tuple[Engine, ...]
    node_id: str
    endpoint: str
    ca_certificate: str
    scope: Scope | None = None
    virtual_address: str = ""
    policies: tuple[str, ...] = ()
    datasources: tuple[str, ...] = ()
    external: Mapping[str, str] = field(default_factory=dict)

    def yours(self, role: Role) -> str:
        """A clause that says whose service it is, if the role's service is external; else ""."""
        place = self.external.get(role.name)
        return f"the {role.name} of stack {self.name} is yours ({place})" if place else ""

    def hosts_of(self, role: Role) -> list[str]:
        return [name for name, known in self.hosts.items() if known.role == role.name]

    def others(self, host: str) -> list[str]:
        """The other hosts of a host's role."""
        return [name for name in self.hosts_of(by_name(self.hosts[host].role)) if name != host]

    def other(self, host: str) -> str:
        """The other host of a pair."""
        (other,) = self.others(host)
        return other

    def tls(self) -> ssl.SSLContext:
        """A context that verifies the endpoint: by the stack's authority, or else by this machine's."""
        return ssl.create_default_context(cadata=self.ca_certificate or None)


def short(name: str) -> str:
    """The last part of a stack name such as organization/project/dev."""
    return name.rsplit("/", 1)[-1]


def prefix_of(name: str) -> str:
    """Prefix of the names of all the stack's resources in the cloud."""
    return f"congress-{short(name)}"


def command(target: str, name: str) -> str:
    """The make command for the stack of that name, as an operator types it."""
    return f"make {target}" if name == "dev" else f"make {target} STACK={name}"


def parse(name: str, outputs: Mapping[str, Any], declared: Mapping[str, Any] | None = None) -> Stack:
    """Read a stack's outputs. `declared`: its policies and datasources. Raises StackError if its first `up` did not
    complete.
    """
    needed = {"endpoint", "hosts", "policy_engines", "datasource_node", *SSH_FILES.values()}
    if missing := sorted(needed - outputs.keys()):
        raise StackError(
            f"stack {name} has no output {missing[0]}: it was not deployed, or not completely: "
            + command("up", name)
        )
    return Stack(
        name=name,
        hosts={
            host: Host(described["roles"][0], f"{prefix_of(name)}-{host}")
            for host, described in outputs["hosts"].items()
        },
        engines=tuple(
            Engine(engine["node_id"], engine["host"], f"http://{engine['address']}:{engine['port']}")
            for engine in outputs["policy_engines"]
        ),
        node_id=outputs["datasource_node"]["node_id"],
        endpoint=outputs["endpoint"].rstrip("/"),
        # A stack that predates HTTPS at the endpoint has none.
        ca_certificate=outputs.get("ca_certificate", ""),
        scope=recorded(outputs),
        virtual_address=outputs.get("virtual_address", ""),
        policies=tuple((declared or {}).get("policies", ())),
        datasources=tuple((declared or {}).get("datasources", ())),
        external=outputs.get("external", {}),
    )
