"""Tells the pair that a host is dead which nova cannot stop, because its compute host is down.

Nobody can see that a host is dead when the cloud cannot. So it is cut off from bus and database first, by the cloud's
firewall on their side: whatever still runs there reaches nobody any more. `make repair` lets it in again, after
a hard reboot that nova carried out.

Exit code 0: confirmed, and the other host runs the node; 1: not done, the same command goes on; 2: refused.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ops.cloud import isolation
from ops.cloud import servers as cloud
from ops.common.limits import Limits
from ops.common.progress import StoppedError
from ops.health.facts import Cluster, Facts, Node
from ops.health.status import look_at
from ops.replacement.departure import MOVES, ds_node, view_of, wait_for
from ops.replacement.preconditions import member, other_of_the_pair
from ops.ssh.commands import HostError, Hosts, connected
from ops.stack.outputs import Stack, StackError, parse
from ops.stack.pulumi import read_outputs, read_state
from roles import DATABASE, DATASOURCE_NODE, MESSAGING

PAIR = DATASOURCE_NODE.name
# Who has to refuse it, by role.
GUARDS = (MESSAGING.name, DATABASE.name)
# A node that lives connects again within a second or two: looking right after its connections were ended shows none.
# `ss -K` is for those that the firewall knew before: a dead host's stay for hours.
QUIET, LIMIT = 10, 60
REFUSES = """\
quiet=0
for ((second = 0; second < {limit}; second++)); do
  seen=$(ss -Htn state established state syn-recv dst {address})
  if [ -z "$seen" ]; then
    quiet=$((quiet + 1))
  else
    quiet=0
    ss -K -Htn dst {address} > /dev/null 2>&1 || true
  fi
  [ $quiet -lt {quiet} ] || exit 0
  sleep 1
done
echo "{address} is still connected" >&2; exit 1"""


class RefusedError(Exception):
    """Why nothing was done."""


def refusal(stack: Stack, facts: Facts, host: str) -> str | None:
    """Why not; None when nothing speaks against it."""
    if host not in stack.hosts or stack.hosts[host].role != PAIR:
        pair = ", ".join(sorted(name for name, known in stack.hosts.items() if known.role == PAIR))
        return f"name a host of the pair: make confirm-dead HOST=... with one of {pair}"
    if facts.hosts[host].ssh is None:
        return f"{host} answers SSH, so it is not dead"
    other = other_of_the_pair(stack, host)
    view = facts.clusters[other]
    if not isinstance(view, Cluster):
        return (
            f"{other} does not answer ({view.why}), and it has to run the node: mend it first (make status)"
        )
    seen = member(view.nodes, stack.hosts[host].server)
    if seen is None or not (seen.unclean or _off(seen)):
        return unneeded(stack, host)
    return None


def unneeded(stack: Stack, host: str) -> str:
    other = other_of_the_pair(stack, host)
    return f"{other} does not wait for the end of {host}: nothing is to be confirmed (make status)"


def off(stack: Stack, facts: Facts, host: str) -> bool:
    """Whether the other host holds it for off, as after an earlier run, or when it left in good order."""
    view = facts.clusters[other_of_the_pair(stack, host)]
    seen = member(view.nodes, stack.hosts[host].server) if isinstance(view, Cluster) else None
    return seen is not None and _off(seen)


def _off(seen: Node) -> bool:
    return not (seen.online or seen.unclean or seen.pending)


def confirm(stack: Stack, host: str, address: str, hosts: Hosts) -> None:
    """Raises HostError."""
    for guard in (name for name, known in stack.hosts.items() if known.role in GUARDS):
        typer.echo(f"confirm-dead: until {guard} has heard nothing of {host} for {QUIET} s")
        hosts.run(guard, REFUSES.format(address=address, quiet=QUIET, limit=LIMIT), timeout=2 * LIMIT)
    hosts.run(other_of_the_pair(stack, host), f"stonith_admin --confirm {stack.hosts[host].server}")


def wait(stack: Stack, host: str, hosts: Hosts) -> None:
    """Until the node runs. Raises HostError."""
    other = other_of_the_pair(stack, host)

    def runs() -> bool:
        node = ds_node(view_of(hosts, other))
        return node is not None and node.started and node.nodes == (stack.hosts[other].server,)

    wait_for(f"the datasource node runs on {other}", MOVES, runs)


def run(host: str) -> None:
    """All of it. Raises RefusedError, StackError, and HostError, StoppedError or CloudError on the way."""
    limits, outputs = Limits.here(), read_outputs()
    stack = parse(os.environ.get("STACK", "dev"), outputs)
    facts = look_at(stack, outputs, limits)
    if reason := refusal(stack, facts, host):
        raise RefusedError(reason)
    cloud.refuse_another(stack.scope or read_state().scope)
    confirmed = off(stack, facts, host)
    if confirmed and not isolation.refused(host):
        raise RefusedError(unneeded(stack, host))
    if confirmed:
        typer.echo(f"confirm-dead: {host} was confirmed dead by an earlier run; going on")
    else:
        typer.echo(f"confirm-dead: takes {host} out of its security groups: bus and database refuse it")
        isolation.refuse(host)
    with connected(outputs, limits) as hosts:
        if not confirmed:
            confirm(stack, host, outputs["hosts"][host]["address"], hosts)
        wait(stack, host, hosts)


def main(host: Annotated[str, typer.Argument(help="one of the pair")] = "") -> None:
    """Confirm that a host of the pair of stack $STACK (default: dev) is dead."""
    back = f"when {host} is back: make repair, which lets it in again"
    try:
        run(host)
    except RefusedError as error:
        typer.echo(f"confirm-dead: {error}; nothing was changed", err=True)
        raise typer.Exit(2) from None
    except StackError as error:
        typer.echo(f"confirm-dead: {error}", err=True)
        raise typer.Exit(2) from None
    except (HostError, StoppedError, cloud.CloudError) as error:
        typer.echo(f"confirm-dead: {error}; make confirm-dead HOST={host} goes on; {back}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"confirm-dead: the datasource node runs; {back}")


if __name__ == "__main__":
    typer.run(main)
