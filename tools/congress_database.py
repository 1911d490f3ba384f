"""Congress's database on its host, and what the Congress of the deployment makes of it."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import IO

from tools.hosts import HostError, Hosts
from tools.questions import CONFIGURATION, REMOTE
from tools.stack import Stack

FOLDER = "/var/backups/congress"
# files/database/congress-dump, which an `up` puts there.
DUMP = "/usr/local/sbin/congress-dump"
INCOMING = "incoming.sql.gz"
PYTHON = "/opt/congress/bin/python"
# Seconds for what moves the whole database.
LONG = 1800
NAME = re.compile(r"[a-z-]+-\d{8}T\d{6}Z\.sql\.gz")
# As mariadb-dump writes a row of it; older versions put it all on one line.
REVISION = re.compile(r"INSERT INTO `alembic_version` VALUES\s*\('([0-9a-z]+)'\)")


class DatabaseError(Exception):
    """What is to be loaded is not fit for this deployment; the text says why."""


@dataclass(frozen=True)
class Software:
    """Of the deployment: Congress's version, and the revisions of the schema that it knows."""

    congress: str
    revisions: frozenset[str]


@dataclass(frozen=True)
class CongressDatabase:
    """`host` is the database's; `congress` is one with Congress and its configuration."""

    hosts: Hosts
    host: str
    congress: str

    def software(self) -> Software:
        known = json.loads(self._python("schema.py"))
        return Software(known["congress"], frozenset(known["revisions"]))

    def key(self) -> str:
        """Congress's encryption key, as text."""
        return self.hosts.run(self.congress, "cat /etc/congress/keys/aes_key")

    def can_dump(self) -> None:
        self.hosts.run(
            self.host,
            f"[ -x {DUMP} ] || {{ echo 'this deployment cannot dump its database yet: make up' >&2; exit 1; }}",
        )

    def dump_into(self, file: IO[bytes]) -> None:
        self.hosts.run(self.host, DUMP, stdout=file, timeout=LONG)

    def keep(self, kind: str) -> str | None:
        """Dump it into FOLDER on its host; the file's name, None where there are no tables."""
        made = self.hosts.run(self.host, f"{DUMP} {kind}", timeout=LONG)
        return made.removeprefix(f"{FOLDER}/") or None

    def kept(self) -> list[str]:
        """Names of the dumps in FOLDER, oldest first."""
        names = self.hosts.run(self.host, f"ls {FOLDER} 2>/dev/null || true").splitlines()
        dumps = [name for name in names if NAME.fullmatch(name)]
        return sorted(dumps, key=lambda name: name.removesuffix(".sql.gz").rsplit("-", 1)[-1])

    def receive(self, dump: IO[bytes], sha256: str) -> str:
        """Send a dump to FOLDER; the file's name. It stays until `discard`."""
        file = f"{FOLDER}/{INCOMING}"
        # Another restore that was cut off may have left a link to a dump there: not to be written through.
        text = (
            f"install -d -m 0700 {FOLDER}; rm -f {file}; umask 077; gzip -1 > {file}; zcat {file} | sha256sum"
        )
        arrived = self.hosts.run(self.host, text, stdin=dump, timeout=LONG).split()[0]
        if arrived != sha256:
            raise DatabaseError(f"{self.host}: the dump did not arrive as it was sent; try again")
        return INCOMING

    def hold(self, name: str) -> str:
        """Let a dump in FOLDER outlive a newer one of its kind; the file's name, as of `receive`."""
        self.hosts.run(self.host, f"ln -f {shlex.quote(f'{FOLDER}/{name}')} {FOLDER}/{INCOMING}")
        return INCOMING

    def discard(self) -> None:
        self.hosts.run(self.host, f"rm -f {FOLDER}/{INCOMING}")

    def revision_of(self, name: str) -> str:
        """Schema revision of a dump in FOLDER, which is read to its end. Raises DatabaseError."""
        file = shlex.quote(f"{FOLDER}/{name}")
        try:
            self.hosts.run(self.host, f"gzip -t {file}", timeout=LONG)
        except HostError as error:
            raise DatabaseError(f"the dump is damaged: {error}") from None
        # grep ends early, and zcat then by a signal.
        text = f"set +o pipefail; zcat {file} | grep -m 1 -A 1 'INSERT INTO `alembic_version`' || true"
        return revision(self.hosts.run(self.host, text, timeout=LONG))

    def load(self, name: str) -> None:
        """Replace the database by a dump in FOLDER. A load that was cut off here goes on there: it is waited for."""
        file = shlex.quote(f"{FOLDER}/{name}")
        text = f"exec 9> /run/lock/congress-load; flock -w {LONG} 9; zcat {file} | mariadb"
        self.hosts.run(self.host, text, timeout=2 * LONG)

    def reencrypt(self, other: str | None) -> None:
        """Let the deployment's key read the datasources' secrets; `other`: the key that they may be encrypted by."""
        self._python("reencrypt.py", f"reencrypt({other!r})")

    def migrate(self) -> None:
        """Bring the schema to the newest revision that the deployment's Congress knows."""
        program = "/opt/congress/bin/congress-db-manage"
        text = f"runuser -u congress -- {program} --config-file {CONFIGURATION} upgrade head > /dev/null"
        self.hosts.run(self.congress, text, timeout=LONG)

    def _python(self, file: str, call: str = "") -> str:
        """Run a file of tools/remote as user congress, sent by standard input; then `call`, a line of it."""
        text = f"{(REMOTE / file).read_text()}\n{call}\n"
        return self.hosts.run(
            self.congress, f"runuser -u congress -- {PYTHON} -", stdin=text.encode(), timeout=LONG
        )


def revision(sql: str) -> str:
    """Schema revision in the text of a dump. Raises DatabaseError."""
    found = REVISION.search(sql)
    if found is None:
        raise DatabaseError(
            "the dump names no revision of Congress's schema: it is none of Congress's database"
        )
    return found[1]


def revision_in(dump: IO[bytes]) -> str:
    """Schema revision of a dump; the file is at its beginning before and after. Raises DatabaseError."""
    dump.seek(0)
    for line in dump:
        if line.startswith(b"INSERT INTO `alembic_version`"):
            found = revision((line + dump.readline(1024)).decode(errors="replace"))
            dump.seek(0)
            return found
    return revision("")


def fits(software: Software, wanted: str, of: str) -> None:
    """Raises DatabaseError for a schema newer than the deployment's Congress knows."""
    if wanted not in software.revisions:
        raise DatabaseError(
            f"{of} has schema revision {wanted}, which this deployment's Congress {software.congress} does not"
            " know: deploy at least the version that it is of first"
        )


def first_reached(hosts: Hosts, stack: Stack, role: str, command: str = "true") -> str:
    """A host of the role where the command ends well. Raises HostError."""
    names = [name for name, host in stack.hosts.items() if host.role == role]
    for name in names:
        if hosts.reached(name, command):
            return name
    raise HostError(f"no host of role {role} was reached and well ({', '.join(names)}): make status")
