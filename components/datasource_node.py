"""Step 4 in the document's list, deployed before step 3: "a single datasource-drivers node in warm-standby style"."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_random as random

import settings
from components.congress_host import CongressHost
from components.fencing import Fencing
from components.foundation.step import Step
from roles import COROSYNC
from settings.nodes import HIDDEN


class DatasourceNode(pulumi.ComponentResource):
    """The Pacemaker cluster and its resource ds-node.

    `ready`: the step that has seen Pacemaker run the datasource node on one host of the pair, and the node serve the
    bus. The cluster does not need Congress, so it forms while Congress is installed. Only the primitive waits: for
    `after` (bus, database with its tables), for `fencing`, and for Congress on both hosts. On a host without binary or
    configuration, even the agent's stop fails, and the resource ends blocked.
    """

    node_id: str
    hosts: tuple[CongressHost, ...]
    ready: Step

    def __init__(
        self,
        name: str,
        node: settings.DatasourceNode,
        pair: Sequence[CongressHost],
        *,
        fencing: Fencing,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:DatasourceNode", name, None, opts)
        self.node_id = node.node_id
        self.hosts = tuple(pair)
        # Each character has six random bits, so the 32 bytes that AES uses have 192.
        self.cluster_key = random.RandomPassword(
            f"{name}-cluster-key",
            length=255,
            override_special="-_",
            opts=pulumi.ResourceOptions(parent=self),
        )
        members = [
            {"id": index, "name": congress.host.hostname, "address": congress.host.address}
            for index, congress in enumerate(pair, start=1)
        ]
        cluster = {
            "members": members,
            "port": COROSYNC,
            "token": node.token_seconds,
            "authkey": self.cluster_key.result,
            "hidden": HIDDEN,
        }
        self.cluster = tuple(
            Step(
                f"{congress.host.name}-cluster",
                congress.host,
                "datasource_node/cluster.sh.j2",
                cluster,
                parent=self,
                after=[congress.packages],
                limit=300,
            )
            for congress in pair
        )
        resource = {
            "members": members,
            "node_id": node.node_id,
            "monitor_interval": node.monitor_interval,
            "monitor_timeout": node.monitor_timeout,
            "config": node.config,
            "binary": node.binary,
            "additional_parameters": node.additional_parameters,
            "fencing": node.fencing,
            "devices": fencing.devices,
            "congress": [congress.digest for congress in pair],
        }
        # The whole resource is part of the context, so each host is checked again whenever the resource changes.
        self.agent = tuple(
            Step(
                f"{congress.host.name}-agent",
                congress.host,
                "datasource_node/agent.sh.j2",
                {
                    "host": congress.host.name,
                    "config": node.config,
                    "config_sha256": congress.config_sha256,
                    "resource": resource,
                },
                parent=self,
                after=[congress.ready],
                limit=120,
            )
            for congress in pair
        )
        self.ready = Step(
            name,
            pair[0].host,
            "datasource_node/ds_node.sh.j2",
            {
                **resource,
                "cluster_since": [cluster.stdout for cluster in self.cluster],
                "files_since": [agent.stdout for agent in self.agent],
            },
            parent=self,
            after=[*self.cluster, *self.agent, *fencing.steps, *after],
            limit=600,
        )
        self.register_outputs({})
