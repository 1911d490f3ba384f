"""Hosts of a deployment whose database is backed up and restored: they record commands, and fail where a test asks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cryptography.fernet import Fernet

from ops.common.progress import Progress
from ops.data import archive
from ops.data.database import LOCK
from ops.data.restore import prepared
from ops.ssh.commands import HostError, Hosts
from tests.ops.support.sample_stack import STACK

ENCRYPTION_KEY = Fernet.generate_key().decode()


DUMP = b"""-- MariaDB dump
INSERT INTO `alembic_version` VALUES
('c0125080d572');
INSERT INTO `policies` VALUES
('x');
"""


SAVED_DUMP = "before-restore-20261125T160000Z.sql.gz"


OLDER = "before-migration-20261124T160000Z.sql.gz"


# What a command is, by a text in it or in its standard input; the first that fits.
KINDS = {
    "bring": "tar -x",
    "key": "cat /etc/congress/keys/aes_key",
    "send": "gzip -1",
    "keep": "congress-dump before-restore",
    "hold": "ln -f /var/backups/congress/before-migration",
    "list": "ls /var",
    "test": "gzip -t",
    "look": "grep -m 1",
    "check": "congress-load check",
    "unfinished": "[ -e restoring ]",
    "mark": "> /var/backups/congress/restoring",
    "unmark": "rm -f /var/backups/congress/restoring",
    "discard": "rm -f /var/backups/congress/incoming",
    "require lock": "bash -c 'set -euo pipefail; true'",
    "stop 1": "systemctl stop congress-policy-engine@policy-engine-1",
    "stop 2": "systemctl stop congress-policy-engine@policy-engine-2",
    "stop node": "--parameter-value Stopped",
    "load": "congress-load replace",
    "empty": "DROP DATABASE",
    "reencrypt": "reencrypt(",
    "software": "walk_revisions",
    "migrate": '"upgrade", "head"',
    "start node": "--delete-parameter",
    "start 1": "systemctl start congress-policy-engine@policy-engine-1",
    "start 2": "systemctl start congress-policy-engine@policy-engine-2",
}


STOP, START = ["stop 1", "stop 2", "stop node"], ["start node", "start 1", "start 2"]


CHANGE = ["load", "reencrypt", "migrate"]


SECRET = Fernet(ENCRYPTION_KEY).encrypt(b"secret").decode()


DATASOURCE = json.dumps({"password": SECRET, "__encrypted_fields": ["password"]})


LOADED = f"loaded 9 c0125080d572\ndatasource\t{b'nova'.hex()}\t{DATASOURCE.encode().hex()}"


# Asked of, or done to, a database that nobody else may work on meanwhile.
NEED_LOCK = {
    "send",
    "hold",
    "keep",
    "load",
    "check",
    "reencrypt",
    "migrate",
    "empty",
    "mark",
    "unmark",
    "discard",
}


LOOKS = {"bring", "software", "list", "test", "look", "key", "unfinished", "mark", "unmark", "require lock"}


class FakeHosts(Hosts):
    """Hosts on which every command succeeds, except `fails`, which fails once or always."""

    def __init__(self, fails: str = "", *, always: bool = False) -> None:
        super().__init__(Path("/nowhere"))
        self.fails, self.always = fails, always
        self.commands: list[tuple[str, str]] = []
        self.brought = False
        self.locked, self.lock_output = False, ["waits: another backup", "held 42"]
        self.answers = {
            "keep": f"/var/backups/congress/{SAVED_DUMP}",
            "list": f"{SAVED_DUMP}\n{OLDER}\nincoming.sql.gz",
            "look": DUMP.decode(),
            "check": LOADED,
            "key": ENCRYPTION_KEY,
            "software": '{"congress": "11.0.0", "revisions": ["c0125080d572", "initial_db"]}',
        }

    def run(
        self,
        host: str,
        command: str,
        *,
        stdin: bytes | IO[bytes] = b"",
        stdout: IO[bytes] | None = None,  # noqa: ARG002  as the real one
        timeout: float = 60,  # noqa: ARG002  as the real one
    ) -> str:
        text = command + (stdin.decode(errors="replace") if isinstance(stdin, bytes) else "")
        kind = next((kind for kind, sign in KINDS.items() if sign in text), "")
        if kind:
            if kind in NEED_LOCK:
                assert self.locked
                assert "CONGRESS_LOCK=42" in command
            self.commands.append((kind, host))
            self.happens(kind)
        self.brought |= kind == "bring"
        if kind == "load":
            (name,) = re.findall(r"zcat /var/backups/congress/(\S+)", command)
            self.commands[-1] = (f"load {name}", host)
        if kind and kind == self.fails:
            self.fails = kind if self.always else ""
            raise HostError(f"{host}: {kind} was made to fail")
        if kind == "send":
            assert not isinstance(stdin, bytes)
            return f"{archive.digest(stdin)}  -"
        return self.answers.get(kind, "")

    @contextmanager
    def session(self, host: str, command: str) -> Iterator[Iterator[str]]:
        assert host == "database"
        assert command.startswith(f"{LOCK} ")
        assert self.brought
        self.happens("lock")
        self.locked = True
        try:
            yield iter(self.lock_output)
        finally:
            self.locked = False

    def happens(self, kind: str) -> None:
        """A hook for tests that act during a command."""

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.commands if kind not in LOOKS]


def load_backup(hosts: Hosts, revision: str = "c0125080d572") -> None:
    sent = io.BytesIO(DUMP)
    manifest = archive.Manifest(
        format=1,
        written=datetime(2026, 11, 25, tzinfo=UTC),
        stack="old",
        congress="11.0.0",
        schema_revision=revision,
        sha256={archive.DUMP: archive.digest(sent)},
    )
    with prepared(hosts, STACK, Progress("restore")) as into:
        into.from_backup(archive.Backup(manifest, ENCRYPTION_KEY, sent), Path("a-backup"))


def load_dump(hosts: Hosts, name: str) -> None:
    with prepared(hosts, STACK, Progress("restore")) as into:
        into.from_dump(name)
