"""Changes of settings, engines and load balancer: `up` runs the steps concerned, and clients notice nothing."""

from __future__ import annotations

import pytest

from tests.acceptance.support.deployment import CommandError, Deployment, setting_options
from tests.acceptance.support.resource_changes import as_previewed
from tests.acceptance.support.traffic import Traffic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

SYNC, LATER = "policyEngines.syncPeriod=8", "policyEngines.syncPeriod=9"
BALANCERS = {"load-balancer-haproxy", "load-balancer-2-haproxy"}
UNIT = "congress-policy-engine@{}.service"
AGENTS = {"datasource-1-agent", "datasource-2-agent"}
CONGRESS_STEPS = {
    *AGENTS,
    *(f"{host}-configuration" for host in ("datasource-1", "datasource-2")),
    *(f"policy-engine-host-{i}-configuration" for i in (1, 2)),
    "datasource-node",
    "policy-engine-1",
    "policy-engine-2",
}


def change(deployment: Deployment, *settings: str) -> dict[str, str]:
    """Run an `up` that changes exactly what its preview announced."""
    return dict(as_previewed(deployment, lambda: deployment.up(*settings), *setting_options(*settings)))


def test_a_setting_of_the_engines_and_one_that_does_not_come_back(
    deployment: Deployment, clients: Traffic
) -> None:
    first, second = deployment.engines
    drop_in = f"/etc/systemd/system/{UNIT.format(first['node_id'])}.d"
    before = deployment.engine_pids()
    deployment.on(
        first["host"],
        f"mkdir {drop_in}; printf '[Service]\\nExecStartPre=/bin/false\\n' > {drop_in}/broken.conf",
    )
    with clients.unnoticed():
        with pytest.raises(CommandError, match=rf"{first['node_id']}\S* does not start"):
            deployment.up(SYNC)
        assert deployment.engine_pids()[second["node_id"]] == before[second["node_id"]]
        deployment.on(first["host"], f"rm -r {drop_in}")
        deployment.up(SYNC)
    for engine in deployment.engines:
        period = deployment.on(engine["host"], "grep datasource_sync_period /etc/congress/congress.conf")
        assert period.endswith("= 8")
    after = deployment.engine_pids()
    assert all(after[node_id] != before[node_id] for node_id in before)


@pytest.mark.full
def test_an_engine_s_host_is_rebooted(deployment: Deployment, clients: Traffic) -> None:
    engine = deployment.engines[0]
    booted = deployment.on(engine["host"], "cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1")
    with clients.unnoticed():
        # The answer comes first; a timer may be a minute late.
        soon = "systemd-run -q --on-active=1 --timer-property=AccuracySec=100ms"
        deployment.on(engine["host"], f"{soon} systemctl reboot")
        wait_for(
            "the host is up again",
            120,
            lambda: deployment.on(engine["host"], "stat -c %Y /proc/1") not in booted,
        )
        wait_for(
            "the load balancer has its engine back",
            60,
            lambda: deployment.on(
                engine["host"], f"runuser -u congress -- congress-drain back {engine['node_id']} 1"
            ),
        )


def test_an_engine_more_and_fewer_again(deployment: Deployment, clients: Traffic) -> None:
    """As many engine hosts as the lab has compute hosts: hard anti-affinity, the default, allows no fourth."""
    before = deployment.engine_pids()
    with clients.unnoticed():
        changed = change(deployment, SYNC, "policyEngines.count=3")
    # The load balancer adds them; the existing ones continue undisturbed.
    assert {name for name, how in changed.items() if how != "created"} == BALANCERS
    assert len(deployment.engines) == 3
    pids = deployment.engine_pids()
    assert {node_id: pid for node_id, pid in pids.items() if node_id in before} == before
    with clients.unnoticed():
        changed = change(deployment, SYNC)
    assert {name for name, how in changed.items() if how == "updated"} >= BALANCERS
    assert set(changed.values()) == {"updated", "deleted"}
    for host in deployment.hosts("load-balancer"):
        listed = deployment.on(host, "cat /etc/haproxy/haproxy.cfg")
        assert "policy-engine-2 " in listed
        assert "policy-engine-3" not in listed
    assert [engine["node_id"] for engine in deployment.engines] == list(before)


@pytest.mark.full
def test_two_of_three_engines_change_at_the_same_time(deployment: Deployment, clients: Traffic) -> None:
    deployment.up(SYNC, "policyEngines.count=3")
    before = deployment.engine_pids()
    with clients.unnoticed():
        deployment.up(LATER, "policyEngines.count=3", "policyEngines.maxUnavailable=2")
    after = deployment.engine_pids()
    assert all(after[node_id] != before[node_id] for node_id in before)
    deployment.up(SYNC)


def test_a_setting_of_the_cluster_does_not_touch_the_engines(
    deployment: Deployment, clients: Traffic
) -> None:
    before = deployment.engine_pids()
    with clients.unnoticed():
        changed = change(deployment, SYNC, "datasourceNode.monitorInterval=20s")
    assert changed == dict.fromkeys({*AGENTS, "datasource-node"}, "updated")
    assert "op monitor interval=20s timeout=30s" in deployment.on(
        "datasource-1", "crm configure show ds-node"
    )
    assert deployment.engine_pids() == before


def test_what_was_edited_is_put_back(deployment: Deployment, clients: Traffic) -> None:
    with clients.unnoticed():
        changed = change(deployment)
    assert changed == dict.fromkeys(CONGRESS_STEPS, "updated")
    assert "op monitor interval=30s timeout=30s" in deployment.on(
        "datasource-1", "crm configure show ds-node"
    )
