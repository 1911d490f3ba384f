"""Step 2 of the document: "Congress should be installed on each host expected to run a Congress node"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pulumi
import pulumi_random as random
from pulumi_openstack import compute

from components.foundation.authority import CA_FILE
from components.foundation.host import Host, Site, package_environment
from components.foundation.role_hosts import one_by_one, server_group
from components.foundation.step import Step
from components.foundation.template import ROOT, render, whole
from roles import Role

CONFIG = "congress_host/congress.conf.j2"

RUNTIME = ROOT / "congress_runtime"
# Files of our package, which is installed into Congress's virtual environment: path -> text.
MODULES = {str(file.relative_to(ROOT)): file.read_text() for file in sorted(RUNTIME.rglob("*.py"))}


@dataclass(frozen=True)
class CongressArgs:
    """Values of congress.conf, the same on every Congress host.

    `encryption_key`: the Fernet key of the datasources' secrets. Congress would create one key per host, and a standby
    with another key could not decrypt them (congress/encryption.py). `authtoken`: [keystone_authtoken], None with
    noauth. `authority` (PEM): certificate of the authority that signs the certificates of bus and database.
    `bus_is_cluster`: each queue is copied to all hosts of the bus. `bus_ca_file`: the authority of the bus.
    `more_authorities`: file -> PEM of authorities that sign certificates of external services.
    """

    transport_url: pulumi.Input[str]
    connection: pulumi.Input[str]
    encryption_key: pulumi.Input[str]
    authtoken: pulumi.Input[dict[str, Any]] | None
    authority: pulumi.Input[str]
    bus_is_cluster: bool = False
    bus_ca_file: str = CA_FILE
    more_authorities: Mapping[str, str] = field(default_factory=dict)


class EncryptionKey(pulumi.ComponentResource):
    """One Fernet key for all nodes: 32 random bytes in URL-safe base64, 44 characters.

    It is a RandomPassword in base64's characters, not RandomBytes: the plugin uses the value of RandomBytes as its
    id, which the state and every console show.
    """

    key: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("congress-ha:index:EncryptionKey", name, None, opts)
        self.password = random.RandomPassword(
            name, length=43, override_special="-_", opts=pulumi.ResourceOptions(parent=self)
        )
        self.key = pulumi.Output.secret(pulumi.Output.concat(self.password.result, "="))
        self.register_outputs({})


class CongressHost(pulumi.ComponentResource):
    """A host on which Congress is installed and configured, but not started.

    It has three steps, one after another: `packages` (Debian's), `software` (Congress in its virtual environment),
    `ready` (the configuration). The method `configure` creates the last one, because external services are first tried
    on such a host. None of them waits for another host. `config_sha256` (secret): SHA-256 of the expected
    congress.conf.
    """

    host: Host
    packages: Step
    software: Step
    ready: Step
    config_sha256: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        role: Role,
        site: Site,
        *,
        server_group: compute.ServerGroup,
        server_after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:CongressHost", name, None, opts)
        self._engines = site.settings.policy_engines
        self.host = Host(
            name,
            role,
            site,
            server_group=server_group,
            server_after=server_after,
            opts=pulumi.ResourceOptions(parent=self),
        )
        packages = {"packages": sorted(role.packages)}
        self.packages = Step(
            f"{name}-packages", self.host, "congress_host/packages.sh.j2", packages, parent=self
        )
        self.software = Step(
            f"{name}-software",
            self.host,
            "congress_host/software.sh.j2",
            {"environment": dict(package_environment(site.settings.guest)), "modules": MODULES},
            parent=self,
            after=[self.packages],
        )

    def configure(self, args: CongressArgs) -> None:
        configuration = {
            "transport_url": args.transport_url,
            "connection": args.connection,
            "encryption_key": args.encryption_key,
            "sync_period": self._engines.sync_period,
            "evaluation_limit": self._engines.evaluation_limit,
            "authtoken": args.authtoken,
            "authority": args.authority,
            "bus_is_cluster": args.bus_is_cluster,
            "ca_file": CA_FILE,
            "bus_ca_file": args.bus_ca_file,
            "more_authorities": args.more_authorities,
        }
        self.config_sha256 = pulumi.Output.secret(
            pulumi.Output.from_input(configuration).apply(
                lambda values: sha256(whole(render(CONFIG, values)).encode()).hexdigest()
            )
        )
        self.ready = Step(
            f"{self.host.name}-configuration",
            self.host,
            "congress_host/configuration.sh.j2",
            configuration,
            parent=self,
            after=[self.software],
        )
        self.register_outputs({})

    @property
    def digest(self) -> pulumi.Output[str]:
        """A text that changes when Congress on this host needs a restart, for its software or its configuration."""
        return pulumi.Output.concat(self.software.digest, "-", self.ready.digest)


def congress_hosts(role: Role, site: Site) -> list[CongressHost]:
    """The Congress hosts of one role, in one anti-affinity server group."""
    group = server_group(role, site)
    hosts: list[CongressHost] = []
    for name in role.hosts(site.settings):
        after = one_by_one(site, [congress.host for congress in hosts])
        hosts.append(CongressHost(name, role, site, server_group=group, server_after=after))
    return hosts
