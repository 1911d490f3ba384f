"""Three hosts of the database: one takes writes, two have a copy, and Pacemaker moves the writer and its address.

The cloud stops a lost host before another one becomes the writer, as it does for the pair of the datasource node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_random as random

from components.fencing import credential, credential_login
from components.foundation.host import Host, Site
from components.foundation.step import Step
from roles import COROSYNC

# Privileges of the replicas' account: to copy all data once, and to receive every write.
PRIVILEGES = (
    "SELECT, RELOAD, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER, PROCESS, BINLOG MONITOR, REPLICATION SLAVE"
)
USER = "congress-replica"
# The last step, on the first host.
WRITER_STEP = "database-writer"


class DatabaseCluster(pulumi.ComponentResource):
    """`ready`: the step that has seen a writer, two replicas that follow it, and a login at the virtual address."""

    ready: Step

    def __init__(
        self,
        name: str,
        site: Site,
        hosts: Sequence[Host],
        *,
        installed: Sequence[Step],
        members: Sequence[Step],
        context: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:DatabaseCluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # As long as that of the datasource node's pair, see there.
        self.key = random.RandomPassword(f"{name}-key", length=255, override_special="-_", opts=child)
        nodes = [
            {"id": index, "name": host.hostname, "address": host.address}
            for index, host in enumerate(hosts, 1)
        ]
        cluster = {
            "members": nodes,
            "port": COROSYNC,
            "token": site.settings.datasource_node.token_seconds,
            "authkey": self.key.result,
            "hidden": (),
        }
        joined: list[Step] = []
        # One after another, so that a change stops one of them at a time. Each has its data before it has Pacemaker.
        for host in hosts:
            joined.append(
                Step(
                    f"{host.name}-cluster",
                    host,
                    "datasource_node/cluster.sh.j2",
                    cluster,
                    parent=self,
                    after=[*installed, *members, *joined[-1:]],
                    limit=300,
                )
            )
        devices = {host.hostname: host.server.id for host in hosts}
        self.ready = Step(
            WRITER_STEP,
            hosts[0],
            "database/cluster.sh.j2",
            {
                **context,
                "members": nodes,
                "devices": devices,
                "cluster_since": [step.stdout for step in joined],
            },
            parent=self,
            after=[*joined, *self._fencing(site, hosts, devices, installed)],
            limit=900,
        )
        self.register_outputs({})

    def _fencing(
        self,
        site: Site,
        hosts: Sequence[Host],
        devices: Mapping[str, pulumi.Output[str]],
        installed: Sequence[Step],
    ) -> list[Step]:
        login = site.cloud.login
        if login is None:
            raise ValueError("the settings take fencing for three hosts of the database")
        self.credential = credential(
            "database-fencing",
            login,
            devices,
            hosts=", ".join(devices),
            limited=site.settings.datasource_node.fencing_access_rules,
            parent=self,
        )
        values = pulumi.Output.all(id=self.credential.id, secret=self.credential.secret, servers=devices)
        text: pulumi.Output[str] = values.apply(lambda known: credential_login(login, **known))
        return [
            Step(
                f"{host.name}-fencing",
                host,
                "fencing/openstack.sh.j2",
                {"servers": devices, "login": pulumi.Output.secret(text)},
                parent=self,
                after=installed,
                limit=180,
            )
            for host in hosts
        ]


def replication(name: str, child: pulumi.ResourceOptions) -> dict[str, Any]:
    """The account of the replicas. Its password stays when Congress's own is rotated."""
    password = random.RandomPassword(f"{name}-replication-password", length=32, special=False, opts=child)
    return {"user": USER, "password": password.result, "privileges": PRIVILEGES}
