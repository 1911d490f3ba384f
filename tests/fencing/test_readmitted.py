"""An isolated host is readmitted when its guest is certainly a new one; what the monitor of the fence device says."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from tests.fencing.conftest import PAIR_GROUP, Run, dead, ended
from tests.fencing.support.fake_cloud import GROUP, ONE, PROBE_GROUP, TWO, Cloud, Server


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED", "SHUTOFF"])
def test_it_is_readmitted_once_nova_has_ended_its_guest_and_rebooted_it(
    cloud: Cloud, start: Run, status: str
) -> None:
    """The agent keeps no state: neutron says that the host is isolated."""
    cloud.servers[TWO] = Server(status, groups=[])
    done = ended(start("monitor", TWO))
    assert done.status == 0, done.error
    assert "two is readmitted: nova has ended its old guest" in done.out
    pause = [(TWO, "pause")] if status == "ACTIVE" else []
    assert cloud.actions == [*pause, (TWO, "reboot"), (TWO, f"add {PAIR_GROUP}")]
    assert cloud.servers[TWO].groups == [GROUP]


def test_while_its_compute_host_is_down_it_stays_isolated(cloud: Cloud, start: Run) -> None:
    dead(cloud, TWO)
    cloud.servers[TWO].groups = []
    for _ in range(2):
        done = ended(start("monitor", TWO))
        assert done.status == 0, done.error
        assert "two stays isolated: nova does not stop" in done.out
    assert cloud.actions == [(TWO, "pause"), (TWO, "reboot")]
    assert cloud.servers[TWO].groups == []


def test_a_reboot_that_nova_did_not_carry_out_readmits_nobody(cloud: Cloud, start: Run) -> None:
    cloud.servers[TWO].groups = []
    cloud.ends["reboot"] = (1, "PAUSED", "Error")
    done = ended(start("monitor", TWO))
    assert "two stays isolated: its hard reboot ended with Error" in done.out
    assert cloud.servers[TWO].groups == []
    cloud.ends["reboot"] = (1, "ACTIVE", "Success")
    assert "two is readmitted" in ended(start("monitor", TWO)).out


def test_no_host_readmits_itself(cloud: Cloud, start: Run) -> None:
    cloud.servers[ONE].groups = []
    assert ended(start("monitor", TWO)).status == 0
    assert cloud.actions == []


def test_the_monitor_says_whether_a_host_could_be_isolated(cloud: Cloud, start: Run) -> None:
    assert ended(start("monitor", TWO)).out == "a host whose compute host dies can be isolated\n"
    cloud.refused = "removeSecurityGroup"
    done = ended(start("monitor", TWO))
    assert done.status == 0
    assert "can NOT be isolated (make confirm-dead); nova: HTTP 403" in done.out
    cloud.refused, cloud.group_faults = "", [500] * 1000
    done = ended(start("monitor", TWO))
    assert done.status == 0
    assert "can NOT be isolated (make confirm-dead): no success with POST" in done.out


def test_the_monitor_leaves_the_group_of_an_interrupted_proof(cloud: Cloud, start: Run) -> None:
    cloud.servers[ONE].groups.append(PROBE_GROUP)
    assert ended(start("monitor", TWO)).status == 0
    assert cloud.servers[ONE].groups == [GROUP]


def test_the_monitor_leaves_the_group_to_a_proof_that_is_under_way(
    cloud: Cloud, start: Run, tmp_path: Path
) -> None:
    cloud.servers[ONE].groups.append(PROBE_GROUP)
    with (tmp_path / "door.one").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = ended(start("monitor", TWO))
    assert (done.status, done.out) == (0, "a host is being isolated\n")
    assert cloud.servers[ONE].groups == [GROUP, PROBE_GROUP]


def test_where_nova_shows_no_groups_nobody_counts_as_isolated(cloud: Cloud, start: Run) -> None:
    """Otherwise a host would reboot its healthy partner, and fence nobody itself."""
    for server in cloud.servers.values():
        server.groups = []
    assert ended(start("monitor", TWO)).status == 0
    assert cloud.actions == []
    assert ended(start("reboot", TWO)).status == 0
