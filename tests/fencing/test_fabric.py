"""A host whose compute host is down is isolated by its security groups, with a proof, and later readmitted."""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fencing.conftest import AGENT, Done, login, write
from tests.fencing.support.fake_cloud import GROUP, NAMES, ONE, PROBE_GROUP, TWO, Cloud, Server

NEVER = (10**6, "", "")
PAIR_GROUP, PROBE = NAMES[GROUP], NAMES[PROBE_GROUP]
ISOLATES = [(TWO, f"remove {PAIR_GROUP}"), (ONE, f"add {PROBE}"), (ONE, f"remove {PROBE}")]
# An agent on a named host, with shorter limits; `door`: a file that exists while this host reaches the probed ports.
HOST = """
import platform, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
platform.node = lambda: {host!r}
import fence_congress_openstack as agent, fence_congress_fabric as fabric, fence_congress_power as power
import fence_congress_split as split
agent.LIMITS |= {{"reboot": 20.0, "monitor": 20.0}}
agent.NOVA_LIMIT, power.PAUSE_LIMIT, fabric.RESERVE, fabric.CHECK_LIMIT = 2.0, 1.0, 1.0, 1.0
split.HOLD_LIMIT = 4.0
fabric.reaches = lambda address, port: Path({door!r}).exists()
sys.exit(agent.main())
"""
Run = Callable[..., "subprocess.Popen[str]"]


def dead(cloud: Cloud, server: str) -> None:
    """Its compute host takes orders and carries out none."""
    cloud.ends |= {"pause": NEVER, "reboot": NEVER}
    assert cloud.servers[server].task is None


@pytest.fixture
def door(cloud: Cloud, tmp_path: Path) -> Path:
    """Open while the host that fences is in the group that opens the probed ports."""
    door = tmp_path / "door"

    def move(server: str, _: str) -> None:
        if PROBE_GROUP in cloud.servers[server].groups:
            door.touch()
        else:
            door.unlink(missing_ok=True)

    cloud.joined = move
    return door


@pytest.fixture
def start(cloud: Cloud, door: Path, tmp_path: Path) -> Run:
    """An agent on host `one` (or `host`), which sees an isolated host nowhere (or what `isolated` says)."""
    file = tmp_path / "fencing.json"
    write(
        file,
        **login(cloud),
        addresses={"one": "10.0.0.1", "two": "10.0.0.2"},
        group=GROUP,
        probe_group=PROBE_GROUP,
        probed=[["10.0.0.5", 22], ["10.0.0.6", 22]],
    )

    def start(action: str, plug: str, *more: str, host: str = "one", isolated: str = "true") -> Any:
        orders = tmp_path / f"{host}.orders"
        lines = [f"action={action}", f"plug={plug}", f"credentials={file}", f"isolated={isolated}", *more]
        orders.write_text("\n".join(lines))
        code = HOST.format(folder=str(AGENT.parent), host=host, door=str(door))
        with orders.open() as stdin:
            return subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "NO_PROXY": "*"},
                text=True,
            )

    return start


def ended(process: subprocess.Popen[str]) -> Done:
    out, error = process.communicate(timeout=90)
    assert "Traceback" not in error, error
    return Done(process.returncode, out, error)


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
    assert cloud.actions == ISOLATES[1:]


def test_a_compute_host_of_a_service_that_follows_no_change_is_no_proof(cloud: Cloud, start: Run) -> None:
    dead(cloud, TWO)
    cloud.joined = lambda server, action: None  # noqa: ARG005
    done = ended(start("reboot", TWO))
    assert done.status == 1
    assert "the compute host of 10.0.0.5:22 does not follow changes of security groups" in done.error
    assert cloud.servers[ONE].groups == [GROUP]


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


def test_where_nova_shows_no_groups_nobody_counts_as_isolated(cloud: Cloud, start: Run) -> None:
    """Otherwise a host would reboot its healthy partner, and fence nobody itself."""
    for server in cloud.servers.values():
        server.groups = []
    assert ended(start("monitor", TWO)).status == 0
    assert cloud.actions == []
    assert ended(start("reboot", TWO)).status == 0
