"""`congress-ha confirm-dead`: tells Pacemaker that a host is dead. Nova cannot stop it, as its compute host is down.

It is not known whether the guest still runs. Therefore security groups first isolate the host from bus and database:
whatever still runs there reaches neither. `make repair` readmits it after a hard reboot that nova carried out.

Exit code 0: confirmed, the other host runs the datasource node; 1: failed, the same command continues; 2: refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ops.cloud import isolation
from ops.cloud import servers as cloud
from ops.common.limits import Limits
from ops.common.progress import StoppedError
from ops.health.facts import Facts
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.datasource_node.cluster import Cluster
from ops.health.status import collect_facts
from ops.replacement.departure import MOVE_TIMEOUT, ds_node, view_of, wait_for
from ops.ssh.commands import HostError, Hosts, connected
from ops.stack.outputs import Stack, StackError, parse
from ops.stack.pulumi import read_outputs, read_state
from roles import DATABASE, DATASOURCE_NODE, MESSAGING, Role

# Roles of which most hosts must refuse its connections. The others may be on the compute host that is down; a cluster
# of which the guest reaches only a minority takes nothing from it.
REFUSING_ROLES = (DATABASE, MESSAGING)
# A live node reconnects within a second or two, so the host must be quiet for longer. `ss -K` ends connections that the
# firewall had already accepted: those of a dead host stay for hours.
QUIET_SECONDS, WAIT_SECONDS = 10, 60
WAIT_UNTIL_DISCONNECTED = """\
quiet=0
for ((second = 0; second < {limit}; second++)); do
  connections=$(ss -Htn state established state syn-recv dst {address})
  if [ -z "$connections" ]; then
    quiet=$((quiet + 1))
  else
    quiet=0
    ss -K -Htn dst {address} > /dev/null 2>&1 || true
  fi
  [ $quiet -lt {quiet} ] || exit 0
  sleep 1
done
echo "{address} is still connected" >&2; exit 1"""


SILENT = """\
if timeout 5 bash -c '</dev/tcp/{where}' 2> /dev/null; then
  echo "{host} serves, although it cannot be reached by SSH: repair it first (make status)" >&2; exit 1
