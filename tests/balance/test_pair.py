"""Two load balancers with one virtual address: real keepalived, HAProxy and agents on a network of their own.

The seconds are printed (pytest -s). The limits are generous, because this machine may be busy.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.balance.support.clients import Clients, Kept, clients
from tests.balance.support.load_balancer_pair import (
    ADDRESSES,
    ELSEWHERE,
    ENDPOINT,
    PORT,
    STATE_PORT,
    THIRD,
    VIRTUAL,
    LoadBalancer,
    Pair,
    started,
)
from tests.support.programs import program, running
from tests.support.waiting import wait_for

# Seconds without an answer. The target is 2 on hosts that share their processors with nothing else.
LONGEST = 10.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with started(tmp_path_factory.mktemp("pair")) as found:
        yield found


@pytest.fixture(autouse=True)
def whole_again(pair: Pair) -> Iterator[None]:
    """At the end of each test, both load balancers work, and one of them holds the address."""
    wait_for("both are at work", 30, lambda: whole(pair), pause=0.1)
    yield
    wait_for("both are at work", 30, lambda: whole(pair), pause=0.1)


def whole(pair: Pair) -> bool:
    held = all(balancer.endpoint("held").returncode == 0 for balancer in pair.balancers)
    alive = all(balancer.endpoint("alive").returncode == 0 for balancer in pair.balancers)
    running = all(balancer.runs_keepalived() for balancer in pair.balancers)
    return held and alive and running and len(pair.holders()) == 1


def told(what: str, seconds: float) -> None:
    print(f"\n{what}: {seconds:.2f} s without an answer")


@pytest.mark.parametrize("kind", [Clients, Kept])
def test_a_planned_move_fails_no_request(pair: Pair, kind: type[Clients]) -> None:
    before, other = pair.holder, pair.standby
    slow: list[str] = []
    with clients(pair, kind) as asking:
        for known in pair.engines:
            known.pause = 2.0
            known.serving.clear()
        asking_slowly = threading.Thread(target=lambda: slow.append(pair.get("/slow")))
        asking_slowly.start()
        wait_for("it is served", 20, lambda: any(known.serving.is_set() for known in pair.engines))
        moved = before.endpoint("move")
        assert (moved.returncode, moved.stderr) == (0, "")
        assert pair.holders() == [other.name]
        gap = asking.end()
    told(f"planned move, {kind.__name__}", gap)
    assert asking.failed == []
    asking_slowly.join(20)
    assert len(slow) == 1
    assert slow[0] in {engine.node_id for engine in pair.engines}


def test_a_killed_haproxy_loses_the_address(pair: Pair) -> None:
    before, other = pair.holder, pair.standby
    with clients(pair, Clients, timeout=0.5) as asking:
        before.kill_haproxy()
        wait_for("the other one has it", 20, other.holds, pause=0.02)
        assert pair.holders() == [other.name]
        gap = asking.end()
    told("HAProxy killed", gap)
    assert gap < LONGEST
    before.start_haproxy()
    wait_for("it may have it again", 20, lambda: "Entering BACKUP" in before.log().rpartition("FAULT")[2])
    assert pair.holders() == [other.name], "whoever has it keeps it"


def test_a_host_that_is_off_loses_the_address_and_does_not_take_it_back(pair: Pair) -> None:
    before, other = pair.holder, pair.standby
    with clients(pair, Clients, timeout=0.5) as asking:
        before.cable("down")
        wait_for("the other one has it", 20, other.holds, pause=0.02)
        gap = asking.end()
    told("host off", gap)
    assert gap < LONGEST
    before.cable("up")
    wait_for("it may have it again", 20, lambda: "Entering BACKUP" in before.log().rpartition("FAULT")[2])
    assert pair.holders() == [other.name], "whoever has it keeps it"


def test_a_move_that_is_killed_holds_connections_back_for_seconds_alone(pair: Pair) -> None:
    before = pair.holder
    script = ENDPOINT.read_text()
    rules = script[script.index("table inet congress-ha-move") : script.index("\nEND\n")]
    assert " timeout 15s " in rules
    file = before.folder / "held.nft"
    file.write_text(rules.replace("$port", str(PORT)).replace("timeout 15s", "timeout 2s"))
    assert before.run("nft", "-f", file).stderr == ""
    with pytest.raises(OSError, match="timed out"):
        pair.get(timeout=0.5)
    wait_for("new connections are served again", 10, lambda: pair.get(timeout=2), pause=0.1)
    assert before.run("nft", "delete", "table", "inet", "congress-ha-move").returncode == 0


def test_a_move_whose_terminal_is_lost_leaves_a_host_that_takes_part(pair: Pair) -> None:
    before, other = pair.holder, pair.standby
    # The move then waits for the other host in vain.
    other.keepalived("stop")
    try:
        moving = subprocess.Popen(before.command(ENDPOINT, "move"), env={**os.environ, **before.environment})
        wait_for("it has stopped keepalived", 60, lambda: not before.runs_keepalived(), pause=0.02)
        moving.send_signal(signal.SIGHUP)
        assert moving.wait(20) != 0
        wait_for("it has the address again", 20, before.holds, pause=0.05)
        assert before.run("nft", "list", "table", "inet", "congress-ha-move").returncode != 0
    finally:
        other.keepalived("start")


def test_a_move_on_the_standby_is_refused_and_changes_nothing(pair: Pair) -> None:
    holder = pair.holder
    moved = pair.standby.endpoint("move")
    assert moved.returncode == 1
    assert "does not hold" in moved.stderr
    assert pair.holders() == [holder.name]


def test_without_the_other_one_the_address_stays(pair: Pair) -> None:
    before, other = pair.holder, pair.standby
    other.keepalived("stop")
    try:
        moved = before.endpoint("move")
        assert (moved.returncode, moved.stdout) == (1, "")
        assert "the other host did not take the address" in moved.stderr
        wait_for("it has it again", 20, before.holds, pause=0.05)
        assert pair.get() in {engine.node_id for engine in pair.engines}
    finally:
        other.keepalived("start")


def test_a_killed_keepalived_leaves_no_second_holder(pair: Pair) -> None:
    """Tests the command that systemd runs after keepalived has ended."""
    before, other = pair.holder, pair.standby
    parent, child = (before.pid(file) for file in ("keepalived.pid", "vrrp.pid"))
    # A running parent would start another child. A child whose parent has ended would hand the address over.
    os.kill(parent, signal.SIGSTOP)
    os.kill(child, signal.SIGKILL)
    os.kill(parent, signal.SIGKILL)
    wait_for("both processes are gone", 20, lambda: not before.runs_keepalived(), pause=0.05)
    wait_for("the other one has it as well", 20, other.holds, pause=0.05)
    assert len(pair.holders()) == 2
    assert before.endpoint("release").returncode == 0
    assert pair.holders() == [other.name]
    before.keepalived("start")
    wait_for("it is standby", 20, lambda: before.endpoint("held").returncode == 0, pause=0.05)


def test_a_killed_vrrp_process_leaves_one_holder(pair: Pair) -> None:
    """Its parent starts it again, and systemd does not notice."""
    before = pair.holder
    file = before.folder / "vrrp.pid"
    pid = file.read_text()
    os.kill(int(pid), signal.SIGKILL)
    wait_for("keepalived starts it again", 20, lambda: file.exists() and file.read_text() not in ("", pid))
    wait_for("one holds the address", 20, lambda: len(pair.holders()) == 1, pause=0.1)
    for _ in range(20):
        assert len(pair.holders()) == 1
    assert pair.get() in {engine.node_id for engine in pair.engines}


def test_the_vrrp_process_may_compute_for_a_second(pair: Pair) -> None:
    """With keepalived's own limit of 10 ms the kernel killed it now and then, and the address moved."""
    for balancer in pair.balancers:
        limits = Path(f"/proc/{balancer.pid('vrrp.pid')}/limits").read_text()
        (limit,) = [line for line in limits.splitlines() if line.startswith("Max realtime timeout")]
        assert limit.split()[-2] == "1000000"


