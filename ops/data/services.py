"""Stops and starts everything that writes into the database, in the document's order, and checks that it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ops.common.progress import Progress
from ops.ssh.commands import Hosts
from ops.stack.outputs import Stack

# Stopped through Pacemaker, which would restart the node otherwise. Without target-role a resource is started.
STOP_NODE = """\
crm_resource --resource ds-node --meta --set-parameter target-role --parameter-value Stopped
stopped() { crm_resource --resource ds-node --locate 2>&1 | grep -q 'NOT running'; }
for _ in {1..200}; do stopped && exit; sleep 0.3; done
echo "Pacemaker does not stop the datasource node: $(crm_mon -1 2>&1 | grep -A 3 ds-node | tr '\\n' ' ')" >&2; exit 1"""
START_NODE = """\
crm_resource --resource ds-node --meta --delete-parameter target-role
crm_resource --cleanup --resource ds-node > /dev/null 2>&1
probe=congress_runtime.probes.datasource_node
# A host that an older version deployed: restore works there, too.
[ -e /opt/congress/lib/python3*/site-packages/congress_runtime ] || probe=datasource_node_probe
serves() { out=$(timeout 20 /opt/congress/bin/python -m $probe 2>&1); }
for _ in {1..60}; do serves && exit; sleep 0.3; done
echo "the datasource node does not serve the bus: $out" >&2; exit 1"""
# Health check, then the engine's rows, then the load balancer: as in templates/policy_engines/engine.sh.j2.
START_ENGINE = """\
systemctl start {unit}
answers() {{ curl -sf -m 5 -o /dev/null {url}/health; }}
for _ in {{1..100}}; do answers && break; sleep 0.3; done
answers || {{ echo "{node_id} does not answer at {url}" >&2; exit 1; }}
loads() {{ curl -sf -m 5 {url}/health | grep '^loading ' > /dev/null; }}
for _ in {{1..250}}; do loads || break; sleep 0.3; done
answer=$(runuser -u congress -- /usr/local/bin/congress-drain back {node_id} 60) \\
  || {{ echo "the load balancer does not take it back: $answer" >&2; exit 1; }}"""
# Seconds; longer than the scripts themselves may take: two minutes of pauses, and their requests.
LIMIT = 900


def nothing() -> None: ...


@dataclass(frozen=True)
class Services:
    """`member`: the host of the pair on which Pacemaker's commands run.

    `may_start`: raises HostError if no service may start.
    """

    hosts: Hosts
    stack: Stack
    member: str
    progress: Progress
    may_start: Callable[[], None] = nothing

    def stop(self) -> None:
        """Stop the engines, then the datasource node, which they use. Raises HostError."""
        for engine in self.stack.engines:
            self.progress.begin(f"stopping {engine.node_id}")
            self.hosts.run(engine.host, f"systemctl stop {unit(engine.node_id)}", timeout=LIMIT)
        self.progress.begin("stopping the datasource node")
        self.hosts.run(self.member, STOP_NODE, timeout=LIMIT)

    def start(self) -> None:
        """Start the datasource node, then the engines one by one, each after the one before it serves clients.

        Raises HostError.
        """
        self.progress.begin("starting the datasource node")
        self.may_start()
        self.hosts.run(self.member, START_NODE, timeout=LIMIT)
        for engine in self.stack.engines:
            self.progress.begin(f"starting {engine.node_id}")
            # Each start may take minutes.
            self.may_start()
            text = START_ENGINE.format(unit=unit(engine.node_id), url=engine.url, node_id=engine.node_id)
            self.hosts.run(engine.host, text, timeout=LIMIT)


def unit(node_id: str) -> str:
    return f"congress-policy-engine@{node_id}.service"
