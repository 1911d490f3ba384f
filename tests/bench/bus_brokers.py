"""Three real RabbitMQ, each on a host of its own (a network namespace), as a cluster or independent of each other."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.foundation.template import render
from tests.balance.support.namespaces import ip, network
from tests.support.certificates import authority
from tests.support.programs import program, run
from tests.support.waiting import wait_for

RABBITMQ = Path("/usr/lib/rabbitmq/bin")
ADDRESSES = {"a": "10.77.0.11", "b": "10.77.0.12", "c": "10.77.0.13"}
VIRTUAL, CLIENTS = "10.77.0.10", "10.77.0.2"
PORT, PASSWORD = 5671, "of-the-bench"
# For the bench alone.
MORE = """
default_user = congress
default_pass = {password}
loopback_users = none
log.console = true
"""
# The address of independent brokers: it moves when a broker no longer listens, or a host is silent.
ADDRESS = """
global_defs {{
    vrrp_version 3
    vrrp_garp_master_refresh 10
    script_user root
}}
vrrp_script listens {{
    script "{folder}/listens"
    interval 1
    fall 1
    rise 1
    init_fail
}}
vrrp_instance bus {{
    state BACKUP
    nopreempt
    priority 200
    interface eth0
    virtual_router_id 52
    advert_int 0.5
    unicast_src_ip {address}
    unicast_peer {{
        {peers}
    }}
    virtual_ipaddress {{
        {virtual}/32 dev eth0
    }}
    track_script {{
        listens
    }}
}}
"""


class Broker:
    def __init__(self, name: str, namespace: str, folder: Path, *, cluster: bool) -> None:
        self.name, self.namespace, self.address = name, namespace, ADDRESSES[name]
        self.port = f"port{list(ADDRESSES).index(name)}"
        self.switch = f"{namespace.rpartition('-')[0]}-switch"
        self.folder, self.log = folder, folder / "rabbitmq.log"
        self.environment = {"HOME": str(folder)} | {
            f"RABBITMQ_{name}": str(value)
            for name, value in {
                "CONFIG_FILE": folder / "rabbitmq.conf",
                "CONF_ENV_FILE": folder / "rabbitmq-env.conf",
                "MNESIA_BASE": folder / "mnesia",
                "LOG_BASE": folder,
                "LOGS": "-",
                "PID_FILE": folder / "pid",
                "ENABLED_PLUGINS_FILE": folder / "plugins",
            }.items()
        }
        self.configure(cluster=cluster)
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, *, cluster: bool) -> None:
        """Write the files that the step writes into the broker's folder."""
        context = {
            # Each independent broker also serves at the virtual address.
            "address": self.address if cluster else "0.0.0.0",
            "port": PORT,
            "ca_file": self.folder.parent / "ca.pem",
            "members": list(ADDRESSES.values()) if cluster else [],
        }
        names = ("rabbitmq.conf", *(("rabbitmq-env.conf", "inter_node_tls.config") if cluster else ()))
        for name in names:
            text = render(f"messaging/{name}.j2", context).replace("/etc/rabbitmq", str(self.folder))
            (self.folder / name).write_text(f"{text}\n")
        with (self.folder / "rabbitmq.conf").open("a") as file:
            file.write(MORE.format(password=PASSWORD))
        if not cluster:
            (self.folder / "rabbitmq-env.conf").write_text(
                f"NODENAME=rabbit@{self.address}\nUSE_LONGNAME=true\n"
            )
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text("C" * 32)
        cookie.chmod(0o400)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, RABBITMQ / "rabbitmq-server"],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )

    def start_keepalived(self) -> None:
        """Start keepalived, which gives one of the brokers the address that they share."""
        script = self.folder / "listens"
        script.write_text(f"#!/bin/sh\nss -Hltn 'sport = :{PORT}' | grep -q .\n")
        script.chmod(0o755)
        peers = "\n".join(address for address in ADDRESSES.values() if address != self.address)
        text = ADDRESS.format(folder=self.folder, address=self.address, peers=peers, virtual=VIRTUAL)
        file = self.folder / "keepalived.conf"
        file.write_text(text)
        pids = f"-p {self.folder}/keepalived.pid -r {self.folder}/vrrp.pid"
        words = [program("keepalived"), *f"-n -l -D -f {file} {pids}".split()]
        with (self.folder / "keepalived.log").open("ab") as log:
            self.keepalived = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *words], stdout=log, stderr=log
            )

    def wait(self, seconds: float = 500) -> None:
        wait_for(f"{self.name} serves", seconds, self.serves)

    def serves(self) -> bool:
        words = ("ip", "netns", "exec", self.namespace, "ss", "-Hltn", f"sport = :{PORT}")
        return bool(run(*words).stdout.strip())

    def holds_address(self) -> bool:
        return VIRTUAL in run("ip", "-n", self.namespace, "-br", "address", "show", "dev", "eth0").stdout

    def control(self, *words: str, program: str = "rabbitmqctl", deadline: float = 120) -> str:
        done = run(
            "ip", "netns", "exec", self.namespace, RABBITMQ / program, "-q", *words,
            env=self.environment, deadline=deadline,
        )  # fmt: skip
        return done.stdout + done.stderr

    def pids(self, *names: str) -> list[int]:
        found = [int(pid) for pid in run("ip", "netns", "pids", self.namespace).stdout.split()]
        return [pid for pid in found if not names or _name(pid) in names]

    def signal(self, number: signal.Signals) -> None:
        for pid in self.pids("beam.smp"):
            os.kill(pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.reap()

    def stop(self) -> None:
        """Stop a broker as systemd stops the unit: send SIGTERM, then wait."""
        self.signal(signal.SIGTERM)
        self.reap()

    def reap(self) -> None:
        if self.process is not None:
            self.process.wait(120)
            self.process = None

    def link(self, state: str) -> None:
        ip("-n", self.switch, "link", "set", self.port, state)

    def power_off(self) -> None:
        self.link("down")
        self.kill()
        for pid in self.pids("epmd"):
            os.kill(pid, signal.SIGKILL)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@contextmanager
def brokers(folder: Path, *, cluster: bool) -> Iterator[tuple[dict[str, Broker], str]]:
    """The brokers, started, and the namespace of their clients."""
    signer = authority()
    folder.joinpath("ca.pem").write_text(signer.pem)
    with network({**ADDRESSES, "clients": CLIENTS}) as namespace:
        found: dict[str, Broker] = {}
        for name, address in ADDRESSES.items():
            folder.joinpath(name).mkdir()
            own = [address] if cluster else [address, VIRTUAL]
            # Erlang compares the host part of a node's name with DNS names alone.
            signed = signer.sign(f"broker {name}", names=[address], addresses=own)
            folder.joinpath(name, "congress.pem").write_text(signed.pem + signed.key)
            found[name] = Broker(name, namespace(name), folder / name, cluster=cluster)
        try:
            for broker in found.values():
                broker.start()
            for broker in found.values():
                broker.wait()
                if not cluster:
                    broker.start_keepalived()
            yield found, namespace("clients")
        finally:
            for broker in found.values():
                for pid in broker.pids():
                    os.kill(pid, signal.SIGKILL)
                broker.reap()
