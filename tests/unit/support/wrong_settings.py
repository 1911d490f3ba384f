"""Changes of the smallest stack's settings. Each causes one error, and has the text that the error must contain."""

from __future__ import annotations

from typing import Any

from roles import ROLES
from tests.unit.support import external_settings
from tests.unit.support.parsing import parse
from tests.unit.support.recording import settings_with

HOSTS = sum(role.count(parse(settings_with())) for role in ROLES)
KEYSTONE_LOGIN = {"username": "congress", "password": "CANARY"}
WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"policyEngine": {}}, ["congress-ha:policyEngine: no such setting", "policyEngines"]),
    ({"policyEngines": {"number": 2}}, ["congress-ha:policyEngines.number: no such setting", "count"]),
    ({"policyEngines": {"count": 1}}, ["congress-ha:policyEngines.count", "2", "is 1", "pulumi config set"]),
    ({"policyEngines": {"count": "two"}}, ["congress-ha:policyEngines.count", "integer"]),
    ({"policyEngines": {"count": True}}, ["congress-ha:policyEngines.count", "integer"]),
    (
        {"policyEngines": {"count": 2, "perHost": 2}},
        ["congress-ha:policyEngines", "one fault would end them all"],
    ),
    (
        {"policyEngines": {"count": 3, "maxUnavailable": 3}},
        [
            "congress-ha:policyEngines",
            "maxUnavailable 3 would let a change stop all 3 engines",
            "maxUnavailable must be below count",
        ],
    ),
    (
        {"policyEngines": {"count": 2, "perHost": 2, "maxUnavailable": 2}},
        ["perHost must be below count; maxUnavailable 2", "maxUnavailable must be below count"],
    ),
    (
        {"policyEngines": {"maxUnavailable": 0}},
        ["congress-ha:policyEngines.maxUnavailable", "1", "is 0", "pulumi config set"],
    ),
    (
        {"loadBalancer": {"hosts": 3}},
        ["congress-ha:loadBalancer.hosts", "2", "is 3", "pulumi config set"],
    ),
    ({"loadBalancer": {"hosts": True}}, ["congress-ha:loadBalancer.hosts", "integer"]),
    (
        {"loadBalancer": {"hosts": 2}, "network": {"externalNetwork": "public", "cidr": "10.20.0.0/28"}},
        [f"too small for {HOSTS + 1} hosts"],
    ),
    ({"database": {"hosts": 2}}, ["congress-ha:database.hosts", "1", "3"]),
    (
        {"database": {"hosts": 3}, "datasourceNode": {"fencing": "none"}},
        ["database.hosts: 3 takes datasourceNode.fencing: openstack"],
    ),
    ({"messaging": {"hosts": 2}}, ["congress-ha:messaging.hosts", "1", "3"]),
    *external_settings.WRONG,
    ({"policyEngines": "two"}, ["congress-ha:policyEngines", "object"]),
    (
        {"datasourceNode": {"nodeId": "policy-engine-1"}},
        ["congress-ha:datasourceNode.nodeId", "choose another"],
    ),
    ({"datasourceNode": {"monitorInterval": "fast"}}, ["congress-ha:datasourceNode.monitorInterval", "30s"]),
    ({"datasourceNode": {"binary": "x; rm -rf /"}}, ["congress-ha:datasourceNode.binary"]),
    (
        {"datasourceNode": {"additionalParameters": '" op x'}},
        ["congress-ha:datasourceNode.additionalParameters"],
    ),
    ({"datasourceNode": {"config": "congress.conf"}}, ["congress-ha:datasourceNode.config"]),
    *(
        (
            {"datasourceNode": {"config": path}},
            ["congress-ha:datasourceNode.config", "name that ends in .conf"],
        )
        for path in (
            "/etc/passwd",
            "/etc/mysql/my.conf",
            "/etc/congress/../passwd.conf",
            "/etc/congress.conf",
            "/etc/congress/keys/aes_key",
            "/etc/congress/api-paste.ini",
            "/etc/congress/.conf/../../shadow.conf",
        )
    ),
    (
        {"datasourceNode": {"config": "/home/stack/congress.conf"}},
        ["congress-ha:datasourceNode.config", "cannot read files in /home; choose another path"],
    ),
    (
        {"datasourceNode": {"binary": "/opt/../tmp/bin/congress-server"}},
        ["congress-ha:datasourceNode.binary", "cannot read files in /tmp; choose another path"],
    ),
    (
        {"datasourceNode": {"fencing": "ipmi"}},
        ["congress-ha:datasourceNode.fencing", "'openstack'", "'none'"],
    ),
    (
        {"datasourceNode": {"fencing": "fence_openstack"}},
        ["congress-ha:datasourceNode", "logs in by password: set fencingLogin"],
    ),
    (
        {"datasourceNode": {"fencingLogin": {"username": "u", "password": "p", "project": "x"}}},
        ["congress-ha:datasourceNode", "remove it"],
    ),
    ({"access": {"sshCidrs": [], "apiCidrs": ["10.0.0.0/8"]}}, ["congress-ha:access.sshCidrs"]),
    (
        {"access": {"sshCidrs": ["10.0.0.1/8"], "apiCidrs": ["10.1.0.0/16"]}},
        ["access.sshCidrs[0]", "host bits"],
    ),
    (
        {"access": {"sshCidrs": ["10.0.0.0/8", "10.1.0.0/16"], "apiCidrs": ["192.0.2.0/24"]}},
        ["congress-ha:access.sshCidrs", "10.0.0.0/8 and 10.1.0.0/16 overlap"],
    ),
    (
        {"access": {"sshCidrs": ["192.0.2.0/24"], "apiCidrs": ["0.0.0.0/0"]}},
        ["access.apiCidrs", "lets everybody in"],
    ),
    (
        {"access": {"sshCidrs": ["10.20.0.0/25"], "apiCidrs": ["192.0.2.0/24"]}},
        ["access.sshCidrs", "overlaps network.cidr"],
    ),
    ({"network": {"externalNetwork": "public", "cidr": "10.20.0.0/29"}}, ["network.cidr", "too small"]),
    (
        {
            "network": {
                "externalNetwork": "public",
                "existing": {"network": "n", "subnet": "s"},
                "egressCidrs": ["192.0.2.0/24"],
            }
        },
        ["network.egressCidrs", "name them in network.dnsServers"],
    ),
    (
        {"network": {"externalNetwork": "public", "egressCidrs": []}},
        ["congress-ha:network.egressCidrs", "ranges outside"],
    ),
    ({"rotation": {"database": 0}}, ["congress-ha:rotation.database", "is 0"]),
    ({"rotation": {"keystone": 2}}, ["rotation.keystone is for the user that the stack makes"]),
    (
        {"auth": "keystone", "keystone": {"login": KEYSTONE_LOGIN}, "rotation": {"keystone": 2}},
        ["rotation.keystone is for the user that the stack makes"],
    ),
    ({"rotation": {"ssh": 0}}, ["congress-ha:rotation.ssh", "is 0"]),
    ({"rotation": {"messaging": "2"}}, ["congress-ha:rotation.messaging", "integer"]),
    ({"auth": "basic"}, ["congress-ha:auth", "'noauth'", "'keystone'"]),
    ({"keystone": {"region": "RegionOne"}}, ["keystone is for auth: keystone; remove it"]),
    (
        {"auth": "keystone", "keystone": {"administrator": "a", "login": KEYSTONE_LOGIN}},
        ["congress-ha:keystone: with login nothing is registered: remove administrator, or login"],
    ),
    (
        {"auth": "keystone", "keystone": {"login": {**KEYSTONE_LOGIN, "password": "CANARY\n"}}},
        ["congress-ha:keystone.login.password", "control characters"],
    ),
    (
        {"auth": "keystone", "keystone": {"login": {"username": "congress"}}},
        ["congress-ha:keystone.login.password: is missing"],
    ),
    (
        {"guest": {"caFiles": ["/does/not/exist.pem"]}},
        ["congress-ha:guest.caFiles[0]", "/does/not/exist.pem"],
    ),
    *(
        ({"network": {"externalNetwork": "public", "cidr": cidr}}, ["congress-ha:network.cidr", message])
        for cidr, message in (
            ("224.0.0.0/24", "224.0.0.0/4, multicast"),
            ("127.0.0.0/24", "127.0.0.0/8, each host's own loopback"),
            ("169.254.0.0/24", "169.254.0.0/16, link-local"),
            ("0.0.0.0/0", "0.0.0.0/8"),
            ("240.1.0.0/24", "240.0.0.0/4, reserved"),
        )
    ),
    (
        {"access": {"sshCidrs": ["127.0.0.0/8"], "apiCidrs": ["192.0.2.0/24"]}},
        ["congress-ha:access.sshCidrs[0]", "loopback: nothing outside has such an address"],
    ),
    (
        {"access": {"sshCidrs": ["192.0.2.0/24"], "apiCidrs": ["239.0.0.0/8"]}},
        ["congress-ha:access.apiCidrs[0]", "multicast"],
    ),
    (
        {"network": {"externalNetwork": "public", "egressCidrs": ["0.0.0.0/8"]}},
        ["congress-ha:network.egressCidrs[0]", "addresses of no host"],
    ),
    (
        {"network": {"externalNetwork": "public", "dnsServers": ["127.0.0.53"]}},
        ["congress-ha:network.dnsServers[0]", "loopback; name a resolver that other hosts reach"],
    ),
    (
        {"network": {"externalNetwork": "public", "dnsServers": ["192.0.2.53", "192.0.2.53"]}},
        ["congress-ha:network.dnsServers", "192.0.2.53 is listed twice"],
    ),
    ({"image": "debian\n12"}, ["congress-ha:image", "line break"]),
    ({"network": {"externalNetwork": "pub\x07lic"}}, ["network.externalNetwork", "cannot be printed"]),
    *(
        (
            {"auth": "keystone", "keystone": {"login": {**KEYSTONE_LOGIN, key: value}}},
            [f"congress-ha:keystone.login.{key}", "control characters"],
        )
        for key in ("username", "userDomain", "project", "projectDomain")
        for value in ("a\nb", "a\\$b")
    ),
    *(
        ({"auth": "keystone", "keystone": {key: "a\nb"}}, [f"congress-ha:keystone.{key}", message])
        for key, message in (
            ("region", "control characters"),
            ("project", "control characters"),
            ("domain", "control characters"),
            ("role", "line break"),
            ("administrator", "line break"),
        )
    ),
    *(
        (
            {
                "datasourceNode": {
                    "fencing": "fence_openstack",
                    "fencingLogin": {"username": "u", "password": "CANARY", "project": "p", key: "a\tb"},
                }
            },
            [f"congress-ha:datasourceNode.fencingLogin.{key}", "cannot be printed"],
        )
        for key in ("username", "userDomain", "project", "projectDomain")
    ),
    (
        {"datasourceNode": {"monitorTimeout": "4s"}},
        ["congress-ha:datasourceNode.monitorTimeout", "the agent itself advises 5s or more"],
    ),
    *(
        (
            {"datasourceNode": {"token": token}},
            ["congress-ha:datasourceNode.token", "1s to 10s", "2.2 s more"],
        )
        for token in ("0s", "11s", "1.5s", "1min", "1000")
    ),
    ({"datasourceNode": {"monitorInterval": "10000min"}}, ["congress-ha:datasourceNode.monitorInterval"]),
    *(
        ({"guest": {"pipIndexUrl": url}}, ["congress-ha:guest.pipIndexUrl", message])
        for url, message in (
            ("https://", "pattern"),
            ("https://:3128", "it takes http:// or https://, a host, and a port"),
            ("https://CANARY@pypi.example:port/", "below 65536"),
            ("https://pypi.example:65536/", "below 65536"),
            ("https://[::1/", "below 65536"),
            ("https://pypi.example/\x07", "cannot be printed"),
            ("https://user:CAN#ARY@pypi.example/", "pattern"),
        )
    ),
    ({"guest": {"aptProxy": "proxy:3128"}}, ["congress-ha:guest.aptProxy", "http://proxy.example:3128"]),
    (
        {"policySecrets": {"congress-password": "CANARY"}},
        ["policySecrets are for the datasources of policies: set policies"],
    ),
    ({"policies": "p", "policySecrets": {"a": ""}}, ["congress-ha:policySecrets.a", "at least 1"]),
    ({"policies": "p", "policySecrets": {"a b": "CANARY"}}, ["congress-ha:policySecrets", "pattern"]),
    ({"policies": "p", "policySecrets": ["CANARY"]}, ["congress-ha:policySecrets", "object"]),
    (
        {"policies": "p", "policySecrets": {"a": 4711}},
        [
            "congress-ha:policySecrets.a: is written as a number",
            "set --secret --path 'congress-ha:policySecrets.a'",
        ],
    ),
]
