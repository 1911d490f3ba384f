"""The MariaDB of this host: its unit, and its role in replication."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from congress_database_look import LOOK, SQL_LIMIT, Configuration, DatabaseError, Look, wait_until

# Seconds for a start by Pacemaker, and for a regular stop of the unit.
START_LIMIT, STOP_LIMIT = 110.0, 30.0
# Waits for statements that hold LOCK TABLES; their sessions were ended before.
LOCK_WAIT = 5
SESSIONS = """FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER <> 'system user'
  AND COMMAND NOT IN ('Binlog Dump', 'Daemon', 'Slave_IO', 'Slave_SQL')"""
# In the server: a session that was quiet a moment ago may be in the middle of a request when a second client ends it.
# One may also end by itself meanwhile (1094). The answer is the number of sessions that are left.
END_SESSIONS = f"""DELIMITER //
BEGIN NOT ATOMIC
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  FOR session IN (SELECT ID {SESSIONS} AND %s) DO KILL session.ID; END FOR;
  SELECT COUNT(*) {SESSIONS};
END//
"""
WAIT_FOR_REPLICAS = "SET GLOBAL rpl_semi_sync_master_enabled = 1"
# A session that has been quiet for so long, in milliseconds, is not in the middle of a client's request.
QUIET = 100
# Seconds for the others.
REQUEST_LIMIT = 1.0


class Server:
    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration

    # -- statements

    def sql(self, text: str, *options: str, limit: float = SQL_LIMIT) -> str:
        """Send statements as root over the socket, which takes no password. Raises DatabaseError."""
        try:
            done = subprocess.run(
                self._client(*options), input=text, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            raise DatabaseError(
                f"MariaDB of {self.configuration.name} does not answer within {limit:.0f} s"
            ) from None
        if done.returncode:
            problem = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise DatabaseError(f"MariaDB of {self.configuration.name}: {problem[0]}")
        return done.stdout.strip()

    def _client(self, *options: str) -> list[str]:
        return [
            "mariadb",
            "--no-defaults",
            f"--socket={self.configuration.socket}",
            # On a socket TLS protects nothing, and makes the client five times as slow.
            "--skip-ssl",
            "--connect-timeout=5",
            "--batch",
            "--skip-column-names",
            *options,
        ]

    def look(self) -> Look:
        """What it is now, in one statement. Raises DatabaseError if it does not answer."""
        lines = self.sql(LOOK, "--vertical", "--column-names").splitlines()
        pairs = (line.strip().partition(":") for line in lines if not line.startswith("*"))
        return Look({name: value.strip() for name, _, value in pairs})

    @property
    def answers(self) -> bool:
        try:
            self.sql("SELECT 1")
        except DatabaseError:
            return False
        return True

    @property
    def runs(self) -> bool:
        """Whether there is a process, which may hang."""
        return self._unit() not in {"inactive", "failed"}

    @property
    def serves(self) -> bool:
        """Whether its process neither ends nor starts. It may hang."""
        return self._unit() == "active"

    def _unit(self) -> str:
        state = subprocess.run(
            ["systemctl", "is-active", "mariadb"], capture_output=True, text=True, check=False
        )
        return state.stdout.strip()

    # -- the unit

    def start(self, *, keeps_tail: bool, seconds: float = START_LIMIT) -> None:
        """Start the unit. `keeps_tail`: whether a recovery keeps writes of which no replica has said that it has them.

        A former writer would have writes that the new one lacks. The last writer must keep them: after a power cut,
        replicas have lost what they had received and not applied yet.
        """
        role = "MASTER" if keeps_tail else "SLAVE"
        file = Path(self.configuration.recovery)
        file.write_text(f"[mysqld]\ninit_rpl_role = {role}\n")
        # MariaDB's own user reads it, whatever Pacemaker's mask for new files is.
        file.chmod(0o644)
        try:
            subprocess.run(
                ["systemctl", "start", "mariadb"], capture_output=True, timeout=seconds, check=True
            )
            started = wait_until(20, lambda: self.answers)
        except subprocess.SubprocessError:
            started = False
        if not started:
            raise DatabaseError(
                f"MariaDB of {self.configuration.name} does not start: sudo journalctl -u mariadb there"
            )

    def stop(self) -> bool:
        """Stop the unit, if necessary by force; whether it ended regularly."""
        try:
            subprocess.run(
                ["systemctl", "stop", "mariadb"], capture_output=True, timeout=STOP_LIMIT, check=True
            )
        except subprocess.SubprocessError:
            subprocess.run(
                ["systemctl", "kill", "--signal=KILL", "mariadb"], capture_output=True, check=False
            )
            if not wait_until(STOP_LIMIT, lambda: not self.runs):
                raise DatabaseError(f"MariaDB of {self.configuration.name} does not stop") from None
            return False
        return True

    # -- replication

    def hold(self, seconds: float) -> Look | None:
        """Receive nothing more, and apply what was received; the look then, None if it cannot be applied in time.

        A restart of the receiving thread would delete what is not applied, so it is never restarted before.
        """
        look = self.look()
        if not look.is_replica:
            return look
        if look.values["Slave_IO_Running"] != "No":
            self.sql("STOP SLAVE IO_THREAD")
        if look.values["Slave_SQL_Running"] == "No" and look.values["Last_SQL_Errno"] == "0":
            self.sql("START SLAVE SQL_THREAD")
        end = time.monotonic() + seconds
        while not (look := self.look()).has_applied:
            if time.monotonic() >= end:
                return None
            time.sleep(0.05)
        return look

    def replication_error(self) -> str:
        look = self.look()
        return look.error("IO") or look.error("SQL") or "it has not caught up yet"

    def follow(self, node: str) -> None:
        """Replicate from a writer. What was received from another one must be applied before."""
        configuration = self.configuration
        demoted = self.look().has_written
        self.sql(f"""STOP SLAVE; RESET SLAVE ALL;
