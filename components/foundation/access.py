"""SSH access: the deployer's key, and the bastion through which all other hosts are reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pulumi
import pulumi_tls as tls

from components.foundation.firewall import Firewall
from components.foundation.first_boot import USER
from components.foundation.host import Host, Site
from components.foundation.network import Network
from components.foundation.template import render
from components.preflight.cloud import Cloud
from roles import BASTION
from settings import Settings, of_generation


class Access(pulumi.ComponentResource):
    """`key`: the deployer's SSH key. `site`: the arguments that all other hosts share.

    Hosts also accept the key of the next generation, so it already works everywhere when it becomes `key`.
    """

    key: tls.PrivateKey
    bastion: Host
    site: Site

    def __init__(
        self,
        name: str,
        *,
        prefix: str,
        settings: Settings,
        cloud: Cloud,
        network: Network,
        firewall: Firewall,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:Access", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.key, following = (
            tls.PrivateKey(of_generation("deployer-key", generation), algorithm="ED25519", opts=child)
            for generation in (settings.rotation.ssh, settings.rotation.ssh + 1)
        )
        site = Site(prefix, settings, cloud, network, firewall, self.key, following)
        self.bastion = Host(BASTION.host_name(1), BASTION, site, public=True, opts=child)
        self.site = replace(site, bastion=self.bastion)
        self.register_outputs({})

    def ssh_config(self, hosts: Mapping[str, Host]) -> pulumi.Output[str]:
        """A complete ssh_config, for `ssh -F ssh_config <host name>` in a folder with known_hosts and id_ed25519."""
        reached_at = {
            n: host.public_address if host.role is BASTION else host.address for n, host in hosts.items()
        }
        addresses = pulumi.Output.all(**reached_at)
        return addresses.apply(lambda values: render("access/ssh_config.j2", {"hosts": values, "user": USER}))

    def known_hosts(self, hosts: Mapping[str, Host]) -> pulumi.Output[str]:
        """The text of a known_hosts file with the key of every host under the host's name."""
        keys = pulumi.Output.all(**{name: host.host_key for name, host in hosts.items()})
        return keys.apply(lambda values: "".join(f"{name} {key}\n" for name, key in values.items()))
