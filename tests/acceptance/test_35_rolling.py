"""Changes of the engines and of the load balancer, with clients at the endpoint that notice nothing of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.acceptance.changes import honestly
from tests.acceptance.deployment import CommandError, Deployment
from tests.acceptance.traffic import Traffic, traffic
from tests.acceptance.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

LONGEST = 2.0
SYNC = "policyEngines.syncPeriod=8"
UNIT = "congress-policy-engine@{}.service"


@pytest.fixture(scope="module")
def clients(deployment: Deployment) -> Iterator[Traffic]:
    with traffic(deployment) as clients:
        yield clients


class Unnoticed:
    """Asserts that no request which began inside failed or took long."""

    def __init__(self, clients: Traffic) -> None:
        self.clients = clients

    def __enter__(self) -> None:
        self.began = time.time()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            # A request that was lost with an engine shows at its end.
            ended = time.time()
            wait_for(
                "every client got an answer since",
                150,
                lambda: all(client.asked[-1].began > ended for client in self.clients.clients),
            )
            assert self.clients.failed(self.began) == []
            slowest = self.clients.slowest(self.began)
            assert slowest.seconds < LONGEST, str(slowest)


def main_pids(deployment: Deployment) -> dict[str, str]:
    """node_id -> process of each engine."""
    return {
        engine["node_id"]: deployment.on(
            engine["host"], f"systemctl show -P MainPID {UNIT.format(engine['node_id'])}"
        )
        for engine in deployment.engines
    }


def change(deployment: Deployment, *settings: str) -> dict[str, str]:
    """An `up` that does what its preview said."""
    options = [part for setting in settings for part in ("--config", f"congress-ha:{setting}")]
    path = ["--config-path"] if settings else []
    return dict(honestly(deployment, lambda: deployment.up(*settings), *path, *options))


def test_a_setting_of_the_engines(deployment: Deployment, clients: Traffic) -> None:
    before = main_pids(deployment)
    with Unnoticed(clients):
        change(deployment, "policyEngines.syncPeriod=7")
    after = main_pids(deployment)
    assert all(after[node_id] != before[node_id] for node_id in before)


def test_an_engine_that_does_not_come_back_stops_the_roll(deployment: Deployment, clients: Traffic) -> None:
    first, second = deployment.engines
    drop_in = f"/etc/systemd/system/{UNIT.format(first['node_id'])}.d"
    before = main_pids(deployment)
    deployment.on(
        first["host"],
        f"mkdir {drop_in}; printf '[Service]\\nExecStartPre=/bin/false\\n' > {drop_in}/broken.conf",
    )
    with Unnoticed(clients):
        with pytest.raises(CommandError, match=rf"{first['node_id']}\S* does not start"):
            deployment.up(SYNC)
        assert main_pids(deployment)[second["node_id"]] == before[second["node_id"]]
        deployment.on(first["host"], f"rm -r {drop_in}")
        deployment.up(SYNC)
    after = main_pids(deployment)
    assert all(after[node_id] != before[node_id] for node_id in before)


def test_an_engine_s_host_is_rebooted(deployment: Deployment, clients: Traffic) -> None:
    engine = deployment.engines[0]
    booted = deployment.on(engine["host"], "cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1")
    with Unnoticed(clients):
        deployment.on(
            engine["host"], "systemd-run -q --on-active=1 systemctl reboot"
        )  # the answer comes first
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


def test_two_engines_more_and_fewer_again(deployment: Deployment, clients: Traffic) -> None:
    before = main_pids(deployment)
    with Unnoticed(clients):
        changed = change(deployment, SYNC, "policyEngines.count=4")
    # The load balancer learns them; those that were there go on undisturbed.
    assert {name for name, how in changed.items() if how != "created"} == {"load-balancer-haproxy"}
    assert len(deployment.engines) == 4
    assert {node_id: pid for node_id, pid in main_pids(deployment).items() if node_id in before} == before
    with Unnoticed(clients):
        changed = change(deployment, SYNC)
    assert {name for name, how in changed.items() if how == "updated"} >= {"load-balancer-haproxy"}
    assert set(changed.values()) == {"updated", "deleted"}
    listed = deployment.on("load-balancer", "cat /etc/haproxy/haproxy.cfg")
    assert "policy-engine-2 " in listed
    assert "policy-engine-3" not in listed
    assert [engine["node_id"] for engine in deployment.engines] == list(before)


def test_what_was_edited_is_put_back(deployment: Deployment, clients: Traffic) -> None:
    with Unnoticed(clients):
        change(deployment)
