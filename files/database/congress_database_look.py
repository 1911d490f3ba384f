"""What a member of the database's cluster is told by the stack, and what its MariaDB says."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

CONFIGURATION = "/etc/congress-ha/database.json"
# Seconds for one statement.
SQL_LIMIT = 10.0
GTID = re.compile(r"(?:^|,)0-\d+-(\d+)")
CAUGHT_UP = "Slave has read all relay log"
# The writer does not have what this replica asks for, because this one has other writes.
DIVERGED = {"1236", "1593", "1950"}
LOOK = "SELECT @@read_only AS read_only, @@gtid_current_pos AS current, @@gtid_slave_pos AS received; SHOW SLAVE STATUS"


class DatabaseError(Exception):
    """Why something failed, in one line for the operator."""


def wait_until(seconds: float, condition: Callable[[], bool], pause: float = 0.1) -> bool:
    """Whether the condition became true within that time. It is asked at least once."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
    return True


@dataclass(frozen=True)
class Configuration:
    """The host's file, a JSON object: `members`: name of a node -> its address. `name`: this node.

    `user` and `password`: of the replication. `recovery`: a file of MariaDB's own configuration, written before each
    start. `state` and `mandate`: see State and Mandate. `virtual_address`: the
    writer's, which Pacemaker moves. `ports`: of members, if not MariaDB's own. `cluster_key`: a file of the cluster,
    which exists as soon as Pacemaker decides about MariaDB.
    """

    name: str
    members: Mapping[str, str]
    user: str
    password: str
    authority: str
    socket: str
    recovery: str
    state: str
    virtual_address: str
    ports: Mapping[str, int]
    mandate: str = "/run/congress-database-mandate"
    cluster_key: str = "/etc/corosync/authkey"

    @classmethod
    def read(cls) -> Configuration:
        path = os.environ.get("CONGRESS_DATABASE", CONFIGURATION)
        try:
            written = {"ports": {}, **json.loads(Path(path).read_text())}
            # At an upgrade the file comes first, and the older program must go on with it: it ignores what it does not
            # know, and no key may be renamed or removed.
            return cls(**{field.name: written[field.name] for field in fields(cls) if field.name in written})
        except OSError as error:
            raise DatabaseError(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, TypeError):
            # The parser's own error would quote the file.
            raise DatabaseError(f"{path} is not what the stack wrote: make up writes it again") from None

    def address_of(self, node: str) -> str:
        return self.members[node]

    def port_of(self, node: str) -> int:
        return self.ports.get(node, 3306)


@dataclass(frozen=True)
class Look:
    """What a server was at one moment: its variables in LOOK, and SHOW SLAVE STATUS."""

    values: Mapping[str, str]

    @property
    def writable(self) -> bool:
        return self.values["read_only"] == "0"

    @property
    def number(self) -> int:
        """Of the last write that is applied."""
        return number_in(self.values["current"])

    @property
    def has_written(self) -> bool:
        """Whether the last write is its own, which it has not received as a replica."""
        return self.number != number_in(self.values["received"])

    @property
    def is_replica(self) -> bool:
        return "Master_Host" in self.values

    @property
    def has_applied(self) -> bool:
        """Whether it has applied all that it has received."""
        applies = self.values.get("Slave_SQL_Running") == "Yes"
        # The thread has this text until it has its next turn on a processor.
        idle = applies and self.values["Slave_SQL_Running_State"].startswith(CAUGHT_UP)
        return idle and number_in(self.values["Gtid_IO_Pos"]) <= number_in(self.values["received"])

    def is_of(self, address: str, port: int) -> bool:
        """Whether it was told to replicate from there."""
        return (self.values.get("Master_Host"), self.values.get("Master_Port")) == (address, str(port))

    @property
    def is_accepted(self) -> bool:
        """Whether the writer that it was told to follow has all of its writes, and has begun to send the next ones.

        Server.follow clears this name, and a writer that lacks its last write sends an error instead of one.
        """
        return self.values.get("Master_Log_File", "") != ""

    @property
    def receives(self) -> bool:
        """Whether both threads run; the connection may be down meanwhile."""
        return self.values["Slave_IO_Running"] != "No" and self.values["Slave_SQL_Running"] == "Yes"

    @property
    def is_level(self) -> bool:
        """Whether it has applied all that the writer has sent so far."""
        receives = self.values.get("Slave_IO_State", "").startswith("Waiting for master to send")
        return receives and self.has_applied

    @property
    def lag(self) -> str:
        """Seconds, NULL if it follows nobody."""
        return self.values.get("Seconds_Behind_Master", "NULL")

    @property
    def diverged(self) -> str:
        """Why it cannot follow its writer, "" if it can."""
        return self.error("SQL") or (self.error("IO") if self.values.get("Last_IO_Errno") in DIVERGED else "")

    def error(self, thread: str) -> str:
        return self.values.get(f"Last_{thread}_Error", "")


def number_in(gtid: str) -> int:
    found = GTID.search(gtid)
    return int(found[1]) if found else 0
