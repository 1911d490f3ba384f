"""RabbitMQ: on one host, or a cluster of three."""

from __future__ import annotations

from components.foundation.authority import CA_FILE
from tests.render.support.contexts.common import CERTIFICATE, IDENTITY, PASSWORD

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
