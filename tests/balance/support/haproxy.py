"""Fake engines, with their real agents, behind a real HAProxy with the real configuration."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Generic, TypeVar

from components.foundation.template import ROOT, render
from tests.support.certificates import authority
from tests.support.ports import reserved_port
from tests.support.programs import program, running
from tests.support.waiting import wait_for

DRAIN = ROOT / "files/policy_engines/congress_drain.py"
HEALTH = "/health"
# HAProxy's state of an engine: whether it is up, and its weight.
FREE, BUSY, DOWN = "1 100 ", "1 1 ", "0 "


class Engine:
    """An engine as HAProxy and its agent see it: ports and a name."""

    address = "127.0.0.1"
    # Words before a command, so that it runs where the engine does.
    where: tuple[str, ...] = ()

    def __init__(self, number: int, run: Path) -> None:
        self.node_id, self.run = f"policy-engine-{number}", run
        self.port, self.agent_port = reserved_port(), reserved_port()

    def started(self) -> AbstractContextManager[object]:
        raise NotImplementedError

    def drain(self, *words: str, main_pid: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command of the unit and of the step."""
        extra = {"MAINPID": "1"} if main_pid else {}
        return subprocess.run(
            [*self.where, DRAIN, words[0], self.node_id, *words[1:]],
            env={**os.environ, "CONGRESS_DRAIN_RUN": str(self.run), **extra},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


class Counting(Engine):
    """Answers with its id, each request in its own thread, so that it is never busy.

    A request for /slow takes `pause` seconds; `serving` is set when it arrives. `healthy`: health checks get 200.
    `loading`: health checks also report missing tables. `forwarded`: the Forwarded headers of the last other request.
    """

    def __init__(self, number: int, run: Path) -> None:
        super().__init__(number, run)
        self.pause, self.healthy, self.loading = 1.0, True, False
        self.serving = threading.Event()
        self.forwarded: dict[str, str] = {}

    @contextmanager
    def started(self) -> Iterator[None]:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/slow":
                    engine.serving.set()
                    time.sleep(engine.pause)
                if self.path != HEALTH:
                    engine.forwarded = {
                        name: value for name, value in self.headers.items() if "forwarded" in name.lower()
                    }
                self.send_response(200 if engine.healthy or self.path != HEALTH else 503)
                self.end_headers()
                more = "\nloading 3 tables\n" if engine.loading and self.path == HEALTH else ""
                self.wfile.write(f"{engine.node_id}{more}".encode())

            def log_message(self, *_: object) -> None: ...

        with self.listen(Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()

    def listen(self, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
        return ThreadingHTTPServer((self.address, self.port), handler)


E = TypeVar("E", bound=Engine)


class Balanced(Generic[E]):
    def __init__(self, folder: Path, engines: list[E]) -> None:
        self.folder, self.engines = folder, engines
        self.agents: dict[str, subprocess.Popen[bytes]] = {}
        self.port, self.state_port, self.statistics = reserved_port(), reserved_port(), reserved_port()
        self.peer_port = reserved_port()
        self.config, self.identity = folder / "haproxy.cfg", folder / "endpoint.pem"
        self.authority = authority()
        self.tls = ssl.create_default_context(cadata=self.authority.pem)
        self.renew()
        self.process: subprocess.Popen[bytes]

    def engine(self, node_id: str) -> E:
        return next(engine for engine in self.engines if engine.node_id == node_id)

    def renew(self) -> None:
        """Replace the certificate, as a later `up` does."""
        own = self.authority.sign("endpoint", addresses=["127.0.0.1"])
        self.identity.write_text(own.pem + own.key)

    def shown(self) -> str:
        """The certificate that a new connection gets, PEM."""
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def write(self, engines: list[E]) -> None:
        """Write the rendered template; replace what only a host has (users, syslog, fixed ports)."""
        servers = [
            {
                "id": number,
                "node_id": engine.node_id,
                "address": "127.0.0.1",
                "port": engine.port,
                "agent_port": engine.agent_port,
            }
            for number, engine in enumerate(engines, 1)
        ]
        text = render(
            "load_balancer/haproxy.cfg.j2",
            {
                "name": "load-balancer",
                "servers": servers,
                "address": "127.0.0.1",
                "virtual_address": "",
                "port": self.port,
                "state_port": self.state_port,
                "peers": [{"name": "load-balancer", "address": "127.0.0.1"}],
                "peer_port": self.peer_port,
            },
        )
        for old, new in (
            (r"^    (user|group|log) .*\n", ""),
            (r"/etc/haproxy/endpoint.pem", str(self.identity)),
            (r"/run/haproxy/admin.sock", str(self.folder / "admin.sock")),
            (r"127\.0\.0\.1:8404", f"127.0.0.1:{self.statistics}"),
        ):
            text, replacements = re.subn(old, new, text, flags=re.MULTILINE)
            assert replacements, old
        self.config.write_text(f"{text}\n")

    def get(self, path: str = "/v1/data", timeout: float = 30) -> str:
        url = f"https://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=timeout, context=self.tls) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            error.close()
            raise

    def state(self, node_id: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.state_port}/{node_id}", timeout=5) as answer:
            return str(answer.read().decode())

    def until(self, node_id: str, state: str) -> None:
        """Wait for HAProxy's state of an engine: whether it is up, its weight, its requests."""
        wait_for(f"{node_id} is {state}", 60, lambda: self.state(node_id).startswith(state), pause=0.05)

    def agent_asked(self, engine: Engine) -> bool:
        if self.agents[engine.node_id].poll() is not None:
            raise RuntimeError((self.folder / f"{engine.node_id}-agent.log").read_text())
        return (engine.run / f"{engine.node_id}.asked-127.0.0.1").exists()

    def worker(self) -> dict[str, str]:
        """HAProxy's information about the process that answers at its socket."""
        return dict(line.split(": ", 1) for line in self.runtime("show info").splitlines() if ": " in line)

    def runtime(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(5)
            admin.connect(str(self.folder / "admin.sock"))
            admin.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def reload(self) -> None:
        """Reload as the package's systemd unit does; return when the new process answers."""
        old = self.worker()["Pid"]
        self.process.send_signal(signal.SIGUSR2)
        wait_for("a new process answers", 15, lambda: self.worker()["Pid"] != old, pause=0.05)


@contextmanager
def agent(behind: Balanced[Any], engine: Engine) -> Iterator[None]:
    where = [engine.node_id, "127.0.0.1", str(engine.agent_port), str(behind.state_port), str(engine.port)]
    log = behind.folder / f"{engine.node_id}-agent.log"
    with running([DRAIN, "agent", *where], log, CONGRESS_DRAIN_RUN=str(engine.run)) as process:
        behind.agents[engine.node_id] = process
        yield


@contextmanager
def balanced(folder: Path, kind: type[E], count: int = 2) -> Iterator[Balanced[E]]:
    run = folder / "run"
    run.mkdir()
    engines = [kind(number, run) for number in range(1, count + 1)]
    behind = Balanced(folder, engines)
    behind.write(engines)
    with ExitStack() as stack:
        for engine in engines:
            stack.enter_context(engine.started())
            stack.enter_context(agent(behind, engine))
        haproxy = [program("haproxy"), "-W", "-db", "-f", behind.config]
        behind.process = stack.enter_context(running(haproxy, folder / "haproxy.log"))
        for engine in engines:
            behind.until(engine.node_id, FREE)
            asked = partial(behind.agent_asked, engine)
            wait_for(f"the agent of {engine.node_id} is asked", 60, asked, pause=0.05)
        yield behind
