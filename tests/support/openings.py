"""Who may reach whom. This repeats roles/table.py on purpose, so that a wrong entry there is noticed.

The addresses are those of the settings in tests/unit.
"""

from __future__ import annotations

from roles import ROLES

# To, protocol, first port, last port, from.
Opening = tuple[str, str, int, int, str]

NAMES = tuple(role.name for role in ROLES)
OPENINGS: set[Opening] = {
    ("bastion", "tcp", 22, 22, "192.0.2.0/28"),
    *((name, "tcp", 22, 22, "bastion") for name in NAMES if name != "bastion"),
    ("database", "tcp", 3306, 3306, "datasource-node"),
    ("database", "tcp", 3306, 3306, "policy-engine"),
    ("messaging", "tcp", 5671, 5671, "datasource-node"),
    ("messaging", "tcp", 5671, 5671, "policy-engine"),
    ("datasource-node", "udp", 5405, 5405, "datasource-node"),
    ("policy-engine", "tcp", 1789, 1789, "load-balancer"),
    ("policy-engine", "tcp", 1889, 1889, "load-balancer"),
    ("load-balancer", "tcp", 8405, 8405, "policy-engine"),
    ("load-balancer", "tcp", 1789, 1789, "198.51.100.0/24"),
}
# In addition, with two load balancers. VRRP has no ports.
OF_TWO_LOAD_BALANCERS: set[Opening] = {
    ("load-balancer", "tcp", 8406, 8406, "load-balancer"),
    ("load-balancer", "vrrp", 0, 0, "load-balancer"),
}
# In addition, with three hosts of the message bus.
OF_THREE_BROKERS: set[Opening] = {
    ("messaging", "tcp", 4369, 4369, "messaging"),
    ("messaging", "tcp", 25672, 25672, "messaging"),
    ("messaging", "tcp", 35672, 35682, "messaging"),
}
# In addition, with three hosts of the database.
OF_THREE_DATABASES: set[Opening] = {
    ("database", "tcp", 3306, 3306, "database"),
    ("database", "udp", 5405, 5405, "database"),
}
DIFFERENT = "the openings of roles/table.py and of tests/support/openings.py differ: correct one of them"
