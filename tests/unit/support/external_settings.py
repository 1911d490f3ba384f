"""Settings of external services, and wrong ones, each with what its error must say."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.support.certificates import authority

CA = authority("of the external services").pem
_FOLDER = tempfile.TemporaryDirectory(prefix="congress-ha-external-")
CA_FILE = Path(_FOLDER.name, "ca.pem")
CA_FILE.write_text(CA)
# With characters that have a meaning in URLs, in configuration files and in shells.
PASSWORD = "CANARY-external: @/%$'\"\\ß"
LOGIN = {"user": "con@gress", "password": PASSWORD, "ca": str(CA_FILE)}
DATABASE: dict[str, Any] = {"host": "db.example.org", **LOGIN}
MESSAGING: dict[str, Any] = {
    "hosts": [{"host": "mq1.example.org"}, {"host": "192.0.2.7", "port": 5673}],
    "vhost": "con/gress",
    **LOGIN,
}
LOAD_BALANCER: dict[str, Any] = {
    "endpoint": "https://congress.example.org:1789/",
    "cidrs": ["192.0.2.64/28"],
    "ca": str(CA_FILE),
}
ALL: dict[str, Any] = {
    "database": {"external": DATABASE},
    "messaging": {"external": MESSAGING},
    "loadBalancer": {"external": LOAD_BALANCER},
}
NOT_OURS = "change it at the service, then pulumi config set --secret --path"


def without(section: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name != key}


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"database": {"external": without(DATABASE, "password")}},
        ["congress-ha:database.external.password: is missing", "--secret --path"],
    ),
    (
        {"database": {"external": without(DATABASE, "ca")}},
        ["congress-ha:database.external.ca: is missing", "authority of its certificate"],
    ),
    *(
        (
            {"database": {"external": {**DATABASE, "host": host}}},
            ["congress-ha:database.external.host", "db.example.org"],
        )
        for host in ("", "DB.example.org", "db.example.org:3306", "192.0.2.256", "192.0.2.7/32", "-a")
    ),
    (
        {"database": {"external": {**DATABASE, "name": "con`gress"}}},
        ["congress-ha:database.external.name", "pattern"],
    ),
    ({"database": {"external": {**DATABASE, "port": 0}}}, ["congress-ha:database.external.port", "is 0"]),
    (
        {"database": {"external": {**DATABASE, "ca": "/does/not/exist.pem"}}},
        ["congress-ha:database.external.ca", "/does/not/exist.pem"],
    ),
    (
        {"database": {"external": DATABASE}, "rotation": {"database": 2}},
        ["rotation.database: the service is external", NOT_OURS, "database.external.password"],
    ),
    (
        {"messaging": {"external": {**MESSAGING, "hosts": []}}},
        ["congress-ha:messaging.external.hosts", "mq1.example.org"],
    ),
    (
        {"messaging": {"external": {**MESSAGING, "hosts": [{"host": "mq1.example.org"}] * 2}}},
        ["congress-ha:messaging.external.hosts", "mq1.example.org:5671 is listed twice"],
    ),
    (
        {"messaging": {"external": MESSAGING, "hosts": 3}},
        ["messaging.hosts: the service is external", "remove messaging.hosts"],
    ),
    (
        {"messaging": {"external": MESSAGING}, "rotation": {"messaging": 2}},
        ["rotation.messaging: the service is external", NOT_OURS, "messaging.external.password"],
    ),
    (
        {"loadBalancer": {"external": without(LOAD_BALANCER, "cidrs")}},
        ["congress-ha:loadBalancer.external.cidrs: is missing", "reaches the engines"],
    ),
    (
        {"loadBalancer": {"external": {**LOAD_BALANCER, "endpoint": "http://congress.example.org"}}},
        ["congress-ha:loadBalancer.external.endpoint", "it takes https://"],
    ),
    (
        {"loadBalancer": {"external": LOAD_BALANCER, "hosts": 2}},
        ["loadBalancer.hosts: the service is external", "remove loadBalancer.hosts"],
    ),
    (
        {"loadBalancer": {"external": LOAD_BALANCER}, "tls": {"endpointName": "congress.example.org"}},
        ["tls: the service is external", "remove tls"],
    ),
]
