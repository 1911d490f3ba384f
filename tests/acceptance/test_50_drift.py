"""One command reports manual changes on hosts and in the cloud, and another one undoes them."""

from __future__ import annotations

import json
import subprocess

import pytest
from openstack.connection import Connection

from tests.acceptance.support.deployment import CONGRESS_HA, ROOT, Deployment, run

pytestmark = pytest.mark.timeout(900)

CONF = "/etc/congress/congress.conf"
KEY = "/etc/congress/keys/aes_key"
MARIADB = "/etc/mysql/mariadb.conf.d/90-congress.cnf"
ENGINE = "congress-policy-engine@policy-engine-1.service"
LOST = "policy-engine-host-2"
# The steps that undo the changes, and those of the recreated host. No other host's.
STEPS = {
    "policy-engine-host-1-configuration",
    "policy-engine-1",
    "datasource-2-configuration",
    "datasource-2-agent",
    "datasource-node",
    "database-mariadb",
    "messaging-hardening",
    "load-balancer-haproxy",
    *(
        f"{LOST}-{step}"
        for step in ("reachable", "ready", "hardening", "packages", "software", "configuration")
    ),
    "policy-engine-2",
}


def verify() -> list[tuple[str, str]]:
    """Row and text of every finding of `make verify`, whose exit code must match."""
    done = subprocess.run(
        [*CONGRESS_HA, "verify", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is (done.returncode == 0) is (report["findings"] == [])
    return [(finding["role"], finding["what"]) for finding in report["findings"]]


def group_id(cloud: Connection, role: str) -> str:
    return str(cloud.network.find_security_group(f"congress-dev-{role}", ignore_missing=False).id)


def change_the_cloud(cloud: Connection) -> list[tuple[str, str]]:
    """Add a rule, remove a rule, change a port's groups, remove a server; return the expected findings."""
    database, bastion, balancer = (group_id(cloud, role) for role in ("database", "bastion", "load-balancer"))
    cloud.network.create_security_group_rule(
        security_group_id=database,
        direction="ingress",
        ether_type="IPv4",
        protocol="tcp",
        port_range_min=3306,
        port_range_max=3306,
        remote_ip_prefix="0.0.0.0/0",
    )
    (api,) = (
        rule
        for rule in cloud.network.security_group_rules(security_group_id=balancer)
        if (rule.direction, rule.port_range_min) == ("ingress", 1789)
    )
    cloud.network.delete_security_group_rule(api)
    port = cloud.network.find_port("congress-dev-messaging", ignore_missing=False)
    cloud.network.update_port(port, security_groups=[*port.security_group_ids, bastion])
    server = cloud.compute.find_server(f"congress-dev-{LOST}", ignore_missing=False)
    cloud.compute.delete_server(server)
    cloud.compute.wait_for_delete(server, wait=60)
    return [
        ("servers", f"{LOST}: the cloud has no server congress-dev-{LOST} ({server.id})"),
        (
            "ports",
            "port messaging-port has other security groups: congress-dev-bastion, congress-dev-messaging",
        ),
        (
            "security groups",
            "group database has a rule that is not the stack's: ingress IPv4 tcp 3306 from 0.0.0.0/0",
        ),
        (
            "security groups",
            f"rule load-balancer-tcp-1789-from-{api.remote_ip_prefix.replace('/', '-')} is gone",
        ),
    ]


def change_the_hosts(deployment: Deployment) -> list[tuple[str, str]]:
    """Edit a file and restart its service, disable one, change a mode, remove a file, flush rules, stop a service."""
    deployment.on(
        "policy-engine-host-1",
        f"echo '# by hand' >> {CONF}; systemctl restart {ENGINE}; systemctl disable -q {ENGINE}",
    )
    deployment.on("datasource-2", f"chmod 0644 {KEY}")
    deployment.on("database", f"rm {MARIADB}")
    deployment.on("messaging", "nft flush ruleset")
    deployment.on("load-balancer", "systemctl stop haproxy")
    return [
        ("policy-engine-host-1", f"{CONF} was edited"),
        ("policy-engine-host-1", f"service {ENGINE} is disabled"),
        ("datasource-2", f"{KEY} has mode 644, not 600"),
        ("database", f"{MARIADB} is gone"),
        ("messaging", "nftables table inet congress-ha-metadata is gone"),
        ("load-balancer", "service haproxy is inactive"),
    ]


def test_manual_changes_are_named_and_repaired(deployment: Deployment, clouds: dict[str, Connection]) -> None:
    assert verify() == []
    before = deployment.steps_run()
    wanted = change_the_hosts(deployment) + change_the_cloud(clouds["lab"])
    running = deployment.on("policy-engine-host-1", f"systemctl show -P MainPID {ENGINE}")
    assert sorted(verify()) == sorted(wanted)

    output = run([*CONGRESS_HA, "repair"], timeout=600)
    assert all(what in output for _, what in wanted)
    assert verify() == []
    assert json.loads(run([*CONGRESS_HA, "status", "--json"], timeout=120))["ok"]

    assert {name for name, when in deployment.steps_run().items() if before.get(name) != when} == STEPS
    assert "by hand" not in deployment.on("policy-engine-host-1", f"cat {CONF}")
    assert deployment.on("policy-engine-host-1", f"systemctl show -P MainPID {ENGINE}") != running
    assert deployment.on("database", "mariadb -NBe 'SELECT @@max_connections'") == "500"
    assert deployment.api("GET", "/v1/policies").status == 200
