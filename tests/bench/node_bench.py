"""Real services for a real Congress node; see node_faults.py."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).parents[2]
FILES = ROOT / "files/congress"
DEADLINE = 15
DB_PORT, BUS_PORT, API_PORT = 23406, 25772, 21889
ENOUGH = 100.0
CONF = """
[DEFAULT]
transport_url = rabbit://congress:{bus_password}@127.0.0.1:{bus_port}/
replicated_policy_engine = True
auth_strategy = noauth
bind_host = 127.0.0.1
bind_port = {api_port}
api_paste_config = {venv}/etc/congress/api-paste.ini
encryption_key_path = {home}/keys
policy_library_path = {home}
datasource_sync_period = 5
use_syslog = True
default_log_levels = amqp=WARN,sqlalchemy=WARN,oslo_messaging.rpc.client=ERROR,stevedore=CRITICAL
[database]
connection = mysql+pymysql://congress:{db_password}@127.0.0.1:{db_port}/congress?charset=utf8
[oslo_concurrency]
lock_path = {home}/lock
[watchdog]
deadline = {deadline}
"""


def run(*command: str, **more: object) -> str:
    return subprocess.run(command, check=True, text=True, capture_output=True, timeout=ENOUGH, **more).stdout  # type: ignore[call-overload,no-any-return]


def wait(what: str, condition: Callable[[], object], seconds: float = ENOUGH) -> float:
    """Wait for `condition`; return the seconds."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - start


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Bench:
    """Database, bus and syslog for the nodes under test."""

    def __init__(self, home: pathlib.Path, venv: pathlib.Path) -> None:
        self.home, self.venv = home, venv
        self.python = str(venv / "bin" / "python")
        self.logged: list[str] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> None:
        site = next(self.venv.glob("lib/python3*/site-packages"))
        shutil.copytree(ROOT / "congress_runtime", site / "congress_runtime", dirs_exist_ok=True)
        shutil.copy(FILES / "congress_runtime.pth", site)
        for name in ("keys", "lock", "sbin", "dev", "mnesia", "mysql"):
            (self.home / name).mkdir()
        self.home.chmod(0o755)
        for name, user in (
            ("keys", "congress"),
            ("lock", "congress"),
            ("mnesia", "rabbitmq"),
            ("mysql", "mysql"),
        ):
            shutil.chown(self.home / name, user, user)
        for name, text in (
            ("crm_node", "echo this-host"),
            ("crm_resource", f'echo "$@" >> {self.home}/failed'),
        ):
            (self.home / "sbin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.home / "sbin" / name).chmod(0o755)
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={self.home}/sbin:/usr/sbin", "/usr/sbin")
        for name, numbers in (("null", "1 3"), ("zero", "1 5"), ("random", "1 8"), ("urandom", "1 9")):
            run("mknod", "-m", "666", f"{self.home}/dev/{name}", "c", *numbers.split())
        (self.home / "dev" / "shm").mkdir(mode=0o1777)
        run("mount", "--bind", f"{self.home}/dev", "/dev")
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        journal.bind("/dev/log")
        os.chmod("/dev/log", 0o666)  # noqa: PTH101, S103 - as journald's
        threading.Thread(target=self.listen, args=(journal,), daemon=True).start()
        self.database()
        self.bus()
        self.populate()

    def listen(self, journal: socket.socket) -> None:
        while True:
            self.logged.append(journal.recv(65536).decode(errors="replace"))

    def database(self) -> None:
        data = self.home / "mysql"
        if not (data / "mysql").exists():
            run("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=mysql")
        options = f"--no-defaults --user=mysql --datadir={data} --socket={data}/socket --port={DB_PORT} "
        options += "--bind-address=127.0.0.1 --innodb-buffer-pool-size=32M --innodb-flush-log-at-trx-commit=0"
        self.start("database", DB_PORT, ["mariadbd", *options.split()])

    def bus(self) -> None:
        self.start("bus", BUS_PORT, ["/usr/lib/rabbitmq/bin/rabbitmq-server"])
        run("/usr/lib/rabbitmq/bin/rabbitmqctl", "await_startup", env=self.bus_environment(), user="rabbitmq")

    def memory_for_bus(self, *, enough: bool) -> None:
        share = "0.4" if enough else "0.0000001"
        set_share = ("/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", "set_vm_memory_high_watermark", share)
        run(*set_share, env=self.bus_environment(), user="rabbitmq")

    def bus_environment(self) -> dict[str, str]:
        own = {"NODENAME": "faults@localhost", "NODE_PORT": BUS_PORT, "DIST_PORT": BUS_PORT + 1}
        own |= {
            "NODE_IP_ADDRESS": "127.0.0.1",
            "MNESIA_BASE": f"{self.home}/mnesia",
            "CONF_ENV_FILE": "/dev/null",
        }
        own |= {"LOG_BASE": f"{self.home}/mnesia", "PID_FILE": f"{self.home}/mnesia/pid", "LOGS": "-"}
        own |= {
            "ENABLED_PLUGINS_FILE": f"{self.home}/mnesia/plugins",
            "CONFIG_FILE": f"{self.home}/mnesia/none",
        }
        settings = {f"RABBITMQ_{name}": str(value) for name, value in own.items()}
        return {
            **settings,
            "HOME": f"{self.home}/mnesia",
            "ERL_EPMD_PORT": "24469",
            "PATH": os.environ["PATH"],
        }

    def start(self, name: str, port: int, command: list[str]) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            more = (
                {"env": self.bus_environment(), "user": "rabbitmq", "group": "rabbitmq"}
                if name == "bus"
                else {}
            )
            self.processes[name] = subprocess.Popen(  # type: ignore[call-overload]
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **more
            )
        wait(f"{name} on port {port}", lambda: listens(port))

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(ENOUGH)

    def config(self, name: str = "congress.conf", **changes: object) -> str:
        values = {"bus_port": BUS_PORT, "db_port": DB_PORT, "bus_password": "mq", "db_password": "db"}
        values |= {"api_port": API_PORT, "venv": self.venv, "home": self.home, "deadline": DEADLINE}
        path = self.home / name
        path.write_text(CONF.format(**{**values, **changes}))
        path.chmod(0o644)
        return str(path)

    def populate(self) -> None:
        rabbitmqctl = ("/usr/lib/rabbitmq/bin/rabbitmqctl", "-q")
        as_bus = {"env": self.bus_environment(), "user": "rabbitmq"}
        run(*rabbitmqctl, "add_user", "congress", "mq", **as_bus)
        run(*rabbitmqctl, "set_permissions", "congress", ".*", ".*", ".*", **as_bus)
        sql = "DELETE FROM mysql.global_priv WHERE User=''; FLUSH PRIVILEGES; CREATE DATABASE congress; "
        sql += "CREATE USER congress@'%' IDENTIFIED BY 'db'; GRANT ALL ON congress.* TO congress@'%'"
        run("mariadb", "--no-defaults", f"--socket={self.home}/mysql/socket", "-e", sql)
        run(f"{self.venv}/bin/congress-db-manage", "--config-file", self.config(), "upgrade", "head")

    def serving(self) -> bool:
        probe = [self.python, "-m", "congress_runtime.probes.datasource_node", "--config-file", self.config()]
        return not subprocess.run(probe, stdout=subprocess.DEVNULL, check=False).returncode

    @contextlib.contextmanager
    def node(self, *roles: str, config: str = "", program: str = "") -> Iterator[subprocess.Popen[bytes]]:
        command = [
            self.python,
            program or str(FILES / "congress-server"),
            f"--config-file={config or self.config()}",
        ]
        with (self.home / "node.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, *(roles or ("--datasources",)), "--node-id=node"],
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/bin:/bin", "OCF_RESOURCE_INSTANCE": "ds-node"},
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def serving_node(self, program: str = "") -> Iterator[subprocess.Popen[bytes]]:
        with self.node(program=program) as node:
            wait("the node serves", self.serving)
            yield node

    def reported(self) -> int:
        file = self.home / "failed"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def log_since(self, since: int) -> str:
        lines = [line for line in self.logged[since:] if "congress-guard" in line or "ends itself" in line]
        return "\n         ".join(line.strip("\0\n")[:400] for line in lines) or "(nothing)"
