"""lab/up refuses a machine that is not fit, with every reason and its way out, before it changes anything."""

from __future__ import annotations

import fcntl
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import facts as facts_module
from lab.facts import CGROUPS, Facts, is_locked
from lab.precheck import problems

LAB = Path(__file__).parents[2] / "lab"
ENV = {
    "LAB_NAME": "congress-lab",
    "LAB_STATE": "/var/lib/congress-lab",
    "LAB_SUITE": "bookworm",
    "LAB_NODES": "lab-ctl=10.233.0.10 lab-cmp1=10.233.0.11",
    "LAB_MGMT_BRIDGE": "lab-mgmt",
    "LAB_MGMT_CIDR": "10.233.0.0/24",
    "LAB_MGMT_GATEWAY": "10.233.0.1",
    "LAB_EXT_BRIDGE": "lab-ext",
    "LAB_EXT_CIDR": "10.233.100.0/24",
    "LAB_EXT_GATEWAY": "10.233.100.1",
    "LAB_EXT_POOL": "10.233.100.50 10.233.100.200",
}
DEFAULT = {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}
FIT = Facts(
    is_root=True,
    os_release='PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
    routes=[
        DEFAULT,
        {"dst": "192.0.2.0/24", "dev": "eth0"},
        {"type": "local", "dst": "192.0.2.2", "dev": "eth0"},
    ],
    links=[{"ifname": "lo"}, {"ifname": "eth0"}],
    addresses=[{"ifname": "eth0", "addr_info": [{"local": "192.0.2.2", "prefixlen": 24}]}],
    namespaces=frozenset(),
    resolvers=("192.0.2.53",),
    apt_sources=3,
    memory=20.0,
    disk=50.0,
    cgroups=frozenset(CGROUPS),
    kernel_lacks=(),
    nft_ruleset="",
    missing_commands=(),
    locked=False,
    has_state=False,
    runs=False,
)


def route(dst: str, dev: str = "eth1") -> dict[str, Any]:
    return {"dst": dst, "dev": dev}


def bridge(name: str, *addresses: str, kind: str | None = "bridge") -> dict[str, Any]:
    info = [{"local": address, "prefixlen": 24} for address in addresses]
    return {
        "links": [*FIT.links, {"ifname": name, "linkinfo": {"info_kind": kind} if kind else {}}],
        "addresses": [*FIT.addresses, {"ifname": name, "addr_info": info}],
    }


def test_a_fit_machine_has_no_problem() -> None:
    assert problems(ENV, FIT) == []


@pytest.mark.parametrize(
    ("change", "named", "way_out"),
    [
        ({"is_root": False}, "needs root", "sudo"),
        (
            {"os_release": 'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04"\n'},
            "Ubuntu 24.04",
            "Debian 12",
        ),
        (
            {"os_release": 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian 13"\n'},
            "Debian 13",
            "needs Debian 12",
        ),
        ({"os_release": ""}, "unknown system", "needs Debian 12"),
        ({"locked": True}, "another up, down or purge of congress-lab", "wait"),
        ({"apt_sources": 0}, "no Debian sources for bookworm", "/etc/apt/sources.list"),
        ({"routes": [*FIT.routes, route("10.233.0.128/25")]}, "10.233.0.0/24 is in use", "LAB_MGMT_CIDR"),
        ({"routes": [*FIT.routes, route("10.233.0.77")]}, "10.233.0.77 on eth1", "LAB_NODES"),
        ({"routes": [*FIT.routes, route("10.0.0.0/8", "tun0")]}, "10.0.0.0/8 on tun0", "LAB_MGMT_CIDR"),
        (
            {"routes": [*FIT.routes, {"type": "blackhole", "dst": "10.233.100.0/24"}]},
            "no device",
            "LAB_EXT_POOL",
        ),
        ({"routes": []}, "no default route", "connect"),
        ({"resolvers": ()}, "no name server", "/etc/resolv.conf"),
        (bridge("lab-mgmt", "172.16.0.1"), "lab-mgmt exists", "LAB_MGMT_BRIDGE"),
        (bridge("lab-ext", kind="dummy"), "lab-ext exists", "LAB_EXT_BRIDGE"),
        (bridge("lab-ext", kind=None), "lab-ext exists", "ip link del lab-ext"),
        ({"namespaces": frozenset({"lab-cmp1"})}, "namespace lab-cmp1", "lab/purge"),
        ({"cgroups": frozenset()}, "systemd, unified, cpu", "systemd.unified_cgroup_hierarchy=0"),
        ({"kernel_lacks": ("overlay", "vxlan")}, "overlay, vxlan", "linux-image-amd64"),
        ({"missing_commands": ("ip",)}, "ip", "apt-get install iproute2"),
        ({"memory": 3.14}, "3.1 GiB of memory", "9 GiB needed"),
        ({"disk": 2.0}, "2.0 GiB free for /var/lib/congress-lab", "LAB_STATE"),
        (
            {"nft_ruleset": "type filter hook forward priority filter; policy drop;"},
            "forwards nothing",
            "iptables -I FORWARD -i lab-mgmt -j ACCEPT",
        ),
    ],
)
def test_each_problem_is_one_line_with_its_way_out(change: dict[str, Any], named: str, way_out: str) -> None:
    messages = problems(ENV, replace(FIT, **change))
    assert [named in messages[0], way_out in messages[0], "\n" in messages[0]] == [True, True, False], (
        messages
    )
    # A wide route is in the way of both ranges.
    others = [line for line in messages[1:] if "is in use" not in line]
    assert others == []


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("LAB_MGMT_CIDR", "10.233.0.0/33", "LAB_MGMT_CIDR=10.233.0.0/33"),
        ("LAB_MGMT_CIDR", "10.233.0.1/24", "LAB_MGMT_CIDR=10.233.0.1/24"),
        ("LAB_MGMT_GATEWAY", "10.1.0.1", "LAB_MGMT_GATEWAY=10.1.0.1 is not in"),
        ("LAB_EXT_CIDR", "10.233.0.0/16", "overlap"),
        ("LAB_EXT_POOL", "10.233.101.50 10.233.100.200", "LAB_EXT_POOL: 10.233.101.50"),
        ("LAB_NODES", "lab-ctl=10.234.0.10", "LAB_NODES: 10.234.0.10"),
        ("LAB_NODES", "lab-ctl", "LAB_NODES: no address"),
        ("LAB_NODES", "lab-controller1=10.233.0.10", "longer than 10 characters"),
    ],
)
def test_wrong_settings_are_named(setting: str, value: str, named: str) -> None:
    messages = problems(ENV | {setting: value}, FIT)
    assert len(messages) == 1
    assert named in messages[0]


