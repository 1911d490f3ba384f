"""A real RabbitMQ with TLS, and what Congress's nodes and probes use to connect to it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.foundation.template import render
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.congress_runtime.support.tls_server import OWN, TlsServer
from tests.render.support.contexts.common import PASSWORD
from tests.render.support.contexts.congress_host import CONGRESS
from tests.render.support.contexts.messaging import MESSAGING
from tests.support.ports import free_port
from tests.support.programs import congress_python, run, running
from tests.support.waiting import wait_for

RABBITMQ = Path("/usr/lib/rabbitmq/bin")
# Of rabbitmq.sh.j2.
CLEAR = "ssl:clear_pem_cache()."


class Bus(TlsServer):
    """RabbitMQ with the template's configuration, in a folder and on ports of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        text = render("messaging/rabbitmq.conf.j2", {**MESSAGING, "address": OWN, "port": self.port})
        text = text.replace("/etc/rabbitmq/congress.pem", str(self.identity))
        folder.joinpath("rabbitmq.conf").write_text(
            f"{text}\ndefault_user = congress\ndefault_pass = {PASSWORD}\nloopback_users = none\n"
        )
        own = {
            "NODENAME": "tls@localhost",
            "CONFIG_FILE": folder / "rabbitmq.conf",
            "CONF_ENV_FILE": "/dev/null",
            "MNESIA_BASE": folder / "mnesia",
            "LOG_BASE": folder,
            "LOGS": "-",
            "PID_FILE": folder / "pid",
            "ENABLED_PLUGINS_FILE": folder / "plugins",
            "DIST_PORT": free_port(),
        }
        self.environment = {f"RABBITMQ_{name}": str(value) for name, value in own.items()}
        self.environment |= {"HOME": str(folder), "ERL_EPMD_PORT": str(free_port())}

    def reload(self) -> None:
        self.control("eval", CLEAR)

    def control(self, *words: str) -> str:
        done = run(RABBITMQ / "rabbitmqctl", "-q", *words, env=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def configuration(self, ca_file: Path | None = None, *, tls: bool = True) -> Path:
        """congress.conf, for this bus."""
        text = render("congress_host/congress.conf.j2", {**CONGRESS, "bus_ca_file": ca_file or self.ca_file})
        assert "\nssl = True\n" in text
        file = self.folder / "congress.conf"
        file.write_text(
            text.replace("@10.20.0.6:5671", f"@127.0.0.1:{self.port}").replace("ssl = True", f"ssl = {tls}")
        )
        return file

    def with_first(self, host: str) -> Path:
        """congress.conf with another host before this bus."""
        text = self.configuration().read_text()
        here = f"congress:{PASSWORD}@127.0.0.1:{self.port}"
        assert here in text
        file = self.folder / "two_hosts.conf"
        file.write_text(text.replace(here, f"congress:{PASSWORD}@{host},{here}"))
        return file

    @contextmanager
    def served(self) -> Iterator[None]:
        """RabbitMQ runs inside the context. At the end, the epmd that it started ends, too."""
        log = self.folder / "rabbitmq.log"
        try:
            with running([RABBITMQ / "rabbitmq-server"], log, **self.environment):
                wait_for("RabbitMQ has started", 90, lambda: "Server startup complete" in log.read_text())
                yield
        finally:
            epmd = shutil.which("epmd")
            if epmd:
                subprocess.run(
                    [epmd, "-kill"], env={**os.environ, **self.environment}, capture_output=True, check=False
                )

    def pinged(self, configuration: Path) -> str:
        """What congress_runtime.probes.ping says. No datasource node serves here, so it cannot get an answer."""
        done = run(
            congress_python(), "-m", "congress_runtime.probes.ping", configuration, "2", env=ENVIRONMENT
        )
        return done.stdout + done.stderr
