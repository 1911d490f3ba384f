"""Three real MariaDB servers with the agent, and a stand-in for Pacemaker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from components.foundation.template import ROOT
from tests.support import mariadb
from tests.support.certificates import authority
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

FILES, SUPPORT = ROOT / "files/database", ROOT / "tests/database/support"
RUNNING, STOPPED, PROMOTED = 0, 7, 8
NAMES = ("one", "two", "three")
# As templates/database/member.cnf.j2, with what one machine needs for three servers.
OPTIONS = """[mysqld]
user = root
datadir = {folder}/data
tmpdir = {folder}
socket = {folder}/socket
pid_file = {folder}/pid
bind_address = 127.0.0.1
port = {port}
server_id = {id}
skip_name_resolve
performance_schema = OFF
innodb_buffer_pool_size = 16M
innodb_log_file_size = 8M
ssl_cert = {folder}/identity.pem
ssl_key = {folder}/identity.pem
{replication}
!include {folder}/recovery.cnf
"""


class Node:
    """One member: its folder, and the agent and the command as they run on its host."""

    def __init__(self, folder: Path, name: str, port: int) -> None:
        self.folder, self.name, self.port = folder, name, port
        # Whether its host is in the cluster.
        self.present = True

    @property
    def environment(self) -> dict[str, str]:
        path = f"{SUPPORT / 'programs'}:{os.environ['PATH']}:/usr/sbin:/sbin"
        own = {"PATH": path, "CONGRESS_DATABASE": f"{self.folder}/database.json", "NODE": self.name}
        pacemaker = {"OCF_RESKEY_CRM_meta_on_node": self.name}
        return {**os.environ, **own, **pacemaker, "FOLDER": str(self.folder), "PYTHONPATH": str(FILES)}

    def run(self, file: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        argv, environment = [sys.executable, str(FILES / file), *arguments], {**self.environment, **variables}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=90, check=False)

    def start_unit(self) -> None:
        subprocess.run(["systemctl", "start", "mariadb"], env=self.environment, check=True)

    def unit(self) -> str:
        state = ["systemctl", "is-active", "mariadb"]
        return subprocess.run(
            state, env=self.environment, capture_output=True, text=True, check=False
        ).stdout.strip()

    def act(self, action: str) -> int:
        """Exit status of the agent."""
        done = self.run("congress_mariadb.py", action)
        with (self.folder / "agent.log").open("a") as log:
            log.write(f"{action}: {done.returncode} {done.stderr}\n")
        return done.returncode

    def sql(self, statement: str, deadline: float = 20) -> str:
        done = subprocess.run(
            mariadb.client(self.folder, "-NB"),
            input=statement,
            capture_output=True,
            text=True,
            timeout=deadline,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def kill(self) -> None:
        """End the process with SIGKILL."""
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self.pid, signal.SIGKILL)
        wait_for(f"{self.name} has ended", 20, lambda: self.unit() == "inactive")

    @property
    def kept(self) -> str:
        """The role in its record."""
        return str(json.loads((self.folder / "state.json").read_text())["role"])


class Cluster:
    """The three members, and what Pacemaker does with them. `attributes`, a folder: its attributes.

    A host `leaves` with its power and comes back with `present`. `step` is one round of Pacemaker's: monitors, starts,
    and at most one promotion. `settle` repeats it until the others follow one writer; `heal` brings all hosts back
    first. The states and the record (`Node.kept`) are the agent's: congress_database_votes.py and _records.py.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes = {name: Node(folder / name, name, reserved_port()) for name in NAMES}

    def build(self) -> None:
        """The first member creates the database, the others copy it."""
        (self.folder / "base").mkdir()
        mariadb.install(self.folder / "base")
        signer = authority()
        (self.folder / "authority.pem").write_text(signer.pem)
        replication = (FILES / "replication.cnf").read_text()
        for number, node in enumerate(self.nodes.values(), 1):
            node.folder.mkdir()
            subprocess.run(["cp", "-a", self.folder / "base/data", node.folder / "data"], check=True)
            signed = signer.sign(node.name, addresses=["127.0.0.1"], names=["127.0.0.1"])
            (node.folder / "identity.pem").write_text(signed.pem + signed.key)
            options = {"folder": node.folder, "port": node.port, "id": number, "replication": replication}
            (node.folder / "my.cnf").write_text(OPTIONS.format(**options).replace("[mysqld]\n# ", "# "))
            (node.folder / "recovery.cnf").write_text("")
            (node.folder / "database.json").write_text(json.dumps(self._configuration(node)))
        one, two, three = self.nodes.values()
        one.start_unit()
        done = one.run("congress_database.py", "found")
        assert done.returncode == 0, done.stderr
        one.sql("""CREATE USER 'replica'@'127.0.0.1' IDENTIFIED BY 'secret' REQUIRE SSL;
GRANT SELECT, RELOAD,
 LOCK TABLES, SHOW VIEW, EVENT, TRIGGER, PROCESS, BINLOG MONITOR, REPLICATION SLAVE ON *.* TO 'replica'@'127.0.0.1';
CREATE DATABASE congress; CREATE TABLE congress.writes (number INT PRIMARY KEY)""")
        for node in (two, three):
            node.start_unit()
            done = node.run("congress_database.py", "join")
            assert done.returncode == 0, done.stderr
        for node in self.nodes.values():
            (node.folder / "authkey").touch()

    def _configuration(self, node: Node) -> dict[str, object]:
        return {
            "name": node.name,
            "members": dict.fromkeys(NAMES, "127.0.0.1"),
            "ports": {name: other.port for name, other in self.nodes.items()},
            "user": "replica",
            "password": "secret",
            "authority": f"{self.folder}/authority.pem",
            "socket": f"{node.folder}/socket",
            "recovery": f"{node.folder}/recovery.cnf",
            "state": f"{node.folder}/state.json",
            "mandate": f"{node.folder}/mandate",
            "virtual_address": "10.20.0.9",
            "cluster_key": f"{node.folder}/authkey",
        }

    # -- what Pacemaker does

    @property
    def present(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.present]

    def each(self, action: str, nodes: Sequence[Node]) -> dict[str, int]:
        """Run the action on all members at the same time; the exit status of each."""
        with ThreadPoolExecutor(3) as pool:
            return dict(
                zip(
                    [node.name for node in nodes], pool.map(lambda node: node.act(action), nodes), strict=True
                )
            )

    def leaves(self, *nodes: Node) -> None:
        """Their hosts are off: the cluster forgets their attributes."""
        for node in nodes:
            node.kill()
            # It is in the host's memory.
            (node.folder / "mandate").unlink(missing_ok=True)
            node.present = False
            for file in (self.folder / "attributes").glob(f"*@{node.name}"):
                file.unlink()

    def monitor_all(self) -> list[Node]:
        """Monitor all present members, and start those that do not run; the ones that take writes."""
        seen = self.each("monitor", self.present)
        if STOPPED in seen.values():
            self.each("notify", [node for node in self.present if seen[node.name] != STOPPED])
        for node in self.present:
            if seen[node.name] == STOPPED:
                node.act("start")
        return [node for node in self.present if seen[node.name] == PROMOTED]

    def step(self) -> Node | None:
        """Monitor all members once, and promote one that asks for it. Returns the writer, if there is exactly one."""
        if (
            not (writers := self.monitor_all())
            and (best := self.candidate()) is not None
            and best.act("promote") == 0
        ):
            writers = [best]
            self.each("notify", [node for node in self.present if node is not best])
        assert len(writers) < 2, "two writers"
        return writers[0] if writers else None

    def candidate(self) -> Node | None:
        """Whom Pacemaker would promote: the highest score, of equal ones the first in the order of NAMES."""
        scores = {node: self.score(node) for node in self.present}
        best = max(scores, key=lambda node: scores[node])
        return best if scores[best] > 0 else None

    def score(self, node: Node) -> int:
        file = self.folder / f"attributes/master-database@{node.name}"
        return int(file.read_text() or 0) if file.exists() else 0

    def state(self, node: Node) -> str:
        file = self.folder / f"attributes/congress-database-state@{node.name}"
        return file.read_text() if file.exists() else ""

    def settle(self, seconds: float = 150) -> Node:
        """The writer, once all other present members follow it."""

        def settled() -> Node | None:
            writer = self.step()
            others = [node for node in self.present if node is not writer]
            follow = all((self.state(node), node.kept) == ("follows", "replica") for node in others)
            return writer if writer and follow else None

        return wait_for("one writer, and the others follow it", seconds, settled)

    def heal(self) -> Node:
        """All hosts are on, and all members are well."""
        for node in self.nodes.values():
            node.present = True
        writer = self.settle()
        # Its last restart was long ago.
        (writer.folder / "mandate").write_text("")
        return writer

    def others(self, node: Node) -> list[Node]:
        return [other for other in self.nodes.values() if other is not node]

    def close(self) -> None:
        for node in self.nodes.values():
            with suppress(OSError, ValueError):
                os.kill(node.pid, signal.SIGKILL)
