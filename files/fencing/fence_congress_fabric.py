# ruff: noqa: INP001 (on hosts it is in Python's path of local modules)
"""Isolates a server whose compute host does not carry out nova's orders, and readmits it ("fabric fencing").

Nobody can tell whether such a guest still runs. So its server leaves all security groups, and it does not matter any
more: the services that the cluster shares accept connections from a group, and the compute hosts of the services, which
are up, enforce that. Nova's API does this itself (removeSecurityGroup), without the server's compute host. The state is
neutron's, so an agent that starts later finds it.

The proof has three parts:
- The server's ports have no group, says neutron.
- The compute hosts of the services follow the changes of groups that come later. This host joins another group and
  reaches ports that it did not reach before. Those of most hosts of a role are enough if the others are silent: they
  may be on the compute host that is down. A cluster of which the guest reaches only a minority takes nothing from it.
- The services see no connection of the server (command `isolated`), so an earlier one was cut.

Two hosts never isolate each other. A host does so only after nova has accepted its order for the other server, and
while its own server has no task. Nova keeps an order as the server's task until the compute host carries it out.

A server is readmitted after nova has ended its old guest with a proof and rebooted it hard.
"""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

from fence_congress_cloud import NOT_FOUND, REFUSALS, Nova
from fence_congress_credentials import FenceError
from fence_congress_power import DECLARED_DEAD, DELETED, HARD_REBOOT, described, end_guest
from fence_congress_split import run

# Held during a proof, so that the monitor does not leave the group meanwhile.
LOCK = "/run/congress-ha-fencing.lock"
# Seconds. A cloud that answers this late does not keep a host from fencing.
OWN_LIMIT = 5.0
CHECK_LIMIT = 10.0
CONNECT_LIMIT = 1.0
# For the services to see nothing of the server.
PROOF = 25.0
# Each part of the proof ends this long before the action's limit, so that it can say why, and be undone.
RESERVE = 3.0


def require_admitted(nova: Nova) -> None:
    """Raise FenceError if this host was isolated: it would only stop the host that serves."""
    own = nova.credentials.own
    if not (nova.credentials.group and own):
        return
    with nova.within(OWN_LIMIT):
        try:
            if (state := nova.server(own)) is None or state.groups:
                return
            # If nova showed no groups of any server, it would say nothing about this one.
            others = [nova.server(server) for server in nova.credentials.servers.values() if server != own]
        except FenceError:  # what cannot be read must not keep it from fencing
            return
    if any(other and other.groups for other in others):
        raise FenceError("this host was isolated by another one: its server is in no security group")


def isolate(nova: Nova, server: str, proof: str, nodes: int) -> str:
    """Isolate a server for which nova has accepted an order, and say so once it is proven. Raises FenceError.

    `proof`: the command `isolated`; `nodes`: how many of the cluster's resources run on this host.
    """
    host = nova.credentials.host(server)
    require_unfenced(nova)
    if (state := nova.server(server)) and state.groups:
        # What cannot be proven afterwards is not begun: the guest may be alive, and serve.
        began = time.monotonic()
        require_enforcement(nova)
        if nova.deadline - time.monotonic() < time.monotonic() - began + PROOF + RESERVE:
            raise FenceError(f"{host} is not isolated: the cloud is too slow for a proof in time")
    while state := nova.server(server):
        if not state.groups:
            break
        # By name, a group that has the name of another one could not be removed.
        for group in (nova.credentials.group, *state.groups):
            status = nova.change_group(server, "remove", group)
            if status in REFUSALS and status != NOT_FOUND:
                raise FenceError(f"{host} cannot be isolated{nova.refusal}")
        require_time(nova, f"{host} is still in the security groups {', '.join(state.groups)}")
    require_enforcement(nova)
    limit = nova.deadline - time.monotonic() - RESERVE
    done = run([*shlex.split(proof), nova.credentials.addresses[host], str(nodes), f"{limit:.0f}"], limit + 1)
    if done is None or done.returncode:
        said = done.stdout.strip().splitlines()[-1:] if done else []
        raise FenceError(
            f"{host} is in no security group, but that it is isolated is not proven: {' '.join(said)}"
        )
    state = nova.server(server)
    if state and state.groups:
        raise FenceError(f"{host} got its security groups back meanwhile")
    require_unfenced(nova)
    return f"{host} is isolated from all services, without a security group"


