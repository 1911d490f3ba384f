"""Where each secret may be on the hosts: docs/security.md, "Where secrets are", as an exact table."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.acceptance.support.searcher import Hit

CONGRESS_HOSTS = {"datasource-node", "policy-engine"}
# The folder of an instance has its server's id as name.
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CLOUD_INIT = "/var/lib/cloud/instances/ID"
# Secret, file (or other source), owner, mode.
Location = tuple[str, str, str, str]

DIFFERENT = (
    "if a host may have the secret, add it to tests/acceptance/support/secret_locations.py and to docs/security.md, "
    "Where secrets are"
)
# Role -> location of its certificate's key; HOST is the name of the host.
CERTIFICATES: dict[str, Location] = {
    "load-balancer": ("endpoint-key", "/etc/haproxy/endpoint.pem", "root:root", "0600"),
    "database": ("HOST-key", "/etc/mysql/congress.pem", "root:mysql", "0640"),
    "messaging": ("HOST-key", "/etc/rabbitmq/congress.pem", "root:rabbitmq", "0640"),
}
# Role -> location of the secret that its hosts share, where it has several.
OF_SEVERAL: dict[str, Location] = {
    "messaging": ("messaging-cookie", "/var/lib/rabbitmq/.erlang.cookie", "rabbitmq:rabbitmq", "0400"),
}


def allowed(host: str, role: str, login: str, number: int) -> set[Location]:
    """All locations that a host may have.

    `login`: the secret with which engines check the tokens of their callers. `number`: of the role's hosts.
    """
    key = f"{host}-host-key"
    locations = {
        (key, "/etc/ssh/ssh_host_ed25519_key", "root:root", "0600"),
        # cloud-init's copies of the user_data.
        (key, f"{CLOUD_INIT}/user-data.txt", "root:root", "0600"),
        (key, f"{CLOUD_INIT}/user-data.txt.i", "root:root", "0600"),
        (key, f"{CLOUD_INIT}/cloud-config.txt", "root:root", "0600"),
        (key, f"{CLOUD_INIT}/obj.pkl", "root:root", "0400"),
        # It returns the user_data too.
        (key, "the metadata service, asked by root", "", ""),
        # The host itself blocks all other users from it.
        ("", "the metadata service, asked by nobody: no answer", "", ""),
    }
    if role in CERTIFICATES:
        secret, path, owner, mode = CERTIFICATES[role]
        locations.add((secret.replace("HOST", host), path, owner, mode))
    if number > 1 and role in OF_SEVERAL:
        locations.add(OF_SEVERAL[role])
    if role in CONGRESS_HOSTS:
        configuration = ("/etc/congress/congress.conf", "root:congress", "0640")
        locations |= {(name, *configuration) for name in ("database-password", "messaging-password", login)}
        locations |= {("encryption-key", "/etc/congress/keys/aes_key", "congress:congress", "0600")}
    if role == "database" and number > 1:
        locations |= {
            ("database-cluster-key", "/etc/corosync/authkey", "root:root", "0400"),
            ("database-fencing", "/etc/congress-ha/fencing.json", "root:root", "0600"),
            ("database-replication-password", "/etc/congress-ha/database.json", "root:root", "0600"),
            ("database-replication-password", "/var/lib/mysql/master.info", "mysql:mysql", "0660"),
        }
    if role == "datasource-node":
        locations |= {
            ("fencing", "/etc/congress-ha/fencing.json", "root:root", "0600"),
            ("datasource-node-cluster-key", "/etc/corosync/authkey", "root:root", "0400"),
        }
    return locations


def locations_of(hits: Iterable[Hit]) -> set[Location]:
    return {(hit["secret"], ID.sub("ID", hit["location"]), hit["owner"], hit["mode"]) for hit in hits}


def report(host: str, hits: Iterable[Hit], wrong: Iterable[Location]) -> list[str]:
    """A line for each wrong location, with the forms in which the secret was found there, if any."""
    forms: dict[Location, set[str]] = {}
    for hit in hits:
        (location,) = locations_of([hit])
        forms.setdefault(location, set()).add(hit["form"])
    return [
        f"{host}: {secret} in {where} {owner} {mode}: "
        + (f"found ({'; '.join(sorted(forms[location]))})" if location in forms else "not found")
        for location in sorted(wrong)
        for secret, where, owner, mode in [location]
    ]