def test_two_that_do_not_hear_each_other_both_serve_and_the_higher_address_stays(pair: Pair) -> None:
    """A split brain: docs/operate.md describes it."""
    one = pair.holder
    cut = pair.folder / "cut.nft"
    chains = "".join(
        f"chain {way} {{ type filter hook {way} priority 0; meta l4proto 112 drop; }}\n"
        for way in ("input", "output")
    )
    cut.write_text(f"table inet cut {{\n{chains}}}\n")
    assert one.run("nft", "-f", cut).stderr == ""
    wait_for("both hold the address", 20, lambda: len(pair.holders()) == 2, pause=0.1)
    for address in (VIRTUAL, *ADDRESSES.values()):
        assert pair.get(address=address) in {engine.node_id for engine in pair.engines}
    assert one.run("nft", "delete", "table", "inet", "cut").returncode == 0
    wait_for("one gives it up", 20, lambda: len(pair.holders()) == 1, pause=0.1)
    assert pair.holders() == ["load-balancer-2"]


def table(balancer: LoadBalancer) -> str:
    return balancer.runtime("show table policy_engines")


def test_a_client_stays_on_its_engine_when_the_address_moves(pair: Pair) -> None:
    mine = pair.get()
    for _ in range(2):
        wait_for("both know it", 10, lambda: all(ELSEWHERE in table(known) for known in pair.balancers))
        assert pair.holder.endpoint("move").returncode == 0
        assert {pair.get() for _ in range(10)} == {mine}


