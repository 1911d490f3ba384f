"""A host whose compute host is down is isolated by its security groups, with a proof."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.fencing.conftest import AGENT, HOST, ISOLATES, PROVES, Run, dead, ended
from tests.fencing.support.fake_cloud import GROUP, ONE, TWO, Cloud, Server


def test_a_host_on_a_dead_compute_host_is_isolated(cloud: Cloud, start: Run, tmp_path: Path) -> None:
    dead(cloud, TWO)
    asked = tmp_path / "asked"
    program = tmp_path / "see"
    program.write_text(f'#!/bin/sh\necho "$@" > {asked}\n')
    program.chmod(0o755)
    done = ended(start("reboot", TWO, isolated="see x"))
    assert done.status == 0, done.error
    assert done.out.startswith("Success: two is isolated from all services")
    assert cloud.actions == [(TWO, "pause"), (TWO, "reboot"), *ISOLATES]
    assert (cloud.servers[TWO].groups, cloud.servers[ONE].groups) == ([], [GROUP])
    # Its address, and how many nodes run here.
    assert asked.read_text().split()[:3] == ["x", "10.0.0.2", "0"]


def test_groups_that_others_gave_it_go_too(cloud: Cloud, start: Run) -> None:
    dead(cloud, TWO)
    cloud.servers[TWO].groups.append("another")
    assert ended(start("reboot", TWO)).status == 0
    assert cloud.servers[TWO].groups == []


def test_a_host_that_nova_stops_is_not_isolated(cloud: Cloud, start: Run) -> None:
    assert ended(start("reboot", TWO)).out.lower() == "success: paused, rebooting\n"
    assert cloud.actions == [(TWO, "pause"), (TWO, "reboot")]


def test_without_a_command_nobody_is_isolated(cloud: Cloud, start: Run) -> None:
    dead(cloud, TWO)
    done = ended(start("reboot", TWO, isolated=""))
    assert done.status == 1
    assert cloud.servers[TWO].groups == [GROUP]


def test_a_host_that_can_do_no_harm_is_not_isolated(cloud: Cloud, start: Run, tmp_path: Path) -> None:
    dead(cloud, TWO)
    asked = tmp_path / "asked"
    command = f"harmless=sh -c 'echo $0 > {asked}'"
    done = ended(start("reboot", TWO, command, isolated=""))
    assert done.status == 0, done.error
    assert done.out.startswith("Success: two can do no harm, even if it still runs, as nova does not stop")
    assert (cloud.servers[TWO].groups, asked.read_text()) == ([GROUP], "two\n")


def test_a_host_that_could_do_harm_is_not_fenced(cloud: Cloud, start: Run) -> None:
    dead(cloud, TWO)
    done = ended(start("reboot", TWO, "harmless=sh -c 'echo one follows it; exit 1'", isolated=""))
    assert done.status == 1
    assert "two may do harm if it still runs: one follows it" in done.error


def test_a_host_that_nova_stops_need_not_be_harmless(cloud: Cloud, start: Run) -> None:
    assert TWO in cloud.servers
    done = ended(start("reboot", TWO, "harmless=false", isolated=""))
    assert done.out.lower() == "success: paused, rebooting\n"


def test_what_is_seen_of_it_is_no_proof_and_the_next_try_goes_on(cloud: Cloud, start: Run) -> None:
    dead(cloud, TWO)
    done = ended(start("reboot", TWO, isolated="sh -c 'echo 2 sessions of it; exit 1'"))
    assert done.status == 1
    assert (
        "two is in no security group, but that it is isolated is not proven: 2 sessions of it" in done.error
    )
    assert cloud.servers[TWO].groups == []
    cloud.actions.clear()
    assert ended(start("reboot", TWO)).status == 0
    assert cloud.actions == PROVES


def test_a_compute_host_of_a_service_that_follows_no_change_is_no_proof(cloud: Cloud, start: Run) -> None:
    dead(cloud, TWO)
    cloud.joined = lambda server, action: None  # noqa: ARG005
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert "only 0 of 3 hosts of the role database follow changes of security groups" in done.error
    # Nothing was begun: the guest may live and serve.
    assert (cloud.servers[ONE].groups, cloud.servers[TWO].groups) == ([GROUP], [GROUP])


def test_the_dead_compute_host_may_have_a_host_of_each_service(cloud: Cloud, start: Run, door: Path) -> None:
    dead(cloud, TWO)
    door.with_suffix(".lost").write_text("10.0.1.1 10.0.2.3")
    assert ended(start("reboot", TWO)).status == 0
    assert cloud.servers[TWO].groups == []


def test_a_host_that_serves_and_does_not_follow_is_not_taken_for_a_dead_one(
    cloud: Cloud, start: Run, door: Path
) -> None:
    """Its compute host may have lost only what carries out neutron's orders; the guest beside it would reach it."""
    dead(cloud, TWO)
    door.with_suffix(".stuck").write_text("10.0.2.3")
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert (
        "10.0.2.3 of the role messaging serves, but does not follow changes of security groups" in done.error
    )
    assert cloud.servers[TWO].groups == [GROUP]


