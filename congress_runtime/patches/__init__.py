"""Patches of Congress: each module fixes one flaw of upstream, by its function `apply`. README.md lists them.

PATCHES says which processes need which patches. A patch takes effect when `apply` is called, not when it is imported.
The only exception is `removed_names`, which Congress's own modules need while they are imported.
"""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

# Every process that connects to the message bus: nodes and probes.
BUS = "bus"
NODE = "node"
DATASOURCE_NODE = "datasource node"
# A datasource node does not import these, because it starts during each failover.
ENGINE = "policy engine"

PATCHES: Mapping[str, tuple[str, ...]] = {
    BUS: ("bus_certificate", "bus_host_names", "bus_silence"),
    NODE: (
        "request_log",
        "database_connections",
        "datasource_answers",
        "heartbeat",
        "large_json",
        "row_requests",
    ),
    DATASOURCE_NODE: (
        "actions",
        "drivers",
        "isolation",
        "polls",
        "publish",
        "push_order",
        "stop",
        "unpolled_tables",
    ),
    ENGINE: (
        "action_requests",
        "backlog",
        "dependency_graph",
        "evaluation",
        "evaluation_triggers",
        "evaluation_undone",
        "keystone_context",
        "policy_changes",
        "policy_deletion",
        "rows",
        "rule_differences",
        "rule_insert",
        "subscriptions",
        "table_names",
    ),
    # Applied when a datasource node first uses the driver.
    "driver monasca_webhook": ("monasca_webhook",),
    "driver nova": ("nova_pages",),
    "driver vitrage": ("vitrage_stop", "vitrage_webhook"),
}


def load(*users: str) -> list[ModuleType]:
    """Import the patches for these keys of PATCHES, without applying them."""
    return [import_module(f"{__name__}.{name}") for user in users for name in PATCHES.get(user, ())]


def apply(*users: str) -> None:
    """Apply the patches for these keys of PATCHES; a key without patches is allowed."""
    for patch in load(*users):
        patch.apply()
