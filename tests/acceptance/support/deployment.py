"""Operations of the acceptance tests on a deployment: change it, call its API, run commands on its hosts."""

from __future__ import annotations

import json
import os
import shlex
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import openstack
from openstack.connection import Connection

from scripts.dev_stack import StackError, check_lab
from tests.support.ports import listens, reserved_port
from tests.support.waiting import wait_for

LAB_STATE = Path(os.environ.get("LAB_STATE", "/var/lib/congress-lab"))
ROOT = Path(__file__).resolve().parents[3]
PULUMI = ROOT / "scripts/pulumi"
CONGRESS_HA = (sys.executable, "-m", "ops")
STACK = "dev"
# Programs that these tests start read this variable. With the user's STACK, they would destroy that stack.
os.environ["STACK"] = STACK
STEP = "command:remote:Command"
UNASKED = ("--yes", "--skip-preview", "--non-interactive")


class CommandError(AssertionError):
    """A command failed; the text is the end of its output."""


def setting_options(*settings: str) -> list[str]:
    """Options of `pulumi up` for settings such as policyEngines.syncPeriod=7, for one run."""
    changed = [part for s in settings for part in ("--config", f"congress-ha:{s}")]
    return ["--config-path", *changed] if settings else []


def run(command: Sequence[str | Path], *, timeout: float, stdin: str | None = None) -> str:
    """Run a command that must succeed within `timeout` seconds; return its standard output."""
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        shown = "\n".join((done.stdout + done.stderr).splitlines()[-200:])
        raise CommandError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{shown}")
    return done.stdout


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


def request(
    method: str,
    url: str,
    body: Any = None,
    timeout: float = 30,
    *,
    tls: ssl.SSLContext | None = None,
    token: str | None = None,
) -> Answer:
    """Send one HTTP request on its own connection; any status is an answer. `tls`: how to verify the server."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})}
    asked = urllib.request.Request(url, data=data, headers=sent, method=method)  # noqa: S310  http(s) only
    try:
        with urllib.request.urlopen(asked, timeout=timeout, context=tls) as response:  # noqa: S310
            status, text = response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read().decode()
    return Answer(status, json.loads(text) if text.strip().startswith(("{", "[")) else text)


def require_lab() -> None:
    """Exit with one clear line if the lab does not answer."""
    try:
        check_lab(LAB_STATE)
    except StackError as error:
        raise SystemExit(f"{error}; this is for its stack {STACK} alone: nothing was done") from None


@contextmanager
def lab_cloud(name: str) -> Iterator[Connection]:
    """The lab's cloud as the deploying user (`lab`) or as its administrator (`lab-admin`)."""
    require_lab()
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(LAB_STATE / "clouds.yaml")
    with openstack.connect(cloud=name) as connection:
        yield connection


