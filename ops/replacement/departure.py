"""How a host leaves before its server is replaced, and what is left to do when the new one works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import typer

from ops.cloud import isolation
from ops.cloud import servers as cloud
from ops.common.waiting import last_look
from ops.health.assessment_pair import NODE
from ops.health.facts import Cluster, Facts, Resource
from ops.health.parsing_cluster import cluster
from ops.replacement.preconditions import in_the_cluster, member, other_of_the_pair
from ops.ssh.commands import HostError, Hosts
from ops.stack.host_server import Server
from ops.stack.outputs import Stack
from roles import DATASOURCE_NODE, Role, by_name

# Seconds. An engine first finishes the requests that it has, which may take as long as HAProxy lets them.
STOPS, MOVES, SEEN_LOST = 200, 120, 60
PAUSE = 0.5


@dataclass(frozen=True)
class Leaving:
    """A host of the stack that is about to be replaced."""

    stack: Stack
    host: str
    server: Server
    hosts: Hosts
    facts: Facts

    @property
    def role(self) -> Role:
        return by_name(self.stack.hosts[self.host].role)

    def leave(self) -> None:
        """Raises HostError when the host could not leave in good order; it may be tried again."""
        if self.role.watched_by_pacemaker:
            self._leave_the_pair()
        elif (problem := self.facts.hosts[self.host].ssh) is not None:
            typer.echo(f"{self.host} cannot be reached ({problem}): its server is deleted as it is")
        else:
            # Whoever is connected then knows at once.
            for unit in self.role.units(e.node_id for e in self.stack.engines if e.host == self.host):
                self.hosts.run(self.host, f"systemctl stop {unit}", timeout=STOPS)

    def _leave_the_pair(self) -> None:
        """The other host must not take the deletion of this one's server for a fault: it would fence for ever."""
        pair = _Pair.of(self)
        if pair.witness is not None:
            # It comes back into a cluster that may run the node before the node can run there.
            self.hosts.run(pair.witness, f"crm_standby --node {pair.server} --update on")
        if self.facts.hosts[self.host].ssh is None and pair.is_member():
            if pair.witness is not None:
                wait_for(f"the datasource node runs on {pair.witness}", MOVES, pair.runs_on_witness)
            self.hosts.run(self.host, "systemctl stop pacemaker", timeout=STOPS)
            self.hosts.run(self.host, "systemctl stop corosync", timeout=STOPS)
            return
        problem = self.facts.hosts[self.host].ssh
        reason = f"cannot be reached ({problem})" if problem else "is no member of the cluster"
        typer.echo(
            f"{self.host} {reason}: its server is deleted first, then the other host is told that it is off"
        )
        cloud.delete(self.server.id)
        if pair.witness is not None:
            wait_for(f"{pair.witness} sees that {self.host} is off", SEEN_LOST, pair.is_lost)
            if pair.is_unclean():
                self.hosts.run(pair.witness, f"stonith_admin --confirm {pair.server}")
            wait_for(f"the datasource node runs on {pair.witness}", MOVES, pair.runs_on_witness)
        # make confirm-dead may have shut the old server out; the new one has the same port.
        isolation.admit(self.host)


@dataclass(frozen=True)
class _Pair:
    """Pacemaker's view of the host that leaves. `server`: its name there; `witness`: the other host, if it answers."""

    hosts: Hosts
    server: str
    itself: str
    witness: str | None
    witness_server: str

    @classmethod
    def of(cls, leaving: Leaving) -> Self:
        other = other_of_the_pair(leaving.stack, leaving.host)
        answers = isinstance(leaving.facts.clusters[other], Cluster)
        known = leaving.stack.hosts
        return cls(
            leaving.hosts,
            known[leaving.host].server,
            leaving.host,
            other if answers else None,
            known[other].server,
        )

    def _view(self) -> Cluster:
        return view_of(self.hosts, self.witness or self.itself)

    def is_member(self) -> bool:
        try:
            node = member(self._view().nodes, self.server)
        except HostError:
            return False
        return node is not None and in_the_cluster(node)

    def is_lost(self) -> bool:
        node = member(self._view().nodes, self.server)
        return node is None or node.unclean or not node.online

    def is_unclean(self) -> bool:
        node = member(self._view().nodes, self.server)
        return node is not None and node.unclean

    def runs_on_witness(self) -> bool:
        node = ds_node(self._view())
        return node is not None and node.started and node.nodes == (self.witness_server,)


def view_of(hosts: Hosts, host: str) -> Cluster:
    """The pair as a host of it sees it. Raises HostError."""
    try:
        return cluster(hosts.run(host, "crm_mon -1 --include=all --output-as=xml"), "")
    except ValueError as error:
        raise HostError(f"{host}: {error}") from None


def wait_for(what: str, seconds: float, condition: Callable[[], bool]) -> None:
    """Raises HostError that names `what` at the deadline."""
    if not last_look(seconds, PAUSE, condition, bool):
        raise HostError(f"not within {seconds:.0f} s: {what}")


def ds_node(view: Cluster) -> Resource | None:
    return next((resource for resource in view.resources if resource.id == NODE), None)


def settle(stack: Stack, host: str, hosts: Hosts) -> None:
    """After the new server works: what the pair still remembers of the outage is forgotten. Raises HostError."""
    if by_name(stack.hosts[host].role).watched_by_pacemaker:
        server = stack.hosts[host].server
        hosts.run(other_of_the_pair(stack, host), f"stonith_admin --history {server} --cleanup")
    else:
        # The datasource node ended itself meanwhile, again and again.
        member = next(name for name, known in stack.hosts.items() if known.role == DATASOURCE_NODE.name)
        hosts.run(member, f"crm_resource --cleanup --resource {NODE}")
