"""The departure of a host before its server is replaced, and the cleanup after the new server works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import typer

from ops.cloud import isolation
from ops.cloud import servers as cloud
from ops.common.waiting import poll
from ops.health.facts import Facts
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.datasource_node.cluster import NODE, Cluster, Resource
from ops.health.roles.datasource_node.crm_mon import cluster
from ops.ssh.commands import HostError, Hosts
from ops.stack.host_server import Server
from ops.stack.outputs import Stack
from roles import DATASOURCE_NODE, Role, by_name

# Seconds. An engine first finishes its requests, for at most HAProxy's own timeout.
STOP_TIMEOUT, MOVE_TIMEOUT, LOSS_TIMEOUT = 200, 120, 60
POLL_INTERVAL = 0.5


@dataclass(frozen=True)
class Departure:
    """The departure of a host that is about to be replaced."""

    stack: Stack
    host: str
    server: Server
    hosts: Hosts
    facts: Facts

    @property
    def role(self) -> Role:
        return by_name(self.stack.hosts[self.host].role)

    def carry_out(self) -> None:
        """Stop the host's services, or take it out of the cluster. May be repeated after its HostError."""
        if self.role.watched_by_pacemaker:
            self._leave_the_cluster()
        elif (problem := self.facts.hosts[self.host].ssh) is not None:
            typer.echo(
                f"{self.host} cannot be reached ({problem}): its server is deleted without stopping its services"
            )
        else:
            if self.role.leave and self.stack.others(self.host):
                self.hosts.run(self.host, self.role.leave, timeout=STOP_TIMEOUT)
            # Clients then notice the closed connections at once.
            for unit in self.role.units(e.node_id for e in self.stack.engines if e.host == self.host):
                self.hosts.run(self.host, f"systemctl stop {unit}", timeout=STOP_TIMEOUT)

    def _leave_the_cluster(self) -> None:
        """Leave the cluster. Else the other host takes the deletion for a fault, and tries to fence it for ever."""
        pair = _ClusterMember.of(self)
        if pair.witness is not None:
            # The new server joins the cluster before the datasource node can run on it.
            self.hosts.run(pair.witness, f"crm_standby --node {pair.server} --update on")
        if self.facts.hosts[self.host].ssh is None and pair.is_member():
            if pair.witness is not None:
                wait_for(f"the datasource node runs on {pair.witness}", MOVE_TIMEOUT, pair.runs_on_witness)
            self.hosts.run(self.host, "systemctl stop pacemaker", timeout=STOP_TIMEOUT)
            self.hosts.run(self.host, "systemctl stop corosync", timeout=STOP_TIMEOUT)
            return
        problem = self.facts.hosts[self.host].ssh
        reason = f"cannot be reached ({problem})" if problem else "is no member of the cluster"
        typer.echo(
            f"{self.host} {reason}: its server is deleted first, then confirmed dead at the other host"
        )
        cloud.delete(self.server.id)
        if pair.witness is not None:
            wait_for(f"{pair.witness} sees that {self.host} is off", LOSS_TIMEOUT, pair.is_seen_lost)
            if pair.is_unclean():
                self.hosts.run(pair.witness, f"stonith_admin --confirm {pair.server}")
            wait_for(f"the datasource node runs on {pair.witness}", MOVE_TIMEOUT, pair.runs_on_witness)
        # make confirm-dead may have isolated the old server. The new one has the same port.
        isolation.readmit(self.host)


@dataclass(frozen=True)
class _ClusterMember:
    """Pacemaker's view of the departing host.

    `server`: its node name. `witness`: the other host, None if it does not answer. `witness_server`: its node name.
    """

    hosts: Hosts
    server: str
    itself: str
    witness: str | None
    witness_server: str

    @classmethod
    def of(cls, departure: Departure) -> Self:
        other = departure.stack.other(departure.host)
        answers = isinstance(departure.facts[DatasourceNodeHealth].clusters[other], Cluster)
        described = departure.stack.hosts
        return cls(
            departure.hosts,
            described[departure.host].server,
            departure.host,
            other if answers else None,
            described[other].server,
        )

    def _view(self) -> Cluster:
        return view_of(self.hosts, self.witness or self.itself)

    def is_member(self) -> bool:
        try:
            node = self._view().member(self.server)
        except HostError:
            return False
        return node is not None and node.is_in_cluster

    def is_seen_lost(self) -> bool:
        node = self._view().member(self.server)
        return node is None or node.unclean or not node.online

    def is_unclean(self) -> bool:
        node = self._view().member(self.server)
        return node is not None and node.unclean

    def runs_on_witness(self) -> bool:
        node = ds_node(self._view())
        return node is not None and node.started and node.nodes == (self.witness_server,)


def view_of(hosts: Hosts, host: str) -> Cluster:
    """The cluster as one of its hosts sees it. Raises HostError."""
    try:
        return cluster(hosts.run(host, "crm_mon -1 --include=all --output-as=xml"), "")
    except ValueError as error:
        raise HostError(f"{host}: {error}") from None


def wait_for(what: str, seconds: float, condition: Callable[[], bool]) -> None:
    """Poll `condition` for up to `seconds`. Raises HostError with `what`, the condition in words."""
    if not poll(seconds, POLL_INTERVAL, condition, bool):
        raise HostError(f"not within {seconds:.0f} s: {what}")


def ds_node(view: Cluster) -> Resource | None:
    return next((resource for resource in view.resources if resource.id == NODE), None)


def clear_failures(stack: Stack, host: str, hosts: Hosts) -> None:
    """Clear the failures that Pacemaker recorded during the outage, once the new server works. Raises HostError."""
    if by_name(stack.hosts[host].role).watched_by_pacemaker:
        server = stack.hosts[host].server
        hosts.run(stack.other(host), f"stonith_admin --history {server} --cleanup")
    else:
        # The datasource node ended itself repeatedly during the outage.
        member = stack.hosts_of(DATASOURCE_NODE)[0]
        hosts.run(member, f"crm_resource --cleanup --resource {NODE}")
