"""All hosts of a role: servers that are created one after another, on different compute hosts."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_openstack import compute, networking

from components.foundation.host import Host, Site
from roles import Role


def hosts_of(
    role: Role,
    site: Site,
    *,
    address_pairs: Sequence[pulumi.Input[str]] = (),
    protect: bool = False,
    opts: pulumi.ResourceOptions,
) -> tuple[Host, ...]:
    """One host without a server group, or several in one."""
    names = role.hosts(site.settings)
    group = server_group(role, site) if len(names) > 1 else None
    hosts: list[Host] = []
    for name in names:
        host = Host(
            name,
            role,
            site,
            server_group=group,
            server_after=one_by_one(site, hosts),
            address_pairs=address_pairs,
            protect=protect,
            opts=opts,
        )
        hosts.append(host)
    return tuple(hosts)


def virtual_port(role: Role, site: Site, opts: pulumi.ResourceOptions) -> networking.Port | None:
    """The port, without a server, with the address that several hosts of a role share; None if they share none."""
    if not role.shares_an_address(site.settings):
        return None
    return networking.Port(
        role.virtual_name,
        name=f"{site.prefix}-{role.virtual_name}",
        network_id=site.network.id,
        fixed_ips=[networking.PortFixedIpArgs(subnet_id=site.network.subnet_id)],
        security_group_ids=[site.firewall.groups[role.name].id],
        admin_state_up=True,
        opts=opts,
    )


def server_group(role: Role, site: Site) -> compute.ServerGroup:
    """Keeps the hosts of a role on different compute hosts."""
    return compute.ServerGroup(
        role.name,
        name=f"{site.prefix}-{role.name}",
        policies="anti-affinity" if site.settings.anti_affinity == "hard" else "soft-anti-affinity",
    )


def one_by_one(site: Site, earlier: Sequence[Host]) -> list[pulumi.Resource]:
    """What the next server of a group waits for.

    If members of a strict group are created at the same moment, a race in nova can leave one of them in ERROR.
    """
    return [host.server for host in earlier[-1:]] if site.settings.anti_affinity == "hard" else []
