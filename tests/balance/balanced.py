"""Two engines that only count, with their real agents, behind a real HAProxy with the real configuration."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from components.template import ROOT, render
from tests.acceptance.waiting import wait_for
from tests.certificates import authority
from tests.render.judges import program

DRAIN = ROOT / "files/policy_engines/congress_drain.py"
HEALTH = "/health"


class Engine:
    """Answers with its id.

    A request for /slow takes as long as `pause`; `serving` is set when one came. `healthy`: health checks get 200.
    `forwarded`: what the last other request said of its way.
    """

    def __init__(self, number: int, run: Path) -> None:
        self.node_id = f"policy-engine-{number}"
        self.run, self.pause, self.healthy = run, 1.0, True
        self.serving = threading.Event()
        self.forwarded: dict[str, str] = {}
        engine = self

        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1  # HAProxy's check hangs up after the first line

            def do_GET(self) -> None:
                if self.path == "/slow":
                    engine.serving.set()
                    time.sleep(engine.pause)
                if self.path != HEALTH:
                    engine.forwarded = {
                        name: told for name, told in self.headers.items() if "forwarded" in name.lower()
                    }
                self.send_response(200 if engine.healthy or self.path != HEALTH else 500)
                self.end_headers()
                self.wfile.write(engine.node_id.encode())

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.agent_port = free_port()

    def drain(self, *words: str, main_pid: bool = True) -> subprocess.CompletedProcess[str]:
        """What the unit and the step run."""
        extra = {"MAINPID": "1"} if main_pid else {}
        return subprocess.run(
            [DRAIN, words[0], self.node_id, *words[1:]],
            env={**os.environ, "CONGRESS_DRAIN_RUN": str(self.run), **extra},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


class Balanced:
    def __init__(self, folder: Path, engines: list[Engine]) -> None:
        self.folder, self.engines = folder, engines
        self.port, self.state_port, self.statistics = free_port(), free_port(), free_port()
        self.peer_port = free_port()
        self.config, self.identity = folder / "haproxy.cfg", folder / "endpoint.pem"
        self.authority = authority()
        self.tls = ssl.create_default_context(cadata=self.authority.pem)
        self.renew()
        self.process: subprocess.Popen[bytes]

    def engine(self, node_id: str) -> Engine:
        return next(engine for engine in self.engines if engine.node_id == node_id)

    def renew(self) -> None:
        """Another certificate, as a later `up` puts it."""
        own = self.authority.sign("endpoint", addresses=["127.0.0.1"])
        self.identity.write_text(own.pem + own.key)

    def shown(self) -> str:
        """The certificate that a new connection gets, PEM."""
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def write(self, engines: list[Engine]) -> None:
        """The template's text, with what only a host has (users, syslog, fixed ports) replaced."""
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
            {"servers": servers, "address": "127.0.0.1", "port": self.port, "state_port": self.state_port},
        )
        for old, new in (
            (r"^    (user|group|log) .*\n", ""),
            (r"/etc/haproxy/endpoint.pem", str(self.identity)),
            (r"/run/haproxy/admin.sock", str(self.folder / "admin.sock")),
            (r"127\.0\.0\.1:8404", f"127.0.0.1:{self.statistics}"),
            (r"127\.0\.0\.1:8406", f"127.0.0.1:{self.peer_port}"),
        ):
            text, found = re.subn(old, new, text, flags=re.MULTILINE)
            assert found, old
        self.config.write_text(f"{text}\n")

    def get(self, path: str = "/v1/data", timeout: float = 30) -> str:
        url = f"https://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=timeout, context=self.tls) as answer:
            return str(answer.read().decode())

    def state(self, node_id: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.state_port}/{node_id}", timeout=5) as answer:
            return str(answer.read().decode())

    def until(self, node_id: str, state: str) -> None:
        """Wait until HAProxy thinks that of an engine: is it up, its weight, its requests."""
        wait_for(f"{node_id} is {state}", 15, lambda: self.state(node_id).startswith(state), pause=0.05)

    def worker(self) -> dict[str, str]:
        """What HAProxy tells of the process that answers at its socket."""
        return dict(line.split(": ", 1) for line in self.runtime("show info").splitlines() if ": " in line)

    def runtime(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(5)
            admin.connect(str(self.folder / "admin.sock"))
            admin.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def reload(self) -> None:
        """As the package's systemd unit does it; back when the new process answers."""
        old = self.worker()["Pid"]
        self.process.send_signal(signal.SIGUSR2)
        wait_for("a new process answers", 15, lambda: self.worker()["Pid"] != old, pause=0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(argv: list[Any], log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as said:
        process = subprocess.Popen(argv, stdout=said, stderr=said, env={**os.environ, **more})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def balanced(folder: Path) -> Iterator[Balanced]:
    run = folder / "run"
    run.mkdir()
    engines = [Engine(1, run), Engine(2, run)]
    balanced = Balanced(folder, engines)
    balanced.write(engines)
    with ExitStack() as stack:
        for engine in engines:
            threading.Thread(target=engine.server.serve_forever, daemon=True).start()
            stack.callback(engine.server.server_close)
            stack.callback(engine.server.shutdown)
            where = [engine.node_id, "127.0.0.1", str(engine.agent_port), str(balanced.state_port)]
            log = folder / f"{engine.node_id}.log"
            stack.enter_context(running([DRAIN, "agent", *where], log, CONGRESS_DRAIN_RUN=str(run)))
        haproxy = [program("haproxy"), "-W", "-db", "-f", balanced.config]
        balanced.process = stack.enter_context(running(haproxy, folder / "haproxy.log"))
        for engine in engines:
            balanced.until(engine.node_id, "1 1 ")
            wait_for("the agent is asked", 15, (run / f"{engine.node_id}.asked").exists, pause=0.05)
        yield balanced