SET GLOBAL rpl_semi_sync_master_enabled = 0;
CHANGE MASTER TO MASTER_HOST = '{configuration.address_of(node)}', MASTER_PORT = {configuration.port_of(node)},
  MASTER_USER = '{configuration.user}', MASTER_PASSWORD = '{configuration.password}', MASTER_CONNECT_RETRY = 1,
  MASTER_HEARTBEAT_PERIOD = 1, MASTER_SSL = 1, MASTER_SSL_CA = '{configuration.authority}',
  MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_USE_GTID = slave_pos{", MASTER_DEMOTE_TO_SLAVE = 1" if demoted else ""};
START SLAVE""")

    def open(self) -> None:
        """Become the writer, which answers a client only when a replica has the write."""
        self.sql(f"STOP SLAVE; RESET SLAVE ALL; {WAIT_FOR_REPLICAS}; SET GLOBAL read_only = 0")

    def wait_for_replicas(self) -> None:
        """Answer a client from now on when a replica has its write."""
        self.sql(WAIT_FOR_REPLICAS)

    def close(self, seconds: float) -> None:
        """End the writer's sessions, also those that wait for a replica. None of them gets an answer any more."""

        def closed() -> bool:
            try:
                self._end_sessions()
                self.sql(
                    f"SET lock_wait_timeout = {LOCK_WAIT}; SET GLOBAL read_only = 1", limit=LOCK_WAIT + 5
                )
            except DatabaseError:
                return False
            return True

        def unused() -> bool:
            try:
                return self._end_sessions(f"COMMAND = 'Sleep' AND TIME_MS > {QUIET}") == "0"
            except DatabaseError:
                return False

        wait_until(REQUEST_LIMIT, unused, pause=0.03)
        if not wait_until(seconds, closed):
            raise DatabaseError(f"MariaDB of {self.configuration.name} still takes writes")
        self._end_sessions()
        self.sql("SET GLOBAL rpl_semi_sync_master_enabled = 0")

    def _end_sessions(self, which: str = "TRUE") -> str:
        return self.sql(END_SESSIONS % which)
