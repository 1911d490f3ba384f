#!/usr/bin/python3

"""congress-drain for a load balancer that is not the stack's, and which has no port that tells an engine's state.

The commands are those of congress_drain.py. STATE_PORT is the engine's own port here: instead of asking the load
balancer, `out` waits until it has asked the agent since the drain began, so that it knows of it, and until the engine
has no connection any more. `back` waits until it has asked again. A load balancer that does not ask the agent is not
waited for: it has to notice by itself that the engine is away.
"""

import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, "/usr/local/lib/congress-ha")

import congress_drain

ESTABLISHED = "01"
TABLE = Path("/proc/self/net/tcp")


class Engine(congress_drain.Engine):
    def __init__(self, node_id: str) -> None:
        super().__init__(node_id)
        self.began = time.time()

    def state(self, load_balancer: Path) -> congress_drain.State:
        knows = load_balancer.stat().st_mtime >= self.began
        drained = self.drained.exists()
        weight = 0 if drained == knows else 100
        port = urlsplit(load_balancer.read_text()).port or 0
        return congress_drain.State(up=True, weight=weight, requests=connections(TABLE.read_text(), port))


def connections(table: str, port: int) -> int:
    """How many connections others have to this port, by the kernel's table. The agent's own is not counted."""
    count = 0
    for line in table.splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        address, _, local_port = local.partition(":")
        count += int(local_port, 16) == port and state == ESTABLISHED and remote.partition(":")[0] != address
    return count


if __name__ == "__main__":
    congress_drain.Engine = Engine  # type: ignore[misc]  # its commands make one
    sys.exit(congress_drain.main(sys.argv[1:]))
