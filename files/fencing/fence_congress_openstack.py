#!/usr/bin/python3
"""Fence agent for servers of an OpenStack cloud, which logs in with an application credential.

It implements Pacemaker's fence agent API: `name=value` lines on standard input, an exit status, one line of text. It
also works by hand: fence_congress_openstack -o status -n SERVER-ID.

`reboot` ends the guest and reboots the server hard (fence_congress_power). If nova does not carry that out because the
compute host is down, `reboot` isolates the server from the services that the cluster shares (fence_congress_fabric), or
has it shown that the server can do no harm (fence_congress_harmless).

A server that is stopped but cannot be started again is fenced. So the action succeeds, or the pair would wait for
nothing. The output says so, and the monitor of the server's fence device tries again.

fence_congress_split decides which host survives if both hosts request to fence each other.

The agent needs only Python; Debian's library for fence agents would install 26 packages on each host.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fence_congress_cloud import FROZEN, Nova, Server
from fence_congress_credentials import Credentials, FenceError
from fence_congress_fabric import isolate, readmit, require_admitted, tidy
from fence_congress_harmless import prove
from fence_congress_power import StuckError, described, end_guest, restart
from fence_congress_split import hold_back, holds_back, is_here

CREDENTIALS = "/etc/congress-ha/fencing.json"
# Seconds for an action including the login, but without the delay in a split (fence_congress_split.HOLD_LIMIT).
# Pacemaker's pcmk_*_timeout and the monitor's timeout are longer, so Pacemaker receives the agent's message. A stop
# waits for the guest's own shutdown (nova's shutdown_timeout, 60 s by default).
LIMITS = {"reboot": 110.0, "off": 110.0, "on": 50.0, "status": 40.0, "monitor": 90.0}
# After this many seconds without the end of nova's order, the server is isolated. That it can do no harm is shown
# earlier, because nothing happens to a server that is only slow.
NOVA_LIMIT, HARMLESS_LIMIT = 25.0, 6.0

METADATA = f"""<?xml version="1.0" ?>
<resource-agent name="fence_congress_openstack" shortdesc="Fence agent for servers of an OpenStack cloud">
<longdesc>Pauses a server (or stops it), which ends its work, and reboots it hard. Logs in with an application \
credential from a file that only root may read.</longdesc>
<parameters>
<parameter name="action" unique="0" required="1">
<getopt mixed="-o, --action=[action]" />
<content type="string" default="reboot" />
<shortdesc lang="en">Fencing action</shortdesc>
</parameter>
<parameter name="plug" unique="0" required="0">
<getopt mixed="-n, --plug=[id]" />
<content type="string" />
<shortdesc lang="en">Id of the server</shortdesc>
</parameter>
<parameter name="credentials" unique="0" required="0">
<getopt mixed="--credentials=[file]" />
<content type="string" default="{CREDENTIALS}" />
<shortdesc lang="en">File with the application credential and the servers</shortdesc>
</parameter>
<parameter name="resource" unique="0" required="0">
<getopt mixed="--resource=[id]" />
<content type="string" />
<shortdesc lang="en">Resource whose host survives a split; without, nobody holds back</shortdesc>
</parameter>
<parameter name="witness" unique="0" required="0">
<getopt mixed="--witness=[command]" />
<content type="string" default="false" />
<shortdesc lang="en">Command that succeeds while the resource does its work, wherever it runs</shortdesc>
</parameter>
<parameter name="delay" unique="0" required="0">
<getopt mixed="--delay=[seconds]" />
<content type="second" default="10" />
<shortdesc lang="en">How long to hold back</shortdesc>
</parameter>
<parameter name="isolated" unique="0" required="0">
<getopt mixed="--isolated=[command]" />
<content type="string" default="" />
<shortdesc lang="en">Command that succeeds once a host without security groups is seen on no shared service; gets its \
address and the number of resources on this host. Without, no host is isolated</shortdesc>
</parameter>
<parameter name="harmless" unique="0" required="0">
<getopt mixed="--harmless=[command]" />
<content type="string" default="" />
<shortdesc lang="en">Command that succeeds once a host can do no harm, even if it runs; gets its name</shortdesc>
</parameter>
</parameters>
<actions>
<action name="on" automatic="0" />
<action name="off" />
<action name="reboot" />
<action name="status" />
<action name="list" />
<action name="monitor" />
<action name="metadata" />
<action name="validate-all" />
</actions>
</resource-agent>"""


def reboot(nova: Nova, server: str, arguments: argparse.Namespace) -> str:
    """Fence and restart a server. Return as soon as the old guest cannot do harm any more. Raises FenceError."""
    resource, isolates = arguments.resource, arguments.isolated and nova.credentials.group
    if not (isolates or arguments.harmless):
        return restart(end_guest(nova, server), nova, server)
    try:
        limit = HARMLESS_LIMIT if arguments.harmless else NOVA_LIMIT
        return restart(end_guest(nova, server, limit), nova, server)
    except StuckError as stuck:
        if arguments.harmless:
            return f"Success: {prove(nova, server, arguments.harmless)}, as {stuck}"
        nodes = int(resource is not None and is_here(resource))
        return f"Success: {isolate(nova, server, arguments.isolated, nodes)}, as {stuck}"


def switch(nova: Nova, server: str, action: Mapping[str, Any], done: Callable[[Server | None], bool]) -> None:
    state: Server | None = None
    requested = False
    while nova.in_time():
        state = nova.server(server)
        if done(state):
            return
        if not requested and state and state.task is None:
            requested = nova.act(server, action) is not None
    raise FenceError(
        f"server {server} did not follow {next(iter(action))} in time: {described(state)}{nova.refusal}"
    )


def is_off(state: Server | None) -> bool:
    return state is None or state.off


def is_on(state: Server | None) -> bool:
    return state is not None and state.status == "ACTIVE" and state.task is None


def monitor(nova: Nova, proof: str) -> None:
    """Raise FenceError unless every server could be fenced now, as far as a check without fencing can tell.

    If another host's server is paused or suspended, its fencing was interrupted. It is rebooted, because its guest must
    not continue. One that was isolated is readmitted as soon as nova has rebooted it.
    """
    states: dict[str, Server] = {}
    for host, server in nova.credentials.servers.items():
        state = nova.server(server)
        if state is None:
            raise FenceError(f"server {server} of host {host} is gone")
        nova.check_action(server)
        states[server] = state
    own = states.pop(nova.credentials.own or "", None)
    # If nova showed no groups of any server, it would say nothing about another one.
    shows_groups = bool(nova.credentials.group and own and own.groups)
    isolated = [server for server, state in states.items() if shows_groups and not state.groups]
    for server in isolated:
        print(readmit(nova, server))
    if proof and nova.credentials.group:
        print(tidy(nova))
    for server, state in states.items():
        if server not in isolated and state.status in FROZEN and state.task is None:
            print(restart(state.status, nova, server))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fence agent for servers of an OpenStack cloud")
    parser.add_argument("-o", "--action", default="reboot")
    parser.add_argument("-n", "--plug", metavar="SERVER-ID")
    parser.add_argument("--credentials", type=Path, default=Path(CREDENTIALS))
    parser.add_argument("--resource", metavar="ID")
    parser.add_argument("--witness", metavar="COMMAND", default="false")
    parser.add_argument("--isolated", metavar="COMMAND", default="")
    parser.add_argument("--harmless", metavar="COMMAND", default="")
    parser.add_argument("--delay", metavar="SECONDS", type=float, default=10.0)
    if len(sys.argv) > 1:
        return parser.parse_args()
    values = vars(parser.parse_args([]))
    for line in sys.stdin:
        name, _, value = line.strip().partition("=")
        # Pacemaker also sends other parameters, such as nodename; `port` is the older name of `plug`.
        name = {"port": "plug", "option": "action"}.get(name, name)
        if name in values and value:
            try:
                values[name] = {"credentials": Path, "delay": float}.get(name, str)(value)
            except ValueError:
                raise FenceError(f"{name}={value}: not a number of seconds") from None
    return argparse.Namespace(**values)


def run(arguments: argparse.Namespace) -> int:
    """Exit status of the action: 0 done (status: on), 2 status: off. Raises FenceError."""
    action = {"meta-data": "metadata"}.get(arguments.action, arguments.action)
    if action == "metadata":
        print(METADATA)
        return 0
    if action not in {*LIMITS, "list", "validate-all"}:
        raise FenceError(f"there is no action {action}")
    credentials = Credentials.read(arguments.credentials)
    if action == "validate-all":
        return 0
    if action == "list":
        print("\n".join(f"{server},{host}" for host, server in credentials.servers.items()))
        return 0
    if action != "monitor" and arguments.plug not in credentials.servers.values():
        raise FenceError(f"plug {arguments.plug} is none of the servers of {arguments.credentials}")
    return act(arguments, action, credentials)


def act(arguments: argparse.Namespace, action: str, credentials: Credentials) -> int:
    """Run an action that needs the cloud, and return its exit status. Raises FenceError."""
    servers = credentials.servers
    yields = (
        action in {"reboot", "off"}
        and arguments.resource
        and holds_back(arguments.resource, arguments.witness, arguments.plug, servers)
    )
    nova = Nova(credentials, time.monotonic() + LIMITS[action])
    if yields:
        hold_back(nova, arguments.delay, arguments.witness)
    if action in {"reboot", "off"}:
        require_admitted(nova)
    if action == "monitor":
        monitor(nova, arguments.isolated)
    elif action == "status":
        off = is_off(nova.server(arguments.plug))
        print(f"Status: {'OFF' if off else 'ON'}")
        return 2 if off else 0
    elif action == "reboot":
        print(reboot(nova, arguments.plug, arguments))
    elif action == "off":
        switch(nova, arguments.plug, {"os-stop": None}, is_off)
    else:
        switch(nova, arguments.plug, {"os-start": None}, is_on)
    return 0


def main() -> int:
    try:
        return run(options())
    except FenceError as failure:
        print(f"Failed: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
