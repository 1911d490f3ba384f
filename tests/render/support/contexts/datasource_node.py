"""The Pacemaker pair, its datasource node and fence devices, and the members of the database's cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from components.fencing import credential_login, password_login
from settings import DatasourceNode, FencingLogin
from tests.render.support.contexts.common import CANARY, PASSWORD
from tests.render.support.contexts.database import DATABASE_NODES
from tests.support.deployer import LOGIN

AUTHKEY = CANARY + "Q" * 249  # corosync takes 128 to 4096 bytes
MEMBERS = [
    {"id": index, "name": f"congress-dev-datasource-{index}", "address": f"10.20.0.1{index}"}
    for index in (1, 2)
]
SERVERS = {str(member["name"]): f"b1f2c3d4-0000-4000-8000-00000000000{member['id']}" for member in MEMBERS}
FENCING_LOGIN = {"username": "fencer", "password": PASSWORD, "project": "congress"}
CLUSTER = {"members": MEMBERS, "port": 5405, "token": 1, "authkey": AUTHKEY, "hidden": ("/home", "/root")}
COROSYNC_OF_DATABASE = {
    "members": DATABASE_NODES,
    "port": 5405,
    "token": 1,
    "authkey": AUTHKEY,
    "hidden": (),
}


def ds_node(**chosen: Any) -> dict[str, Any]:
    """Context of the primitive for settings as a user writes them."""
    node = DatasourceNode.model_validate_json(json.dumps(chosen))
    devices = {} if node.fencing == "none" else SERVERS
    return {
        **node.model_dump(),
        "members": MEMBERS,
        "devices": devices,
        "congress": ["0a1b-2c3d", "0a1b-2c3e"],
        "cluster_since": ["1764081500.123", "1764081500.124"],
        "files_since": ["1764081600.123", "1764081600.124"],
    }


DS_NODES = {
    "defaults": ds_node(),
    "everything": ds_node(
        nodeId="ds.Node_2-a",
        monitorInterval="10s",
        monitorTimeout="1min",
        binary="/opt/congress/bin/congress-server",
        additionalParameters="--debug --log-file=/var/log/congress,ds.log",
        config="/etc/congress/datasource-node.conf",
        fencing="fence_openstack",
        fencingLogin=FENCING_LOGIN,
    ),
    "unfenced": ds_node(fencing="none"),
}
AGENTS = {
    name: {
        "host": "datasource-2",
        "config": resource["config"],
        "config_sha256": sha256(b"congress.conf").hexdigest(),
        "resource": resource,
    }
    for name, resource in DS_NODES.items()
}
FENCING: Mapping[str, Mapping[str, Any]] = {
    "openstack": {
        "login": credential_login(
            LOGIN,
            "the-id",
            f"{CANARY}Secret'\"$`",
            SERVERS,
            addresses={host: f"10.20.0.{number}" for number, host in enumerate(SERVERS, 11)},
            group="the-group",
            probe_group="the-bastion-s-group",
            probed={
                "database": {"addresses": ["10.20.0.5"], "closed": 22, "open": 3306},
                "messaging": {"addresses": ["10.20.0.6"], "closed": 22, "open": 5671},
            },
        ),
    },
    "fence_openstack": {
        "servers": SERVERS,
        "login": password_login(LOGIN, FencingLogin.model_validate_json(json.dumps(FENCING_LOGIN))),
    },
}
