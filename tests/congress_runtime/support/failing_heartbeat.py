"""Run by the Python that Congress is installed in: Congress's own control bus, whose second beat the bus refuses.

`upstream` as argument: without patches.heartbeat. Prints how many beats there were in the time of many.
"""

import sys
from types import SimpleNamespace

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
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
