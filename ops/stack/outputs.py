"""A deployed stack as its outputs describe it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.preflight.scope import Scope, recorded

ROOT = Path(__file__).resolve().parents[2]
# Names as the output ssh_config expects them beside it -> the output that holds the text.
SSH_FILES = {"ssh_config": "ssh_config", "known_hosts": "ssh_known_hosts", "id_ed25519": "ssh_private_key"}


class StackError(Exception):
    """There is no deployment to look at; the text says what to do."""


@dataclass(frozen=True)
class Host:
    """`server`: the server's name in the cloud, which is the host's own and Pacemaker's name of it, too."""

    role: str
    server: str


@dataclass(frozen=True)
class Engine:
    node_id: str
    host: str
    url: str


@dataclass(frozen=True)
class Stack:
    """`ca_certificate` (PEM): of the stack's own authority, if the endpoint's certificate is from it, else empty.
    `scope`: project and region of the stack; None of one whose last `up` was an older program's.
    """

    name: str
    hosts: Mapping[str, Host]
    engines: tuple[Engine, ...]
    node_id: str
    endpoint: str
    ca_certificate: str
    scope: Scope | None = None

    def tls(self) -> ssl.SSLContext:
        """Verifies the endpoint: by the stack's authority, or by this machine's where the certificate was given."""
        return ssl.create_default_context(cadata=self.ca_certificate or None)


def short(name: str) -> str:
    """What the program knows of a name such as organization/project/dev: its last part."""
    return name.rsplit("/", 1)[-1]


def prefix_of(name: str) -> str:
    """How the names of everything begin that the stack has in the cloud."""
    return f"congress-{short(name)}"


def command(target: str, name: str) -> str:
    """The make command for the stack of that name, as one has to type it."""
    return f"make {target}" if name == "dev" else f"make {target} STACK={name}"


def parse(name: str, outputs: Mapping[str, Any]) -> Stack:
    """Raises StackError for a stack whose first `up` did not come to its outputs."""
    needed = {"endpoint", "hosts", "policy_engines", "datasource_node", *SSH_FILES.values()}
    if missing := sorted(needed - outputs.keys()):
        raise StackError(
            f"stack {name} has no output {missing[0]}: nothing is deployed on it, or not to the end: "
            + command("up", name)
        )
    return Stack(
        name=name,
        hosts={
            host: Host(known["roles"][0], f"{prefix_of(name)}-{host}")
            for host, known in outputs["hosts"].items()
        },
        engines=tuple(
            Engine(engine["node_id"], engine["host"], f"http://{engine['address']}:{engine['port']}")
            for engine in outputs["policy_engines"]
        ),
        node_id=outputs["datasource_node"]["node_id"],
        endpoint=outputs["endpoint"].rstrip("/"),
        # A stack of before its endpoint spoke HTTPS has none.
        ca_certificate=outputs.get("ca_certificate", ""),
        scope=recorded(outputs),
    )
