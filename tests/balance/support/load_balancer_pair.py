"""Two load balancers, each on a separate host as far as the network is concerned: real HAProxy and real keepalived in
network namespaces, engines and clients in a third namespace, and a bridge between them.
"""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from components.foundation.template import ROOT, render
from tests.balance.support.haproxy import DRAIN, Counting
from tests.balance.support.namespaces import inside, ip, network
from tests.support.certificates import authority
from tests.support.programs import program, running
from tests.support.waiting import wait_for

ENDPOINT = ROOT / "files/load_balancer/congress-endpoint"
VIRTUAL, ELSEWHERE, THIRD = "10.77.0.10", "10.77.0.6", "10.77.0.7"
ADDRESSES = {"load-balancer": "10.77.0.4", "load-balancer-2": "10.77.0.5"}
PORT, STATE_PORT, PEER_PORT = 1789, 8405, 8406


class Engine(Counting):
    """An engine, which listens in the namespace of the clients."""

    def __init__(self, number: int, run: Path, namespace: str) -> None:
        super().__init__(number, run)
        self.namespace, self.port, self.agent_port = namespace, 1789 + number, 1889 + number
        self.address, self.where = ELSEWHERE, ("ip", "netns", "exec", namespace)

    def listen(self, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
        return inside(self.namespace, lambda: ThreadingHTTPServer((self.address, self.port), handler))


class LoadBalancer:
    """One of the two, with the files that a step puts there, except for the paths."""

    def __init__(self, pair: Pair, name: str) -> None:
        self.pair, self.name, self.address = pair, name, ADDRESSES[name]
        self.namespace = pair.namespace(name)
        self.folder = pair.folder / name
        self.folder.mkdir()
        self.haproxy: subprocess.Popen[bytes]
        self.environment = {
            "CONGRESS_ENDPOINT": str(self.folder / "endpoint.conf"),
            "admin": str(self.folder / "admin.sock"),
            "service": str(self.folder / "service"),
        }
        self.write()

    def write(self) -> None:
        (other,) = (known for known in ADDRESSES if known != self.name)
        context = {
            "name": self.name,
            "address": self.address,
            "other": {"name": other, "address": ADDRESSES[other]},
            "virtual_address": VIRTUAL,
            "port": PORT,
            "state_port": STATE_PORT,
            "peer_port": PEER_PORT,
            "peers": [{"name": known, "address": address} for known, address in ADDRESSES.items()],
            "servers": [
                {
                    "id": number,
                    "node_id": engine.node_id,
                    "address": engine.address,
                    "port": engine.port,
                    "agent_port": engine.agent_port,
                }
                for number, engine in enumerate(self.pair.engines, 1)
            ],
        }
        alive = self.folder / "alive"
        for file, replaced in {
            "haproxy.cfg": {
                "/etc/haproxy/endpoint.pem": self.pair.identity,
                "/run/haproxy/admin.sock": self.folder / "admin.sock",
                "    user haproxy\n    group haproxy\n": "",
            },
            "keepalived.conf": {
                "/usr/local/sbin/congress-endpoint alive": alive,
                "include /etc/keepalived/device.conf": "$DEVICE=eth0",
                "enable_script_security": "",
                "script_user nobody nogroup": "script_user root",
            },
            "vrrp.nft": {},
        }.items():
            text = render(f"load_balancer/{file}.j2", context)
            for old, new in replaced.items():
                assert old in text, old
                text = text.replace(old, str(new))
            (self.folder / file).write_text(f"{text}\n")
        known = {
            "virtual_address": VIRTUAL,
            "peer": ADDRESSES[other],
            "peer_port": PEER_PORT,
            "port": PORT,
        }
        lines = [f"{name}={value}" for name, value in known.items()]
        (self.folder / "endpoint.conf").write_text("\n".join(lines))
        exports = "\n".join(f"export {name}={value}" for name, value in self.environment.items())
        for name, script in (("alive", f"{exports}\nexec {ENDPOINT} alive"), ("service", self.service())):
            (self.folder / name).write_text(f"#!/bin/bash\n{script}\n")
            (self.folder / name).chmod(0o755)

    def service(self) -> str:
        """Stands in for systemctl: starts and stops only keepalived."""
        pid = self.folder / "keepalived.pid"
        options = f"-n -l -D -f {self.folder}/keepalived.conf -p {pid} -r {self.folder}/vrrp.pid"
        return f"""
case $1 in
  start) setsid {program("keepalived")} {options} >> {self.folder}/keepalived.log 2>&1 < /dev/null & ;;
  stop)
    known=$(cat {pid} 2> /dev/null) || exit 0
    kill "$known" && while kill -0 "$known" 2> /dev/null; do sleep 0.02; done ;;
esac"""

    def command(self, *words: str | Path) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def endpoint(self, word: str) -> subprocess.CompletedProcess[str]:
        return self.run(ENDPOINT, word)

    def log(self) -> str:
        """Keepalived's."""
        return (self.folder / "keepalived.log").read_text()

    def holds(self) -> bool:
        return self.endpoint("holds").returncode == 0

    def pid(self, file: str) -> int:
        return int((self.folder / file).read_text())

    def runs_keepalived(self) -> bool:
        """True also if only a part of it runs, or has ended and is not reaped: it cannot be started then."""
        try:
            return any(Path(f"/proc/{self.pid(file)}").exists() for file in ("keepalived.pid", "vrrp.pid"))
        except (OSError, ValueError):
            return False

    def runtime(self, command: str) -> str:
        return subprocess.run(
            ["socat", "-t5", "-", f"UNIX-CONNECT:{self.folder}/admin.sock"],
            input=f"{command}\n",
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    @contextmanager
    def started(self) -> Iterator[None]:
        self.run("nft", "-f", self.folder / "vrrp.nft")
        self.start_haproxy()
        self.keepalived("start")
        try:
            yield
        finally:
            self.keepalived("stop")
            self.haproxy.terminate()
            self.haproxy.wait(20)

    def start_haproxy(self) -> None:
        argv = self.command(program("haproxy"), "-W", "-db", "-f", self.folder / "haproxy.cfg")
        with (self.folder / "haproxy.log").open("ab") as said:
            self.haproxy = subprocess.Popen(argv, stdout=said, stderr=said)
        wait_for("HAProxy answers", 15, lambda: self.endpoint("alive").returncode == 0, pause=0.05)

    def keepalived(self, verb: str) -> None:
        self.run(self.folder / "service", verb, "keepalived")

    def cable(self, state: str) -> None:
        """Set the host's link. With `down`, the host looks off to the others."""
        ip("-n", self.namespace, "link", "set", "eth0", state)

    def kill_haproxy(self) -> None:
        """Kill all of its processes. Nothing starts it again."""
        children = Path(f"/proc/{self.haproxy.pid}/task/{self.haproxy.pid}/children").read_text().split()
        for pid in (self.haproxy.pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.haproxy.wait(20)


class Pair:
    def __init__(self, folder: Path, namespace: Callable[[str], str]) -> None:
        self.folder, self.namespace = folder, namespace
        self.identity = folder / "endpoint.pem"
        self.authority = authority()
        own = self.authority.sign("endpoint", addresses=[VIRTUAL, *ADDRESSES.values()])
        self.identity.write_text(own.pem + own.key)
        self.tls = ssl.create_default_context(cadata=self.authority.pem)
        run = folder / "run"
        run.mkdir()
        self.engines = [Engine(number, run, namespace("clients")) for number in (1, 2)]
        self.balancers = [LoadBalancer(self, name) for name in ADDRESSES]

    @property
    def holder(self) -> LoadBalancer:
        (found,) = [balancer for balancer in self.balancers if balancer.holds()]
        return found

    @property
    def standby(self) -> LoadBalancer:
        (found,) = [balancer for balancer in self.balancers if not balancer.holds()]
        return found

    def holders(self) -> list[str]:
        return [balancer.name for balancer in self.balancers if balancer.holds()]

    def get(self, path: str = "/v1/data", address: str = VIRTUAL, timeout: float = 30) -> str:
        return self.ask(f"https://{address}:{PORT}{path}", timeout)

    def ask(self, url: str, timeout: float = 30) -> str:
        """Send a request from the namespace of the clients, on its own connection."""

        def ask() -> str:
            try:
                with urllib.request.urlopen(url, timeout=timeout, context=self.tls) as answer:  # noqa: S310
                    return str(answer.read().decode())
            except urllib.error.HTTPError as error:
                # It has the connection, whose end would otherwise be a warning at any later moment.
                error.close()
                raise

        return inside(self.namespace("clients"), ask)


@contextmanager
def started(folder: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        namespace = stack.enter_context(network({**ADDRESSES, "clients": ELSEWHERE, "third": THIRD}))
        pair = Pair(folder, namespace)
        for engine in pair.engines:
            stack.enter_context(engine.started())
            words = [engine.node_id, engine.address, engine.agent_port, STATE_PORT, engine.port]
            agent = ["ip", "netns", "exec", namespace("clients"), str(DRAIN), "agent", *map(str, words)]
            log = folder / f"{engine.node_id}-agent.log"
            stack.enter_context(running(agent, log, CONGRESS_DRAIN_RUN=str(engine.run)))
        for balancer in pair.balancers:
            stack.enter_context(balancer.started())
        wait_for("one holds the address", 20, lambda: len(pair.holders()) == 1, pause=0.1)
        yield pair
