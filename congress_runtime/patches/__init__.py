"""What mends upstream's flaws, one a module with a function `apply`; README.md lists them.

PATCHES tells where each is needed. Nothing takes effect by being imported but `removed_names`, which Congress's own
modules need while they are imported.
"""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

# Whatever connects to the message bus; nodes and probes.
BUS = "bus"
NODE = "node"
DATASOURCE_NODE = "datasource node"
# Not imported by a datasource node: its start is a part of each failover.
ENGINE = "policy engine"

PATCHES: Mapping[str, tuple[str, ...]] = {
    BUS: ("bus_certificate",),
    NODE: ("request_log", "datasource_answers", "heartbeat", "large_json", "row_requests"),
    DATASOURCE_NODE: ("drivers", "isolation", "polls", "publish", "stop"),
    ENGINE: (
        "backlog",
        "evaluation",
        "evaluation_triggers",
        "evaluation_undone",
        "keystone_context",
        "policy_changes",
        "rows",
        "rule_insert",
        "subscriptions",
        "table_names",
    ),
    # When a datasource node first uses the driver.
    "driver nova": ("nova_pages",),
    "driver vitrage": ("vitrage_stop",),
}


def load(*places: str) -> list[ModuleType]:
    """The modules of the patches for these places, imported and not armed."""
    return [import_module(f"{__name__}.{name}") for place in places for name in PATCHES.get(place, ())]


def apply(*places: str) -> None:
    for patch in load(*places):
        patch.apply()
