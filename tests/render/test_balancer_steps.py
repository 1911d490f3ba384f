"""The steps of two load balancers, run as a host runs them; systemd alone is a stand-in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.foundation.template import render_step
from tests.render.support.cases import case
from tests.support.programs import private, program, run

# What this machine has stays as it is: the step writes into memory.
HOST = """
set -e
mount --bind /var/lib/dpkg /mnt
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/{congress-ha,dpkg,etc,etc-work,local,local-work,bin}
mount --bind /mnt /var/lib/dpkg
mount -t overlay overlay -o lowerdir=/etc,upperdir=/var/lib/etc,workdir=/var/lib/etc-work /etc
mount -t overlay overlay -o lowerdir=/usr/local,upperdir=/var/lib/local,workdir=/var/lib/local-work /usr/local
ip link add eth0 type veth peer name eth1
ip link set eth0 up
ip address add 10.20.0.4/24 dev eth0
%(holds)s
cat > /var/lib/bin/systemctl <<'END'
#!/bin/bash
case $1 in
  is-active) [ -e "/var/lib/active-${!#}" ] ;;
  *) echo "systemctl $*" ;;
esac
END
chmod +x /var/lib/bin/systemctl
export PATH=/var/lib/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /etc/haproxy
cp %(folder)s/haproxy.cfg /etc/haproxy/
touch /var/lib/active-haproxy
"""
SHOW = (
    "cat /etc/haproxy/haproxy.cfg; nft list tables; "
    "ls /etc/keepalived /etc/congress-ha /usr/local/sbin /etc/apt/apt.conf.d"
)


class Balancer:
    """A host on which a single load balancer runs; `holds`: keepalived gave it the address."""

    def __init__(self, folder: Path, *, holds: bool = True) -> None:
        for name in ("keepalived", "nft", "socat", "curl"):
            program(name)
        self.folder = folder
        (folder / "haproxy.cfg").write_text(case("load_balancer/haproxy.cfg.j2").text)
        (folder / "step").write_text(
            "STEP=load-balancer-keepalived\n"
            + render_step(
                "load_balancer/keepalived.sh.j2",
                case("load_balancer/keepalived.sh.j2", "first-of-two").context,
            ).replace("wait_until 20 ", "wait_until 2 ")
        )
        address = "ip address add 10.20.0.8/32 dev eth0" if holds else ""
        self.host = HOST % {"folder": folder, "holds": address}

    def does(self, *commands: str) -> tuple[int, str, str]:
        done = run(*private([program("bash"), "-c", self.host + "\n".join(commands)], {}))
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def step(tmp_path: Path) -> str:
    return f"bash {tmp_path}/step"


def test_one_that_was_alone_serves_the_virtual_address_before_the_floating_ip_moves(
    tmp_path: Path, step: str
) -> None:
    status, said, errors = Balancer(tmp_path).does(step, SHOW)
    assert (status, errors) == (0, "")
    assert "    bind :1789 ssl crt" in said
    assert "bind 10.20.0.4:1789" not in said
    assert "table inet congress-ha-vrrp" in said
    assert "91congress-ha-keepalived" in said
    order = ["systemctl reload haproxy", "systemctl daemon-reload", "systemctl reload-or-restart keepalived"]
    assert [line for line in said.splitlines() if line in order] == order


def test_a_second_run_disturbs_nobody(tmp_path: Path, step: str) -> None:
    status, said, errors = Balancer(tmp_path).does(
        step, "touch /var/lib/active-keepalived", "echo again", step
    )
    assert (status, errors) == (0, "")
    assert not [
        line for line in said.partition("again")[2].splitlines() if "load " in line or "start" in line
    ]


def test_an_address_that_nobody_holds_ends_the_step(tmp_path: Path, step: str) -> None:
    status, _, errors = Balancer(tmp_path, holds=False).does(step)
    assert status == 1
    assert errors.startswith("nobody holds 10.20.0.8: ")


def test_the_engines_of_before_are_those_of_the_configuration_alone(tmp_path: Path) -> None:
    """The step waits for each engine that it removes, so the list must have no other servers."""
    script = case("load_balancer/haproxy.sh.j2", "first-of-two").text
    (function,) = re.findall(r"^configured\(\) \{.*\}$", script, re.MULTILINE)
    (tmp_path / "haproxy.cfg").write_text(case("load_balancer/haproxy.cfg.j2", "first-of-two").text)
    function = function.replace("/etc/haproxy/haproxy.cfg", f"{tmp_path}/haproxy.cfg")
    done = run(program("bash"), "-c", f"{function}\nconfigured")
    assert done.stdout.split() == ["policy-engine-1", "policy-engine-2"]


def test_one_that_is_alone_again_has_nothing_of_the_pair(tmp_path: Path, step: str) -> None:
    script = case("load_balancer/haproxy.sh.j2").text
    rest = script[script.index("# Remove what belonged to a second") :]
    (tmp_path / "rest").write_text(rest)
    status, said, errors = Balancer(tmp_path).does(
        step, "echo alone", f"bash -euo pipefail {tmp_path}/rest", SHOW
    )
    assert (status, errors) == (0, "")
    left = said.partition("alone\n")[2]
    assert "systemctl disable -q --now keepalived" in left
    for of_the_pair in (
        "congress-ha-vrrp",
        "congress-endpoint",
        "keepalived.conf\n",
        "device.conf",
        "vrrp.nft",
        "91congress-ha-keepalived",
    ):
        assert of_the_pair not in left, of_the_pair
