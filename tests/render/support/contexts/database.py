"""The database: on one host, or on three of which one is the writer."""

from __future__ import annotations

from components.database import PRIVILEGES, max_connections
from components.database_cluster import PRIVILEGES as REPLICA_PRIVILEGES
from components.foundation.authority import CA_FILE
from tests.render.support.contexts.common import CERTIFICATE, IDENTITY, PASSWORD

DATABASE = {
    "database": "congress",
    "user": "congress",
    "password": PASSWORD,
    "clients": "10.20.0.0/24",
    "replica": "congress-replica",
    "privileges": PRIVILEGES,
    "address": "10.20.0.5",
    "identity": IDENTITY,
    "authority": CERTIFICATE,
    "ca_file": CA_FILE,
    "max_connections": max_connections(2),
}
DATABASE_MEMBERS: dict[str, list[str]] = {"one": [], "three": ["10.20.0.5", "10.20.0.8", "10.20.0.10"]}
DATABASE_NAMES = ["congress-dev-database", "congress-dev-database-2", "congress-dev-database-3"]
DATABASE_MEMBER = {
    **DATABASE,
    "members": ["10.20.0.5", "10.20.0.8", "10.20.0.10"],
    "nodes": DATABASE_NAMES,
    "virtual_address": "10.20.0.9",
    "name": DATABASE_NAMES[1],
    "replication": {"user": "congress-replica", "password": PASSWORD, "privileges": REPLICA_PRIVILEGES},
}
DATABASE_NODES = [
    {"id": index, "name": name, "address": address}
    for index, (name, address) in enumerate(
        zip(DATABASE_NAMES, ["10.20.0.5", "10.20.0.8", "10.20.0.10"], strict=True), 1
    )
]
DATABASE_CLUSTER = {
    "database": "congress",
    "user": "congress",
    "password": PASSWORD,
    "ca_file": CA_FILE,
    "virtual_address": "10.20.0.40",
    "members": DATABASE_NODES,
    "devices": {
        name: f"b1f2c3d4-0000-4000-8000-00000000001{index}" for index, name in enumerate(DATABASE_NAMES)
    },
    "cluster_since": ["1764081500.123", "1764081500.124", "1764081500.125"],
}
