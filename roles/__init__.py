"""The roles of hosts: one object each, in one table, which firewall, inventory, settings and the operator's tools read.

To add one: an entry in `table`, a module in components/, a folder in templates/.
"""

from roles.probes import CONFIGURATION
from roles.role import NODE_ID, Opening, Probe, Role
from roles.table import (
    AGENT_CHECK,
    AMQPS,
    API,
    BASTION,
    COROSYNC,
    DATABASE,
    DATASOURCE_NODE,
    ENGINE_STATE,
    LOAD_BALANCER,
    MESSAGING,
    POLICY_ENGINE,
    ROLES,
    SSH,
)

__all__ = [
    "AGENT_CHECK",
    "AMQPS",
    "API",
    "BASTION",
    "CONFIGURATION",
    "COROSYNC",
    "DATABASE",
    "DATASOURCE_NODE",
    "ENGINE_STATE",
    "LOAD_BALANCER",
    "MESSAGING",
    "NODE_ID",
    "POLICY_ENGINE",
    "ROLES",
    "SSH",
    "Opening",
    "Probe",
    "Role",
    "by_name",
]


def by_name(name: str) -> Role:
    """The role of that name, as the outputs of a stack have it. Raises KeyError."""
    return {role.name: role for role in ROLES}[name]
