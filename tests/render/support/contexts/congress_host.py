"""Congress's software and configuration, on a host that runs its nodes."""

from __future__ import annotations

import json

from components.congress_host import MODULES
from components.database import TIMEOUTS, tls
from components.foundation.authority import CA_FILE
from components.foundation.host import package_environment
from components.keystone import keystone_options
from components.preflight.identity import Identity
from settings import Guest
from tests.render.support.contexts.common import CANARY, CERTIFICATE, GUEST, PASSWORD

ENCRYPTION_KEY = f"{CANARY}EncryptionKey0123456789-_abcdefghijk="
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
SOFTWARE = {
    name: {"environment": dict(package_environment(guest)), "modules": MODULES}
    for name, guest in (("plain", Guest()), ("mirrors", GUEST))
}