def require_unfenced(nova: Nova) -> None:
    """Raise FenceError if another host may be fencing this one."""
    own = nova.credentials.own
    if own is None:
        raise FenceError("only a host of the cluster isolates another one")
    state = nova.server(own)
    if state is None or state.status != "ACTIVE" or state.task is not None or not state.groups:
        raise FenceError(f"another host may be fencing this one: its own server: {described(state)}")


def require_enforcement(nova: Nova) -> None:
    """Raise FenceError unless the services' compute hosts enforce the groups as they are now.

    They learn of changes in the order in which neutron accepts them (or read them all at once). So once this host has
    joined a group with effect, the other server's departure has an effect, too.
    """
    own, group, roles = nova.credentials.own, nova.credentials.probe_group, nova.credentials.probed
    if not (own and group and roles):
        raise FenceError(
            "the credentials' file names no probe_group and probed ports, so nothing can be proven"
        )
    with Path(LOCK).open("w") as lock:
        flock(lock, LOCK_EX)
        nova.change_group(own, "remove", group)  # an agent that was killed may have left it
        while any(reached(role["addresses"], role["closed"]) for role in roles.values()):
            require_time(
                nova,
                "this host reaches ports that its groups do not open: the cloud does not enforce the groups",
            )
        try:
            # The rest is for leaving again.
            with nova.within(nova.deadline - time.monotonic() - RESERVE):
                if nova.change_group(own, "add", group) in REFUSALS:
                    raise FenceError(f"this host cannot join a security group{nova.refusal}")
                for name, role in roles.items():
                    while missing := followers_missing(name, role):
                        require_time(nova, missing)
        finally:
            nova.change_group(own, "remove", group)


def followers_missing(name: str, role: Mapping[str, Any]) -> str:
    """Why the hosts of a role do not prove that groups are enforced, "" if they do."""
    following = reached(role["addresses"], role["closed"])
    count = len(role["addresses"])
    if len(following) <= count // 2:
        return (
            f"only {len(following)} of {count} hosts of the role {name} follow changes of security groups, and most "
            "of them must"
        )
    serving = reached({*role["addresses"]} - following, role["open"])
    if serving:
        return f"{', '.join(sorted(serving))} of the role {name} serves, but does not follow changes of security groups"
    return ""


def require_time(nova: Nova, failure: str) -> None:
    """Pause between two attempts. Raises FenceError if the deadline is reached."""
    if not nova.in_time():
        raise FenceError(failure)


def reached(addresses: Collection[str], port: int) -> set[str]:
    """The addresses on whose port packets of this host arrive."""
    if not addresses:
        return set()
    with ThreadPoolExecutor(len(addresses)) as pool:
        arrived = pool.map(lambda address: reaches(address, port), addresses)
        return {address for address, arrives in zip(addresses, arrived, strict=True) if arrives}


def reaches(address: str, port: int) -> bool:
    """Whether packets reach the port's host: it accepts or refuses a connection."""
    try:
        socket.create_connection((address, port), CONNECT_LIMIT).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def tidy(nova: Nova) -> str:
    """Leave the group that an interrupted proof may have left, and say whether this host could isolate another one.

    Nova answers 404 if the server is not in the group; that shows that neither a policy nor neutron forbids it.
    """
    own = nova.credentials.own
    if own is None:
        return "this host is none of those in the credentials' file"
    with Path(LOCK).open("w") as lock, nova.within(CHECK_LIMIT):
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return "a host is being isolated"
        try:
            status = nova.change_group(own, "remove", nova.credentials.probe_group)
        except FenceError as error:
            return f"a host whose compute host dies can NOT be isolated (make confirm-dead): {error}"
    if status in REFUSALS and status != NOT_FOUND:
        return f"a host whose compute host dies can NOT be isolated (make confirm-dead){nova.refusal}"
    return "a host whose compute host dies can be isolated"


def readmit(nova: Nova, server: str) -> str:
    """Readmit an isolated server if nova ends its old guest and reboots it. Returns what was done, or why not."""
    host = nova.credentials.host(server)
    try:
        how = end_guest(nova, server, 0)
        if how in {DELETED, DECLARED_DEAD}:
            return f"{host} stays isolated: {how}"
        request = nova.act(server, HARD_REBOOT)
        result = nova.result(server, request) if request else None
        if result != "Success":
            return f"{host} stays isolated: its hard reboot ended with {result}{nova.refusal}"
        nova.change_group(server, "add", nova.credentials.group)
        state = nova.server(server)
        if state is None or not state.groups:
            return f"{host} stays isolated: it did not get its security group{nova.refusal}"
    except FenceError as error:
        return f"{host} stays isolated: {error}"
    return f"{host} is readmitted: nova has ended its old guest ({how}) and rebooted it"
