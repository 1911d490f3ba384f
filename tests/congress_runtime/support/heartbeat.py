"""Runs in Congress's virtual environment: Congress's own control bus; the bus refuses the second heartbeat.

With the argument `upstream`: without patches.heartbeat. Prints the number of heartbeats until the fifth, or until the
heartbeat ends.
"""

import sys
from types import SimpleNamespace

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
import eventlet
from congress.dse2.control_bus import DseNodeControlBus
from congress_runtime.patches import heartbeat

beats: list[int] = []


def broadcast(*_: object) -> None:
    beats.append(len(beats))
    if len(beats) == 2:
        raise RuntimeError("refused")


def main() -> None:
    if sys.argv[1:] != ["upstream"]:
        heartbeat.apply()
    bus = DseNodeControlBus.__new__(DseNodeControlBus)
    bus.service_id, bus.HEARTBEAT_INTERVAL, bus._running = "_control_bus", 0, True  # noqa: SLF001
    bus.node = SimpleNamespace(
        get_services=lambda *_: [],
        subscriptions={},
        broadcast_service_rpc=broadcast,
        _update_tables_with_subscriber=lambda: None,
    )
    loop = eventlet.spawn(bus._heartbeat_loop)  # noqa: SLF001
    while len(beats) < 5 and not loop.dead:
        eventlet.sleep(0)
    print(len(beats))


main()
