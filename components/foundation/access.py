"""The way in: the deployer's SSH key and the bastion, through which every other host is reached."""

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
    """`site` is what every further host of the stack is made with; `key` is what hosts let in.

    They let the next generation's key in as well: so it works everywhere on the day on which it becomes `key`.
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
        """A complete ssh_config: `ssh -F ssh_config <host name>` in a folder that holds known_hosts and id_ed25519."""
        reached_at = {
            n: host.public_address if host.role is BASTION else host.address for n, host in hosts.items()
        }
        addresses = pulumi.Output.all(**reached_at)
        return addresses.apply(lambda known: render("access/ssh_config.j2", {"hosts": known, "user": USER}))

    def known_hosts(self, hosts: Mapping[str, Host]) -> pulumi.Output[str]:
        """known_hosts text with the key of every host under its name."""
        keys = pulumi.Output.all(**{name: host.host_key for name, host in hosts.items()})
        return keys.apply(lambda known: "".join(f"{name} {key}\n" for name, key in known.items()))