def test_all_problems_come_at_once() -> None:
    change: dict[str, Any] = {
        "is_root": False,
        "memory": 1.0,
        "resolvers": (),
        "routes": [DEFAULT, route("10.233.100.0/24")],
    }
    assert len(problems(ENV, replace(FIT, **change))) == 4


@pytest.mark.parametrize(
    "change",
    [
        # A lab that runs, or that was interrupted, leaves its own bridges, complete or half made.
        bridge("lab-mgmt", "10.233.0.1") | {"routes": [DEFAULT, route("10.233.0.0/24", "lab-mgmt")]},
        bridge("lab-mgmt"),
        # Clients of an acceptance run that was killed.
        bridge("lab-mgmt", "10.233.0.1", "10.233.0.230"),
        {"namespaces": frozenset({"lab-cmp1"}), "has_state": True},
        # A running lab already has its memory.
        {"runs": True, "memory": 1.0, "disk": 1.0},
        # A default route in halves gives way to the lab's ranges.
        {"routes": [DEFAULT, route("0.0.0.0/1", "tun0"), route("128.0.0.0/1", "tun0")]},
        {"nft_ruleset": "hook forward priority 0; policy drop;\niif lab-mgmt accept\niif lab-ext accept"},
    ],
)
def test_facts_that_are_no_problem(change: dict[str, Any]) -> None:
    assert problems(ENV, replace(FIT, **change)) == []


def test_the_lock_is_seen_only_while_it_is_held(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not is_locked(lock)
    lock.touch()
    assert not is_locked(lock)
    with lock.open() as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert is_locked(lock)
    assert not is_locked(lock)


def test_a_missing_program_gives_no_output_but_no_crash() -> None:
    assert facts_module.output("no-such-program-of-any-machine") == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="as root it would go on")
def test_up_without_root_touches_nothing(tmp_path: Path) -> None:
    refuse_and_touch_nothing(tmp_path, {})


def test_up_on_a_used_range_touches_nothing(tmp_path: Path) -> None:
    """The real lab/up on this machine: the loopback range is in use everywhere."""
    text = refuse_and_touch_nothing(
        tmp_path,
        {
            "LAB_MGMT_CIDR": "127.0.0.0/24",
            "LAB_MGMT_GATEWAY": "127.0.0.1",
            "LAB_NODES": "lab9-ctl=127.0.0.10",
        },
    )
    assert "address range 127.0.0.0/24 is in use" in text


def refuse_and_touch_nothing(tmp_path: Path, settings: dict[str, str]) -> str:
    state = tmp_path / "state"
    own = {"LAB_NAME": "lab-of-a-test", "LAB_STATE": str(state), "LAB_MGMT_BRIDGE": "lab9-mgmt"}
    run = subprocess.run(
        [LAB / "up"],
        env={**os.environ, **own, **settings},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 1
    assert "nothing was changed" in run.stderr
    assert not state.exists()
    return run.stderr
