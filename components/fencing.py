"""Fencing: a lost host of the pair is stopped for certain before the datasource node starts on the other one.

The document refers to the "OpenStack High Availability Guide for general usage of Pacemaker" for it. Without fencing, a
cut link results in two datasource nodes (split brain). The cloud stops the host, by order of an agent on the other one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_openstack import identity

import settings
from components.congress_host import CongressHost
from components.foundation.host import Host, Site
from components.foundation.step import Step
from components.foundation.template import json_in_yaml
from components.preflight.login import Login
from roles import BASTION, DATASOURCE_NODE, SSH, by_name

UNFENCED = (
    "datasourceNode.fencing is none: if the link between the two hosts of the pair is cut, both run the datasource "
    "node (split brain), and a host that hangs is never stopped"
)


Rule = identity.ApplicationCredentialAccessRuleArgs


def access_rules(compute_path: str, servers: Sequence[str]) -> Sequence[Rule]:
    """The requests that the agent sends to nova.

    The paths contain the servers' ids: {server_id} would match any word, such as `detail`. Keystone's rules cover only
    method and path; the action is in the request's body, so every action is allowed.
    """
    return [
        Rule(service="compute", method=method, path=f"{compute_path}/servers/{server}{rest}")
        for server in servers
        for method, rest in (("GET", ""), ("POST", "/action"), ("GET", "/os-instance-actions/*"))
    ]


class Fencing(pulumi.ComponentResource):
    """The fence agent on both hosts, and its login to the cloud.

    `steps`: each installs agent and login on one host, and checks that the agent may fence. `devices`: host name -> id
    of its server, for Pacemaker's configuration. Both are empty with fencing none. `services`: role -> the hosts from
    which a host of the pair is isolated if its compute host is down.
    """

    steps: tuple[Step, ...]
    devices: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        site: Site,
        pair: Sequence[CongressHost],
        *,
        services: Mapping[str, Sequence[Host]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:Fencing", name, None, opts)
        node, login = site.settings.datasource_node, site.cloud.login
        self.devices, self.steps = {}, ()
        if login is None:
            pulumi.log.warn(UNFENCED)
        else:
            self.devices = {congress.host.hostname: congress.host.server.id for congress in pair}
            context = {
                "servers": self.devices,
                "login": self._login(name, login, node, isolation(site, pair, services)),
            }
            self.steps = tuple(
                Step(
                    f"{congress.host.name}-fencing",
                    congress.host,
                    f"fencing/{node.fencing}.sh.j2",
                    context,
                    parent=self,
                    after=[congress.packages],
                    limit=180,
                )
                for congress in pair
            )
        self.register_outputs({})

    def _login(
        self,
        name: str,
        login: Login,
        node: settings.DatasourceNode,
        isolated: Mapping[str, pulumi.Input[Any]],
    ) -> pulumi.Output[str]:
        """Text of the agent's file with the login: JSON, or a clouds.yaml for fence_openstack."""
        if node.fencing_login is not None:
            return pulumi.Output.secret(password_login(login, node.fencing_login))
        self.credential = credential(
            name,
            login,
            self.devices,
            hosts=f"the pair {', '.join(self.devices)}",
            limited=node.fencing_access_rules,
            parent=self,
        )
        return pulumi.Output.secret(
            pulumi.Output.all(
                id=self.credential.id, secret=self.credential.secret, servers=self.devices, **isolated
            ).apply(lambda values: credential_login(login, **values))
        )


def credential(
    name: str,
    login: Login,
    devices: Mapping[str, pulumi.Output[str]],
    *,
    hosts: str,
    limited: bool,
    parent: pulumi.Resource,
) -> identity.ApplicationCredential:
    """A credential that may only read these servers and act on them. A replaced server replaces it.

    `devices`: host name -> id of its server. `hosts`: whose servers they are, for the description. `limited`: by access
    rules of keystone, which not every cloud has.
    """
    rules = pulumi.Output.all(*devices.values()).apply(
        lambda servers: access_rules(login.compute_path, servers)
    )
    return identity.ApplicationCredential(
        name,
        description=f"fencing of {hosts}",
        roles=list(login.roles),
        access_rules=rules if limited else None,
        opts=pulumi.ResourceOptions(parent=parent, additional_secret_outputs=["secret"]),
    )


def isolation(
    site: Site, pair: Sequence[CongressHost], services: Mapping[str, Sequence[Host]]
) -> Mapping[str, pulumi.Input[Any]]:
    """What the agent needs to isolate a host of the pair from `services`, as keys of its file.

    Only the bastion's group lets a host of the pair reach port 22 of the services. The agent puts its own host into
    that group for a moment, to see that the services' compute hosts enforce a change.
    """
    groups = site.firewall.groups
    return {
        "addresses": {congress.host.hostname: congress.host.address for congress in pair},
        # No security group closes a service of the operator's own, so a host must not be isolated there.
        "group": groups[DATASOURCE_NODE.name].id if services else "",
        "probe_group": groups[BASTION.name].id,
        "probed": {
            role: {
                "addresses": [host.address for host in hosts],
                "closed": SSH,
                "open": by_name(role).service_port,
            }
            for role, hosts in services.items()
        },
    }


def credential_login(login: Login, id: str, secret: str, servers: Mapping[str, str], **isolated: Any) -> str:  # noqa: A002
    """JSON text of the file for fence_congress_openstack. `isolated`: the keys of `isolation`."""
    values: dict[str, Any] = {
        "auth_url": login.auth_url,
        "application_credential_id": id,
        "application_credential_secret": secret,
        "region": login.region,
        "interface": login.interface,
        "servers": dict(servers),
        **isolated,
    }
    return json.dumps(values, indent=1)


def password_login(login: Login, user: settings.FencingLogin) -> str:
    """A clouds.yaml with one cloud, congress-ha, for fence_openstack."""
    auth = {
        "auth_url": login.auth_url,
        "username": user.username,
        "password": user.password.get_secret_value(),
        "project_name": user.project,
        "user_domain_name": user.user_domain,
        "project_domain_name": user.project_domain,
    }
    cloud = {"auth": auth, "region_name": login.region, "interface": login.interface}
    return json_in_yaml({"clouds": {"congress-ha": cloud}}, indent=1)
