"""What the components pass to the templates, for the cases in which templates are validated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from components.congress_host import MODULES
from components.database import PRIVILEGES, TIMEOUTS, max_connections, tls
from components.database_cluster import PRIVILEGES as REPLICA_PRIVILEGES
from components.fencing import credential_login, password_login
from components.foundation.authority import CA_FILE
from components.foundation.host import package_environment
from components.keystone import keystone_options
from components.policies import MODULES as POLICY_MODULES
from components.policy_engines import placements
from components.preflight.identity import Identity
from policy_code.on_host import COMMAND, LIBRARY, RECORD
from settings import DatasourceNode, FencingLogin, Guest, PolicyEngines
from tests.support.deployer import LOGIN

# Every secret begins with this text, so that a test can search for all of them.
CANARY = "Canary"
PASSWORD = f"{CANARY}Password0123456789abcdefghij"
ENCRYPTION_KEY = f"{CANARY}EncryptionKey0123456789-_abcdefghijk="
AUTHKEY = CANARY + "Q" * 249  # corosync takes 128 to 4096 bytes
PRIVATE_KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}PrivateKey\n-----END OPENSSH PRIVATE KEY-----\n"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHostHostHostHostHostHostHostHostHostHostHost"
DEPLOYER_KEYS = [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{word * 11}" for word in ("Depl", "Next")]
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB'\"$`\\\n-----END CERTIFICATE-----\n"
IDENTITY = f"{CERTIFICATE}{PRIVATE_KEY}"


GUEST = Guest.model_validate_json(
    json.dumps(
        {
            "aptMirror": "http://mirror.example/debian",
            "aptSecurityMirror": "http://mirror.example/debian-security",
            "aptProxy": "http://user:pass@proxy.example:3128",
            "pipIndexUrl": "https://user:it%27s@pypi.example/simple?a=1&b=$HOME",
            "pipExtraIndexUrl": "https://pypi.example/more",
            "pipProxy": "http://proxy.example:3128",
        }
    )
)
MEMBERS = [
    {"id": index, "name": f"congress-dev-datasource-{index}", "address": f"10.20.0.1{index}"}
    for index in (1, 2)
]
SERVERS = {str(member["name"]): f"b1f2c3d4-0000-4000-8000-00000000000{member['id']}" for member in MEMBERS}
FENCING_LOGIN = {"username": "fencer", "password": PASSWORD, "project": "congress"}
CONGRESS = {
    "transport_url": f"rabbit://congress:{PASSWORD}@10.20.0.6:5671",
    "connection": f"mysql+pymysql://congress:{PASSWORD}@10.20.0.5/congress?charset=utf8&{TIMEOUTS}&{tls(CA_FILE)}",
    "encryption_key": ENCRYPTION_KEY,
    "sync_period": 5,
    "evaluation_limit": 60,
    "authtoken": None,
    "bus_is_cluster": False,
    "authority": CERTIFICATE,
    "ca_file": CA_FILE,
    "bus_ca_file": CA_FILE,
    "more_authorities": {},
}
AUTHTOKEN = {
    **keystone_options(Identity("https://cloud.example:5000/v3", "RegionOne", "public")),
    "username": "congress",
    "password": f"{CANARY} '$x' $$ \\n %(y)s #;=\"",
    "user_domain_name": "Default",
    "project_name": "service",
    "project_domain_name": "Default",
}
BUS_CA = "/etc/congress-ha/messaging-ca.pem"
AUTHENTICATIONS = {
    "noauth": CONGRESS,
    "keystone": {**CONGRESS, "authtoken": AUTHTOKEN},
    "external bus": {
        **CONGRESS,
        "bus_is_cluster": True,
        "bus_ca_file": BUS_CA,
        "more_authorities": {BUS_CA: CERTIFICATE},
    },
}
EXTERNAL_BUS = {
    "ca": CERTIFICATE,
    "ca_file": BUS_CA,
    "program": "messaging/check_bus.py",
    "installed": "/usr/local/lib/congress-ha/check_bus.py",
    "request": json.dumps({"brokers": [["mq1.example.org", 5671]], "password": f"{PASSWORD}'$x`"}),
    "place": "mq1.example.org:5671",
    "seconds": 240,
}
DATABASE = {
    "database": "congress",
    "user": "congress",
    "password": PASSWORD,
    "clients": "10.20.0.0/24",
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
MESSAGING = {
    "user": "congress",
    "password": PASSWORD,
    "address": "10.20.0.6",
    "port": 5671,
    "identity": IDENTITY,
    "authority": CERTIFICATE,
    "ca_file": CA_FILE,
    "members": [],
    "virtual_host": "/",
}
BUS_MEMBERS = ["10.20.0.6", "10.20.0.7", "10.20.0.9"]
BUS_CLUSTER = {**MESSAGING, "members": BUS_MEMBERS, "virtual_host": "congress", "cookie": PASSWORD}
COROSYNC_OF_DATABASE = {
    "members": DATABASE_NODES,
    "port": 5405,
    "token": 1,
    "authkey": AUTHKEY,
    "hidden": (),
}
CLUSTER = {"members": MEMBERS, "port": 5405, "token": 1, "authkey": AUTHKEY, "hidden": ("/home", "/root")}
ENGINE = {
    "node_id": "policy-engine-1",
    "address": "10.20.0.21",
    "port": 1789,
    "agent_port": 1889,
    "state_port": 8405,
    "balanced_outside": False,
    "drain_limit": 30,
    "per_host": 2,
    "on_this_host": ["policy-engine-1", "policy-engine-10"],
    "congress": "0a1b-2c3d",
}
REACHABLE = {
    "host": "congress-dev-database",
    "address": "10.20.0.5",
    "host_key": f"{HOST_KEY} comment",
    "server": "6f70",
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


def load_balancer(count: int, per_host: int = 1) -> dict[str, Any]:
    engines = placements(PolicyEngines(count=count, per_host=per_host))
    addresses = {
        name: f"10.20.0.{20 + i}" for i, name in enumerate(dict.fromkeys(e.host for e in engines), 1)
    }
    servers = [
        {
            "id": index,
            "node_id": engine.node_id,
            "address": addresses[engine.host],
            "port": engine.port,
            "agent_port": engine.agent_port,
        }
        for index, engine in enumerate(engines, 1)
    ]
    return {
        "name": "load-balancer",
        "servers": servers,
        "address": "10.20.0.4",
        "virtual_address": "",
        "port": 1789,
        "state_port": 8405,
        "peers": [{"name": "load-balancer", "address": "127.0.0.1"}],
        "peer_port": 8406,
        "reached_at": "203.0.113.8",
        "identity": IDENTITY,
        "steps_aside": False,
    }


def of_a_pair(number: int) -> dict[str, Any]:
    """The first or second load balancer of two."""
    peers = [
        {"name": "load-balancer", "address": "10.20.0.4"},
        {"name": "load-balancer-2", "address": "10.20.0.7"},
    ]
    return {
        **load_balancer(2),
        **peers[number - 1],
        "other": peers[2 - number],
        "virtual_address": "10.20.0.8",
        "peers": peers,
        "steps_aside": number > 1,
    }


def user_data(*, bastion: bool, guest: Guest, certificates: list[str]) -> dict[str, Any]:
    return {
        "user": "deployer",
        "hostname": "congress-dev-bastion" if bastion else "congress-dev-database",
        "is_bastion": bastion,
        "guest": guest,
        "certificates": certificates,
        "host_private_key": PRIVATE_KEY,
        "host_public_key": HOST_KEY,
        "deployer_public_keys": DEPLOYER_KEYS,
    }


HOSTS = {"bastion": "203.0.113.7", "database": "10.20.0.5", "policy-engine-host-1": "10.20.0.21"}
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
            probed=[["10.20.0.5", 22], ["10.20.0.6", 22]],
        ),
    },
    "fence_openstack": {
        "servers": SERVERS,
        "login": password_login(LOGIN, FencingLogin.model_validate_json(json.dumps(FENCING_LOGIN))),
    },
}
LOAD_BALANCERS = {
    **{f"{count}-engines": load_balancer(count) for count in (2, 3, 10)},
    "3-engines-on-2-hosts": load_balancer(3, per_host=2),
    **(PAIRED := {f"{name}-of-two": of_a_pair(number) for number, name in ((1, "first"), (2, "second"))}),
}
USER_DATA = {
    "plain": user_data(bastion=False, guest=Guest(), certificates=[]),
    "everything": user_data(bastion=False, guest=GUEST, certificates=[CERTIFICATE, CERTIFICATE.strip()]),
    "bastion": user_data(bastion=True, guest=Guest(), certificates=[]),
    "bastion-everything": user_data(bastion=True, guest=GUEST, certificates=[CERTIFICATE]),
}
HARDENING = {
    name: {
        "hostname": "congress-dev-database",
        "user": "deployer",
        "deployer_public_keys": DEPLOYER_KEYS,
        "security_upgrades": upgrades,
    }
    for name, upgrades in (("upgrades", True), ("no-upgrades", False))
}
ENGINES = {
    "first": ENGINE,
    "tenth": {**ENGINE, "node_id": "policy-engine-10", "port": 1798},
    "balanced outside": {**ENGINE, "balanced_outside": True, "state_port": 1789},
}
SOFTWARE = {
    name: {"environment": dict(package_environment(guest)), "modules": MODULES}
    for name, guest in (("plain", Guest()), ("mirrors", GUEST))
}
POLICIES = {
    "modules": POLICY_MODULES,
    "library": LIBRARY,
    "command": COMMAND,
    "record": RECORD,
    "request": json.dumps(
        {"do": "apply", "secrets": {"congress-password": f"{PASSWORD}'\"$(id)\nEND_OF_REQUEST"}}
    ),
    "declaration": json.dumps({"datasources": {}, "policies": {}}, indent=1),
}