class Deployment:
    """Stack `dev` on the lab. `folder`: for the SSH files of this run; `token`: sent with API requests."""

    def __init__(self, folder: Path) -> None:
        # scripts/pulumi uses the STACK of the environment, so another stack would be destroyed instead of dev.
        if (named := os.environ.get("STACK", STACK)) != STACK:
            raise SystemExit(f"this is for stack {STACK} alone, and STACK is {named}: nothing was done")
        require_lab()
        self.folder = folder
        self.token: str | None = None

    def up(self, *settings: str, timeout: float = 900) -> str:
        """Run `pulumi up`, with settings such as policyEngines.syncPeriod=7 for this run; return its output."""
        return self.up_with(*setting_options(*settings), timeout=timeout)

    def up_with(self, *options: str, timeout: float = 900) -> str:
        """Run `pulumi up` with these options; return its output."""
        printed = run([PULUMI, "up", *UNASKED, *options], timeout=timeout)
        self.forget()
        return printed

    def destroy(self, timeout: float = 600) -> str:
        return run([PULUMI, "destroy", *UNASKED], timeout=timeout)

    def exported(self) -> dict[str, Any]:
        """The stack's state."""
        state: dict[str, Any] = json.loads(run([PULUMI, "stack", "export"], timeout=120))["deployment"]
        return state

    def resources(self) -> dict[str, dict[str, Any]]:
        """URN -> the resource in the stack's state."""
        return {resource["urn"]: resource for resource in self.exported().get("resources", [])}

    def troubles(self) -> list[str]:
        """The problems that `make status` reports."""
        done = subprocess.run(
            [*CONGRESS_HA, "status", "--json"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in {0, 1, 3}, done.stderr
        findings = json.loads(done.stdout)["findings"]
        return [f"{f['role']}: {f['what']}" for f in findings if f["severity"] == "wrong"]

    def well(self, seconds: float) -> None:
        """Wait until `make status` reports no problem."""

        def nothing_wrong() -> bool:
            assert (troubles := self.troubles()) == [], troubles
            return True

        # Each `make status` takes seconds of processor time, which the deployment on the same machine needs, too.
        wait_for("all is well by itself", seconds, nothing_wrong, pause=3)

    def steps_run(self) -> dict[str, str]:
        """Name of every remote step -> time of its last run."""
        return {
            urn.rsplit("::", 1)[1]: resource["modified"]
            for urn, resource in self.resources().items()
            if resource["type"] == STEP
        }

    def forget(self) -> None:
        """Discard the cached outputs."""
        for cached in ("outputs", "tls"):
            self.__dict__.pop(cached, None)

    @cached_property
    def outputs(self) -> dict[str, Any]:
        printed = run([PULUMI, "stack", "output", "--json", "--show-secrets"], timeout=120)
        outputs: dict[str, Any] = json.loads(printed)
        for name, output in (
            ("ssh_config",) * 2,
            ("known_hosts", "ssh_known_hosts"),
            ("id_ed25519", "ssh_private_key"),
        ):
            file = self.folder / name
            file.touch(mode=0o600)
            file.write_text(outputs[output])
        return outputs

    @property
    def endpoint(self) -> str:
        return str(self.outputs["endpoint"])

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Verifies the endpoint only by the stack's certificate authority."""
        return ssl.create_default_context(cadata=self.outputs["ca_certificate"])

    @property
    def engines(self) -> list[dict[str, Any]]:
        """node_id, host, address and port of every engine."""
        return list(self.outputs["policy_engines"])

    def hosts(self, role: str) -> list[str]:
        return [name for name, host in self.outputs["hosts"].items() if role in host["roles"]]

    def ssh_command(self, host: str) -> list[str]:
        """The first words of an ssh command for a host, over a connection that stays open between commands."""
        assert self.outputs
        ssh = ["env", "-C", str(self.folder), "ssh", "-F", "ssh_config", "-o", "ControlPath=control-%C"]
        check = subprocess.run([*ssh, "-O", "check", host], capture_output=True, timeout=10, check=False)
        if check.returncode:
            # A separate process without our pipes, which it would keep open as long as it runs.
            options = ["-o", "ControlMaster=yes", "-o", "ControlPersist=60", "-o", "ConnectTimeout=30"]
            nothing = subprocess.DEVNULL
            subprocess.run(
                [*ssh, *options, "-fN", host],
                stdin=nothing,
                stdout=nothing,
                stderr=nothing,
                timeout=60,
                check=False,
            )
        return [*ssh, "-o", "ConnectTimeout=30", host]

    def on(self, host: str, command: str, timeout: float = 60) -> str:
        """Run a shell command as root on a host; return its output."""
        return run([*self.ssh_command(host), f"sudo bash -c {shlex.quote(command)}"], timeout=timeout).strip()

    def api(self, method: str, path: str, body: Any = None, timeout: float = 30) -> Answer:
        """Send a request to the endpoint."""
        return request(method, self.endpoint + path, body, timeout, tls=self.tls, token=self.token)

    def engine_pids(self) -> dict[str, str]:
        """node_id -> pid of each engine."""
        show = "systemctl show -P MainPID congress-policy-engine@"
        return {
            engine["node_id"]: self.on(engine["host"], show + engine["node_id"]) for engine in self.engines
        }

    def hang_up(self, hosts: Iterable[str]) -> None:
        """Close the open connections to hosts, which may lead to or through a server that no longer exists."""
        for host in hosts:
            end = ["ssh", "-F", "ssh_config", "-o", "ControlPath=control-%C", "-O", "exit", host]
            # There may be no connection, or it may just have ended.
            subprocess.run(end, cwd=self.folder, capture_output=True, timeout=10, check=False)

    @contextmanager
    def engine_urls(self) -> Iterator[dict[str, str]]:
        """node_id -> URL of only that engine, through a tunnel over the load balancer's host.

        The tunnel is a connection of its own: the one between commands ends after a minute without a command.
        """
        assert self.outputs
        ports = {engine["node_id"]: reserved_port() for engine in self.engines}
        targets = [f"127.0.0.1:{ports[e['node_id']]}:{e['address']}:{e['port']}" for e in self.engines]
        options = ["-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes", "-o", "ConnectTimeout=30"]
        command = ["ssh", "-F", "ssh_config", *options, "-N", *(f"-L{target}" for target in targets)]
        nothing = subprocess.DEVNULL
        with subprocess.Popen(
            [*command, "load-balancer"], cwd=self.folder, stdin=nothing, stdout=nothing, stderr=nothing
        ) as tunnel:
            try:
                wait_for(
                    "the tunnel to the engines", 60, lambda: all(listens(port) for port in ports.values())
                )
                yield {node_id: f"http://127.0.0.1:{port}" for node_id, port in ports.items()}
            finally:
                tunnel.terminate()