fi"""


class RefusedError(Exception):
    """Why nothing was done."""


def refusal(stack: Stack, facts: Facts, host: str) -> str | None:
    """Why the host must not be confirmed dead, with the way out; None if it may be."""
    pair = stack.hosts_of(DATASOURCE_NODE)
    if host not in pair:
        return f"name a host of the pair: make confirm-dead HOST=... with one of {', '.join(sorted(pair))}"
    if facts.hosts[host].ssh is None:
        return f"{host} answers SSH, so it is not dead"
    other = stack.other(host)
    view = facts[DatasourceNodeHealth].clusters[other]
    if not isinstance(view, Cluster):
        return (
            f"{other} does not answer ({view.why}), and it has to run the node: repair it first (make status)"
        )
    node = view.member(stack.hosts[host].server)
    if node is None or not (node.unclean or node.is_off):
        return not_needed(stack, host)
    return _of_the_stack(stack, facts, host, view)


def _of_the_stack(stack: Stack, facts: Facts, host: str, view: Cluster) -> str | None:
    """The other reasons, which are not about this host."""
    other = stack.other(host)
    if not view.quorum:
        return (
            f"{other} waits for {host}, because both were off, and would not begin after a confirmation either: "
            "docs/recover.md, Both hosts were off, and one does not come back"
        )
    if yours := [sentence for role in REFUSING_ROLES if (sentence := stack.yours(role))]:
        return (
            f"{' and '.join(yours)}, and no security group closes that to {host}: make sure that its compute host is "
            f"off, then on {other}: sudo stonith_admin --confirm {stack.hosts[host].server}"
        )
    for role in REFUSING_ROLES:
        names, answering = stack.hosts_of(role), refusing(stack, facts, role)
        if len(answering) <= len(names) // 2:
            return (
                f"{', '.join(sorted({*names} - {*answering}))} cannot be reached, and most hosts of the role "
                f"{role.name} must refuse the connections of {host}: repair them first (make status)"
            )
    return None


def refusing(stack: Stack, facts: Facts, role: Role) -> list[str]:
    """The hosts of a role that can be reached."""
    return [name for name in stack.hosts_of(role) if facts.hosts[name].ssh is None]


def not_needed(stack: Stack, host: str) -> str:
    other = stack.other(host)
    return f"{other} does not wait for the fencing of {host}: there is nothing to confirm (make status)"


def is_confirmed(stack: Stack, facts: Facts, host: str) -> bool:
    """Whether the other host regards it as off: after an earlier run, or after an orderly stop."""
    view = facts[DatasourceNodeHealth].clusters[stack.other(host)]
    node = view.member(stack.hosts[host].server) if isinstance(view, Cluster) else None
    return node is not None and node.is_off


def require_silence(stack: Stack, facts: Facts, host: str, outputs: Mapping[str, Any], hosts: Hosts) -> None:
    """The hosts that cannot be reached must not serve either: perhaps only their SSH fails. Raises HostError."""
    other = stack.other(host)
    for role in REFUSING_ROLES:
        for name in sorted({*stack.hosts_of(role)} - {*refusing(stack, facts, role)}):
            typer.echo(f"confirm-dead: {name} cannot be reached: {other} looks whether it serves")
            where = f"{outputs['hosts'][name]['address']}/{role.service_port}"
            hosts.run(other, SILENT.format(where=where, host=name), timeout=30)


def confirm(stack: Stack, facts: Facts, host: str, address: str, hosts: Hosts) -> None:
    """Wait until bus and database are disconnected from it, then confirm it dead. Raises HostError."""
    for server_host in (name for role in REFUSING_ROLES for name in refusing(stack, facts, role)):
        typer.echo(
            f"confirm-dead: waiting until {server_host} has had no connection of {host} for {QUIET_SECONDS} s"
        )
        hosts.run(
            server_host,
            WAIT_UNTIL_DISCONNECTED.format(address=address, quiet=QUIET_SECONDS, limit=WAIT_SECONDS),
            timeout=2 * WAIT_SECONDS,
        )
    hosts.run(stack.other(host), f"stonith_admin --confirm {stack.hosts[host].server}")


def wait(stack: Stack, host: str, hosts: Hosts) -> None:
    """Wait until the datasource node runs on the other host. Raises HostError."""
    other = stack.other(host)

    def runs() -> bool:
        node = ds_node(view_of(hosts, other))
        return node is not None and node.started and node.nodes == (stack.hosts[other].server,)

    wait_for(f"the datasource node runs on {other}", MOVE_TIMEOUT, runs)


def run(host: str) -> None:
    """The whole command. Raises RefusedError, StackError before a change; HostError, StoppedError, CloudError later."""
    limits, outputs = Limits.for_this_machine(), read_outputs()
    stack = parse(os.environ.get("STACK", "dev"), outputs)
    facts = collect_facts(stack, outputs, limits)
    if reason := refusal(stack, facts, host):
        raise RefusedError(reason)
    cloud.require_same_scope(stack.scope or read_state().scope)
    confirmed = is_confirmed(stack, facts, host)
    if confirmed and not isolation.is_isolated(host):
        raise RefusedError(not_needed(stack, host))
    if confirmed:
        typer.echo(f"confirm-dead: {host} was confirmed dead by an earlier run; continuing")
    with connected(outputs, limits) as hosts:
        if not confirmed:
            require_silence(stack, facts, host, outputs, hosts)
            typer.echo(
                f"confirm-dead: removing the security groups of {host}, so that bus and database refuse it"
            )
            isolation.isolate(host)
            confirm(stack, facts, host, outputs["hosts"][host]["address"], hosts)
        wait(stack, host, hosts)


def main(host: Annotated[str, typer.Argument(help="one of the pair")] = "") -> None:
    """Confirm that a host of the pair of stack $STACK (default: dev) is dead."""
    when_back = f"when {host} is back: make repair, which readmits it"
    try:
        run(host)
    except RefusedError as error:
        typer.echo(f"confirm-dead: {error}; nothing was changed", err=True)
        raise typer.Exit(2) from None
    except StackError as error:
        typer.echo(f"confirm-dead: {error}", err=True)
        raise typer.Exit(2) from None
    except (HostError, StoppedError, cloud.CloudError) as error:
        typer.echo(f"confirm-dead: {error}; make confirm-dead HOST={host} continues; {when_back}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"confirm-dead: the datasource node runs; {when_back}")
