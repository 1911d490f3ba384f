"""A host: a server with a permanent port, an SSH host key that is created before it, and steps until it is ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_tls as tls
from pulumi_command import remote
from pulumi_openstack import compute, networking

from components.foundation.firewall import Firewall
from components.foundation.first_boot import USER, user_data
from components.foundation.network import Network
from components.foundation.step import Step
from components.preflight.cloud import Cloud
from image import package_index
from roles import Role
from settings import Guest, Settings

# A change of these inputs does not change an existing server: replacing all hosts of a role at once would be an outage,
# and rebuilding the database host would lose the data (terraform-provider-openstack#123, #1190). `pulumi up --replace`
# uses the new inputs, because the engine then ignores the old inputs and this list (pulumi's step_generator.go).
IGNORED_CHANGES = ["userData", "imageId", "flavorId", "schedulerHints"]


@dataclass(frozen=True)
class Site:
    """The arguments that all hosts of a stack share. `bastion` is None only for the bastion itself."""

    prefix: str
    settings: Settings
    cloud: Cloud
    network: Network
    firewall: Firewall
    deployer_key: tls.PrivateKey
    next_deployer_key: tls.PrivateKey
    bastion: Host | None = None


class Host(pulumi.ComponentResource):
    """Server `<prefix>-<name>` with the security group of `role`.

    `address`: its fixed address. `public_address`: its floating address if `public`, else None. `ready`: the step that
    has seen cloud-init succeed, after the bastion has seen the host show its SSH host key. `hardening`: the step after
    it. `ready_steps`: every other step on this host waits for these. With `protect`, the server is neither replaced nor
    destroyed. `address_pairs`: other addresses that the host may use.
    """

    name: str
    role: Role
    address: pulumi.Output[str]
    public_address: pulumi.Output[str] | None
    host_key: pulumi.Output[str]
    connection: remote.ConnectionArgs
    ready: Step
    hardening: Step
    ready_steps: Sequence[Step]

    def __init__(
        self,
        name: str,
        role: Role,
        site: Site,
        *,
        server_group: compute.ServerGroup | None = None,
        server_after: Sequence[pulumi.Resource] = (),
        public: bool = False,
        address_pairs: Sequence[pulumi.Input[str]] = (),
        protect: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:Host", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.hostname = f"{site.prefix}-{name}"
        self.name, self.role = name, role
        self.key = tls.PrivateKey(f"{name}-host-key", algorithm="ED25519", opts=child)
        self.host_key = self.key.public_key_openssh.apply(str.strip)
        self.port = networking.Port(
            f"{name}-port",
            name=self.hostname,
            network_id=site.network.id,
            fixed_ips=[networking.PortFixedIpArgs(subnet_id=site.network.subnet_id)],
            security_group_ids=[site.firewall.groups[role.name].id],
            admin_state_up=True,
            allowed_address_pairs=[
                networking.PortAllowedAddressPairArgs(ip_address=address) for address in address_pairs
            ]
            or None,
            # Without these rules, the host could not read its first-boot data from the metadata service.
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(site.firewall.egress[role.name])),
        )
        self.address = self.port.all_fixed_ips.apply(lambda addresses: addresses[0])
        self.server = compute.Instance(
            name,
            name=self.hostname,
            image_id=site.cloud.image_id,
            flavor_id=site.cloud.flavor_ids[site.settings.flavors.of(role)],
            networks=[compute.InstanceNetworkArgs(port=self.port.id)],
            scheduler_hints=[compute.InstanceSchedulerHintArgs(group=server_group.id)]
            if server_group
            else None,
            metadata={"congress-ha": site.prefix, "role": role.name},
            user_data=self._user_data(site),
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=IGNORED_CHANGES,
                # The port is kept, and only one server at a time can have it.
                delete_before_replace=True,
                protect=protect,
                depends_on=list(server_after),
            ),
        )
        self.public_address = self.floating_ip(site, self.port).address if public else None
        self.connection = self._connection(site)
        self.ready_steps = ()
        self._wait(name, site)
        self._harden(name, site)
        self.register_outputs({"address": self.address})

    def _user_data(self, site: Site) -> pulumi.Output[str]:
        secret = pulumi.Output.all(
            host_private_key=self.key.private_key_openssh,
            host_public_key=self.host_key,
            deployer_public_keys=self._deployer_keys(site),
        )
        return pulumi.Output.secret(
            secret.apply(lambda keys: user_data(self.hostname, self.role, site.settings.guest, keys))
        )

    def _deployer_keys(self, site: Site) -> pulumi.Output[list[str]]:
        """Lines of authorized_keys."""
        keys = (site.deployer_key.public_key_openssh, site.next_deployer_key.public_key_openssh)
        return pulumi.Output.all(*keys).apply(lambda values: [key.strip() for key in values])

    def floating_ip(
        self, site: Site, port: networking.Port, after: Sequence[pulumi.Resource] = ()
    ) -> networking.FloatingIp:
        """This host's floating IP, on its own port or on one that several hosts share. It is created `after` these."""
        return networking.FloatingIp(
            f"{self.name}-address",
            pool=site.settings.network.external_network,
            port_id=port.id,
            description=self.hostname,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*site.network.route, *after]),
        )

    def _connection(self, site: Site) -> remote.ConnectionArgs:
        login: dict[str, Any] = {"user": USER, "private_key": site.deployer_key.private_key_openssh}
        if site.bastion is None:
            # 60 attempts, with the plugin's pauses of up to 5 s: the first boot may take more than four minutes.
            return remote.ConnectionArgs(
                host=self.public_address or self.address, host_key=self.host_key, dial_error_limit=60, **login
            )
        bastion = site.bastion
        proxy = remote.ProxyConnectionArgs(
            host=bastion.public_address or bastion.address, host_key=bastion.host_key, **login
        )
        return remote.ConnectionArgs(host=self.address, host_key=self.host_key, proxy=proxy, **login)

    def _wait(self, name: str, site: Site) -> None:
        """Wait until the host is reachable and cloud-init has ended.

        The bastion checks the host first, because through a bastion, pulumi-command never recovers from a failed first
        handshake.
        """
        reachable: list[Step] = []
        if site.bastion is not None:
            context = {
                "host": self.hostname,
                "address": self.address,
                "host_key": self.host_key,
                "server": self.server.id,
            }
            reachable = [
                Step(
                    f"{name}-reachable", site.bastion, "host/reachable.sh.j2", context, parent=self, limit=420
                )
            ]
        self.ready = Step(
            f"{name}-ready",
            self,
            "host/ready.sh.j2",
            {"hostname": self.hostname, "address": self.address, "user": USER},
            parent=self,
            after=reachable,
            limit=600,
        )
        self.ready_steps = (self.ready,)

    def _harden(self, name: str, site: Site) -> None:
        """Close the metadata service to users, and configure keys and security updates.

        On a host behind the bastion, all other steps wait for it, because two steps at once would both use apt. On the
        bastion itself, nothing waits for it: the bastion checks the other hosts meanwhile.
        """
        self.hardening = Step(
            f"{name}-hardening",
            self,
            "host/hardening.sh.j2",
            {
                "hostname": self.hostname,
                "user": USER,
                "deployer_public_keys": self._deployer_keys(site),
                "security_upgrades": site.settings.guest.security_upgrades,
            },
            parent=self,
        )
        if site.bastion is not None:
            self.ready_steps = (self.hardening,)


def package_environment(guest: Guest) -> Mapping[str, str]:
    """Environment variables with which pip and uv reach their index. guest.caFiles are in the system's store."""
    return package_index.environment(guest.pip_index_url, guest.pip_extra_index_url, guest.pip_proxy)