def test_a_drained_engine_gets_nothing_from_either(pair: Pair) -> None:
    leaving, stays = pair.engines

    def seen(balancer: LoadBalancer, engine: str) -> str:
        return pair.ask(f"http://{balancer.address}:{STATE_PORT}/{engine}")

    done = leaving.drain("out", "20")
    assert (done.returncode, done.stdout) == (0, f"{leaving.node_id} has no requests any more\n"), done.stderr
    assert {seen(balancer, leaving.node_id) for balancer in pair.balancers} == {"1 0 0\n"}
    for address in (VIRTUAL, *ADDRESSES.values()):
        assert {pair.get(address=address) for _ in range(5)} == {stays.node_id}
    done = leaving.drain("back", "20")
    assert done.returncode == 0, done.stdout
    assert {seen(balancer, leaving.node_id)[:6] for balancer in pair.balancers} == {"1 100 "}


@contextmanager
def third(pair: Pair) -> Iterator[None]:
    """Another host of the network says that it holds the address, with more weight than the two."""
    namespace, folder = pair.namespace("third"), pair.folder / "third"
    folder.mkdir()
    peers = "\n".join(ADDRESSES.values())
    (folder / "keepalived.conf").write_text(f"""
vrrp_instance endpoint {{
version 3
state MASTER
priority 254
interface eth0
virtual_router_id 51
advert_int 0.5
unicast_src_ip {THIRD}
unicast_peer {{
    {peers}
}}
virtual_ipaddress {{
    10.77.0.11/32 dev eth0
}}
}}
""")
    options = [
        "-n",
        "-l",
        "-f",
        folder / "keepalived.conf",
        "-p",
        folder / "pid",
        "-r",
        folder / "vrrp.pid",
    ]
    argv = ["ip", "netns", "exec", namespace, program("keepalived"), *map(str, options)]
    with running(argv, folder / "log"):
        yield


def test_nobody_else_says_who_holds_the_address(pair: Pair) -> None:
    holder = pair.holder
    with third(pair):
        wait_for("it says so", 20, lambda: "MASTER" in (pair.folder / "third/log").read_text(), pause=0.1)
        for _ in range(20):
            assert pair.holders() == [holder.name]
