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

from tools import admission, cloud
from tools.facts import Cluster, Facts
from tools.hosts import HostError, Hosts, connected
from tools.leaving import MOVES, ds_node, view_of, wait_for
from tools.limits import Limits
from tools.refusal import member, other_of_the_pair
from tools.stack import Stack, StackError, parse, read_outputs
from tools.state import read_state
from tools.status import look_at

PAIR = "datasource-node"
# Who has to refuse it, by role.
GUARDS = ("messaging", "database")
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
    if seen is None or not seen.unclean:
        return f"{other} does not wait for the end of {host}: nothing is to be confirmed (make status)"
    return None


def confirm(stack: Stack, host: str, address: str, hosts: Hosts) -> None:
    """Raises HostError."""
    for guard in (name for name, known in stack.hosts.items() if known.role in GUARDS):
        typer.echo(f"confirm-dead: until {guard} has heard nothing of {host} for {QUIET} s")
        hosts.run(guard, REFUSES.format(address=address, quiet=QUIET, limit=LIMIT), timeout=2 * LIMIT)
    other, server = other_of_the_pair(stack, host), stack.hosts[host].server
    hosts.run(other, f"stonith_admin --confirm {server}")

    def runs() -> bool:
        node = ds_node(view_of(hosts, other))
        return node is not None and node.started and node.nodes == (stack.hosts[other].server,)

    wait_for(f"the datasource node runs on {other}", MOVES, runs)


def main(host: Annotated[str, typer.Argument(help="one of the pair")] = "") -> None:
    """Confirm that a host of the pair of stack $STACK (default: dev) is dead."""
    limits = Limits.here()
    try:
        outputs = read_outputs()
        stack = parse(os.environ.get("STACK", "dev"), outputs)
        if reason := refusal(stack, look_at(stack, outputs, limits), host):
            typer.echo(f"confirm-dead: {reason}; nothing was changed", err=True)
            raise typer.Exit(2)
        cloud.refuse_another(stack.scope or read_state().scope)
        typer.echo(f"confirm-dead: takes {host} out of its security groups: bus and database refuse it")
        admission.refuse(host)
        with connected(outputs, limits) as hosts:
            confirm(stack, host, outputs["hosts"][host]["address"], hosts)
    except StackError as error:
        typer.echo(f"confirm-dead: {error}", err=True)
        raise typer.Exit(2) from None
    except (HostError, cloud.CloudError) as error:
        typer.echo(f"confirm-dead: {error}; make confirm-dead HOST={host} goes on", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        f"confirm-dead: the datasource node runs; when {host} is back: make repair, which lets it in again"
    )


if __name__ == "__main__":
    typer.run(main)