def test_a_cloud_that_is_too_slow_for_the_proof_begins_nothing(
    cloud: Cloud, start: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead(cloud, TWO)
    monkeypatch.setattr(
        "tests.fencing.conftest.HOST", HOST.replace("sys.exit", "fabric.PROOF = 30.0\nsys.exit")
    )
    done = ended(start("reboot", TWO))
    assert (done.status, cloud.servers[TWO].groups) == (1, [GROUP])
    assert "two is not isolated: the cloud is too slow for a proof in time" in done.error


def test_a_minority_of_one_service_proves_nothing(cloud: Cloud, start: Run, door: Path) -> None:
    dead(cloud, TWO)
    door.with_suffix(".lost").write_text("10.0.2.1 10.0.2.3")
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert "only 1 of 3 hosts of the role messaging follow changes of security groups" in done.error
    assert (cloud.servers[ONE].groups, cloud.servers[TWO].groups) == ([GROUP], [GROUP])


def test_where_groups_close_nothing_they_isolate_nobody(cloud: Cloud, start: Run, door: Path) -> None:
    dead(cloud, TWO)
    cloud.joined = lambda server, action: None  # noqa: ARG005
    door.touch()
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert "the cloud does not enforce the groups" in done.error


def test_a_group_that_comes_back_meanwhile_is_no_proof(cloud: Cloud, start: Run, door: Path) -> None:
    dead(cloud, TWO)

    def give_back(server: str, action: str) -> None:
        door.touch() if (server, action[:3]) == (ONE, "add") else door.unlink(missing_ok=True)
        if server == ONE:
            cloud.servers[TWO].groups = [GROUP]

    cloud.joined = give_back
    done = ended(start("reboot", TWO))
    assert (done.status, done.error) == (1, "Failed: two got its security groups back meanwhile\n")


def test_a_refusal_is_said_and_a_slow_neutron_waited_for(cloud: Cloud, start: Run) -> None:
    dead(cloud, TWO)
    cloud.refused = "removeSecurityGroup"
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert "two cannot be isolated; nova: HTTP 403 Policy doesn't allow removeSecurityGroup" in done.error
    cloud.refused = ""
    cloud.group_faults = [503, 500, 503]
    assert ended(start("reboot", TWO)).status == 0
    cloud.servers[TWO].groups = [GROUP]
    cloud.group_faults = [503] * 1000
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert "last: HTTP 503 neutron does not answer" in done.error


@pytest.mark.parametrize(
    "own",
    [Server(task="pausing"), Server(groups=[]), Server("PAUSED")],
    ids=["ordered", "isolated", "paused"],
)
def test_a_host_that_may_be_fenced_itself_isolates_nobody(cloud: Cloud, start: Run, own: Server) -> None:
    dead(cloud, TWO)
    cloud.servers[ONE] = own
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert cloud.servers[TWO].groups == [GROUP]


def test_a_host_that_was_isolated_orders_nothing(cloud: Cloud, start: Run) -> None:
    """It could reach the cloud where its own compute host enforces nothing, and would stop the host that serves."""
    cloud.servers[ONE].groups = []
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert "this host was isolated by another one" in done.error
    assert cloud.actions == []


def test_of_two_that_fence_each_other_the_host_of_the_node_isolates_the_other(
    cloud: Cloud, start: Run, tmp_path: Path
) -> None:
    """Both compute hosts are down, both guests run, both reach the cloud."""
    dead(cloud, TWO)
    dead(cloud, ONE)
    where = tmp_path / "crm_resource"
    where.write_text("#!/bin/sh\necho one\n")
    where.chmod(0o755)
    split = ("resource=ds-node", "witness=true", "delay=1")
    two, one = start("reboot", ONE, *split, host="two"), start("reboot", TWO, *split)
    assert (ended(one).status, ended(two).status) == (0, 1)
    assert (cloud.servers[ONE].groups, cloud.servers[TWO].groups) == ([GROUP], [])


def test_two_that_isolate_each_other_at_once_never_both_succeed(cloud: Cloud, start: Run) -> None:
    """Neither knows where the node runs: neither holds back."""
    dead(cloud, TWO)
    dead(cloud, ONE)
    one, two = start("reboot", TWO), start("reboot", ONE, host="two")
    statuses = {ended(one).status, ended(two).status}
    assert statuses in ({1}, {0, 1})
    assert [GROUP] in (cloud.servers[ONE].groups, cloud.servers[TWO].groups)


def test_a_port_that_refuses_is_reached_and_one_that_is_silent_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(AGENT.parent))
    fabric = importlib.import_module("fence_congress_fabric")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert fabric.reaches("127.0.0.1", port)
    assert fabric.reaches("127.0.0.1", port)

    def silent(*_: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr(fabric.socket, "create_connection", silent)
    assert not fabric.reaches("127.0.0.1", port)
