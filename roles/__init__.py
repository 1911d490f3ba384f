"""The roles of hosts: one object each, in one table. Firewall, inventory, settings and the operator's commands read it.

CONTRIBUTING.md says how to add a role.
"""

from roles.role import NODE_ID, Opening, Protocol, Role
from roles.table import (
    AGENT_CHECK,
    AMQPS,
    API,
    BASTION,
    CONFIGURATION,
    COROSYNC,
    DATABASE,
    DATASOURCE_NODE,
    ENGINE_STATE,
    LOAD_BALANCER,
    MESSAGING,
    MYSQL,
    POLICY_ENGINE,
    ROLES,
    SSH,
    STICKY_CLIENTS,
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
    "MYSQL",
    "NODE_ID",
    "POLICY_ENGINE",
    "ROLES",
    "SSH",
    "STICKY_CLIENTS",
    "Opening",
    "Protocol",
    "Role",
    "by_name",
]


def by_name(name: str) -> Role:
    """The role with this name, which is also in the outputs of a stack. Raises KeyError."""
    return {role.name: role for role in ROLES}[name]
