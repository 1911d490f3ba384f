"""Servers for running_lab.py: made as the demo user, everything named lab-test-*, reached by verified SSH."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack
import yaml

STATE = Path(os.environ.get("LAB_STATE", "/var/lib/congress-lab"))
PREFIX = "lab-test-"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def connect(cloud: str = "lab") -> Any:
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(STATE / "clouds.yaml")
    return openstack.connect(cloud=cloud)


def until(what: str, seconds: float, condition: Callable[[], Any]) -> Any:
    """The first true value of the condition."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.3)
    raise TimeoutError(f"{what}: not within {seconds:.0f} s")


def keygen(path: Path) -> tuple[str, str]:
    """Private and public key."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", path], check=True)
    return path.read_text(), path.with_suffix(".pub").read_text().strip()


def user_data(name: str, host_key: tuple[str, str]) -> str:
    """Cloud-config as a deployment on this lab would pass it, with what guest-settings.json asks for."""
    guest = json.loads((STATE / "guest-settings.json").read_text())
    return "#cloud-config\n" + yaml.safe_dump(
        {
            "hostname": name,
            "ssh_keys": {"ed25519_private": host_key[0], "ed25519_public": host_key[1]},
            "ca_certs": {"trusted": [Path(file).read_text() for file in guest.get("caFiles", [])]},
            "write_files": [
                {"path": "/etc/lab-test", "content": "written\n", "permissions": "0640"},
                {"path": "/etc/pip.conf", "content": f"[global]\ncert = {CA_BUNDLE}\n"},
            ],
            "packages": ["jq"],
            "runcmd": ["echo run > /root/runcmd"],
        }
    )


@dataclass(frozen=True)
class Guest:
    name: str
    id: str
    port: Any
    fixed: str
    floating: str
    seconds_to_active: float
    work: Path

    def ssh(self, command: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "3",
            "LogLevel": "ERROR",
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "2",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.work / f"known-{self.name}"),
        }
        args = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return subprocess.run(
            ["ssh", "-n", "-i", self.work / "key", *args, f"debian@{self.floating}", command],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def run(self, command: str, seconds: float = 60) -> str:
        done = self.ssh(command, seconds)
        assert done.returncode == 0, f"{self.name}: {command}: {done.stdout[-500:]}{done.stderr[-500:]}"
        return done.stdout.strip()

    def wait(self, command: str = "true", seconds: float = 180) -> None:
        until(f"ssh {self.name} {command}", seconds, lambda: self.ssh(command).returncode == 0)


def create(c: Any, work: Path, name: str, *, network: Any, group: Any, hints: dict[str, str]) -> Guest:
    """A server on a port of its own, with a floating IP, as soon as nova calls it active."""
    begin = time.monotonic()
    host_key = keygen(work / f"host-{name}")
    port = c.network.create_port(name=PREFIX + name, network_id=network.id, security_group_ids=[group.id])
    server = c.compute.create_server(
        name=PREFIX + name,
        image_id=c.image.find_image("debian-12").id,
        flavor_id=c.compute.find_flavor("m1.small").id,
        networks=[{"port": port.id}],
        key_name=PREFIX + "key",
        scheduler_hints=hints,
        user_data=base64.b64encode(user_data(name, host_key).encode()).decode(),
    )
    c.compute.wait_for_server(server, wait=180, interval=1)
    seconds = time.monotonic() - begin
    public = c.network.find_network("public").id
    floating = c.network.create_ip(floating_network_id=public, port_id=port.id, description=PREFIX)
    address = floating.floating_ip_address
    (work / f"known-{name}").write_text(f"{address} {host_key[1]}\n")
    return Guest(name, server.id, port, port.fixed_ips[0]["ip_address"], address, seconds, work)


def make_network(c: Any) -> tuple[Any, Any]:
    """Network behind a router, and a security group: SSH, ICMP, and everything from its own members."""
    mtu = json.loads((STATE / "network-settings.json").read_text())
    net = c.network.create_network(name=PREFIX + "net", mtu=mtu["mtu"])
    subnet = c.network.create_subnet(
        name=PREFIX + "net",
        network_id=net.id,
        cidr="10.77.0.0/24",
        ip_version=4,
        dns_nameservers=mtu["dnsServers"],
    )
    gateway = {"network_id": c.network.find_network("public").id}
    router = c.network.create_router(name=PREFIX + "router", external_gateway_info=gateway)
    c.network.add_interface_to_router(router, subnet_id=subnet.id)
    group = c.network.create_security_group(name=PREFIX + "group")
    for rule in (
        {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22},
        {"protocol": "icmp"},
        {"remote_group_id": group.id},
    ):
        c.network.create_security_group_rule(
            security_group_id=group.id, direction="ingress", ethertype="IPv4", **rule
        )
    return net, group


def clean(c: Any) -> None:
    """Remove everything that the tests have made, also what an earlier run left."""
    servers = [s for s in c.compute.servers() if s.name.startswith(PREFIX)]
    for server in servers:
        c.compute.delete_server(server)
    for server in servers:
        c.compute.wait_for_delete(server, wait=120)
    for floating in [ip for ip in c.network.ips() if ip.description == PREFIX]:
        c.network.delete_ip(floating)
    for port in [p for p in c.network.ports() if p.name.startswith(PREFIX)]:
        c.network.delete_port(port)
    for router in [r for r in c.network.routers() if r.name.startswith(PREFIX)]:
        for port in list(c.network.ports(device_id=router.id, device_owner="network:router_interface")):
            c.network.remove_interface_from_router(router, port_id=port.id)
        c.network.delete_router(router)
    for items, delete in (
        (c.network.networks(), c.network.delete_network),
        (c.network.security_groups(), c.network.delete_security_group),
        (c.compute.server_groups(), c.compute.delete_server_group),
        (c.compute.keypairs(), c.compute.delete_keypair),
    ):
        for item in [i for i in items if i.name.startswith(PREFIX)]:
            delete(item)
