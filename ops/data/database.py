"""Congress's database on its host, and what the Congress of the deployment makes of it."""

from __future__ import annotations

import io
import json
import os
import shlex
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, Self

from ops.common.progress import Progress
from ops.data.dump import NAME, Checked, DatabaseError, checked, revision
from ops.remote import REMOTE
from ops.ssh.commands import HostError, Hosts
from ops.stack.outputs import ROOT, Stack
from roles import CONFIGURATION

FOLDER = "/var/backups/congress"
# This checkout's own: those that the last `up` put on the host may be older, and a backup comes before an `up`.
PROGRAMS = {file.name: file.read_bytes() for file in sorted((ROOT / "files/database").glob("congress-*"))}
PLACE = "/run/congress-ha/database-" + sha256(b"\0".join(PROGRAMS.values())).hexdigest()[:16]
# Where nothing may be executed from /run, bash still reads it.
DUMP, LOAD, LOCK = (f"bash {PLACE}/congress-{name}" for name in ("dump", "load", "lock"))
INCOMING = "incoming.sql.gz"
# There while the database is half another one: the name of the dump of what was there before.
RESTORING = "restoring"
MIGRATE = ROOT / "files/database/congress_migrate.py"
PYTHON = "/opt/congress/bin/python"
# Seconds for the lock, as the programs themselves wait; and for which its holder may be silent.
WAIT, ALIVE = 600, 60
# Seconds for what moves the whole database.
LONG = 1800


@dataclass(frozen=True)
class Software:
    """Of the deployment: Congress's version, and the revisions of the schema that it knows."""

    congress: str
    revisions: frozenset[str]


@dataclass(frozen=True)
class CongressDatabase:
    """`host` is the database's; `congress` is one with Congress and its configuration.

    `lock`: files/database/congress-lock's, while it is held.
    """

    hosts: Hosts
    host: str
    congress: str
    lock: str = ""

    @contextmanager
    def locked(self, progress: Progress) -> Iterator[Self]:
        """The same database, which nobody else dumps, loads or migrates meanwhile. Raises HostError."""
        listens = f"while read -r -t {ALIVE}; do :; done"
        hold = f"{LOCK} {WAIT} bash -c 'echo held $CONGRESS_LOCK; {listens}'"
        with self.hosts.session(self.host, hold) as lines:
            said = "no answer"
            for said in lines:
                if said.startswith("held "):
                    break
                progress.say(f"{self.host}: {said}")
            else:
                raise HostError(f"{self.host}: {said}")
            yield replace(self, lock=said.removeprefix("held "))

    def require_lock(self) -> None:
        """Raises HostError when the lock is held no more: whoever has it now must not be disturbed."""
        self._under_lock("true")

    def _under_lock(self, command: str, stdin: bytes | IO[bytes] = b"") -> str:
        """A command that is no program of PROGRAMS, which look for the lock themselves."""
        return self._run(f"{LOCK} {WAIT} bash -c {shlex.quote(f'set -euo pipefail; {command}')}", stdin=stdin)

    def _run(self, command: str, *, stdin: bytes | IO[bytes] = b"", stdout: IO[bytes] | None = None) -> str:
        """A long command on the database's host, under the lock."""
        text = f"export CONGRESS_LOCK={shlex.quote(self.lock)}; {command}"
        return self.hosts.run(self.host, text, stdin=stdin, stdout=stdout, timeout=LONG)

    def software(self) -> Software:
        known = json.loads(self._python(REMOTE / "schema.py"))
        return Software(known["congress"], frozenset(known["revisions"]))

    def key(self) -> str:
        """Congress's encryption key, as text."""
        return self.hosts.run(self.congress, "cat /etc/congress/keys/aes_key")

    def bring(self) -> None:
        """Put the programs there, until the host restarts. Raises HostError."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in PROGRAMS.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        # Under its name it is whole, whoever else brings it at the same time.
        text = f"""install -d -m 0700 {Path(PLACE).parent}
new=$(mktemp -d {PLACE}.XXXXXX) && tar -x --no-same-owner -C "$new"
mv -T "$new" {PLACE} 2> /dev/null || {{ rm -r "$new"; [ -d {PLACE} ]; }}"""
        self.hosts.run(self.host, text, stdin=packed.getvalue())

    def dump_into(self, file: IO[bytes]) -> None:
        self._run(DUMP, stdout=file)

    def keep(self, kind: str) -> str | None:
        """Dump it into FOLDER on its host; the file's name, None where there are no tables."""
        made = self._run(f"{DUMP} {kind}")
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
        arrived = self._under_lock(text, dump).split()[0]
        if arrived != sha256:
            raise DatabaseError(f"{self.host}: the dump did not arrive as it was sent; try again")
        return INCOMING

    def hold(self, name: str) -> str:
        """Let a dump in FOLDER outlive a newer one of its kind; the file's name, as of `receive`."""
        self._under_lock(f"ln -f {shlex.quote(f'{FOLDER}/{name}')} {FOLDER}/{INCOMING}")
        return INCOMING

    def discard(self) -> None:
        self._under_lock(f"rm -f {FOLDER}/{INCOMING}")

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

    def unfinished(self) -> str | None:
        """Name of the dump of what was there before a restore that was cut off, None without such a restore."""
        # Without that dump the mark helps nobody.
        text = f"""cd {FOLDER} 2>/dev/null && [ -e {RESTORING} ] || exit 0
name=$(cat {RESTORING})
if [ -e "$name" ]; then echo "$name"; else rm {RESTORING}; fi"""
        return self.hosts.run(self.host, text) or None

    def begin(self, kept: str | None) -> None:
        """Until `done`, the database is half another one, and nobody may take a dump of it."""
        if kept:
            self._under_lock(f"umask 077; echo {shlex.quote(kept)} > {FOLDER}/{RESTORING}")

    def done(self) -> None:
        self._under_lock(f"rm -f {FOLDER}/{RESTORING}")

    def check(self, dump: IO[bytes]) -> Checked:
        """Load a dump into a schema that goes again. Raises DatabaseError when it cannot be loaded."""
        try:
            return checked(self._run(f"{LOAD} check {dump.seek(0, os.SEEK_END)}", stdin=dump))
        except HostError as error:
            raise DatabaseError(f"the dump cannot be loaded: {error}") from None

    def check_kept(self, name: str) -> Checked:
        """The same of a dump in FOLDER."""
        file = shlex.quote(f"{FOLDER}/{name}")
        try:
            return checked(self._run(f"zcat {file} | {LOAD} check $(zcat {file} | wc -c)"))
        except HostError as error:
            raise DatabaseError(f"{name} cannot be loaded: {error}") from None

    def load(self, name: str) -> None:
        """Replace the database by a dump in FOLDER. A load that was cut off here is ended there."""
        self._run(f"zcat {shlex.quote(f'{FOLDER}/{name}')} | {LOAD} replace")

    def empty(self) -> None:
        """Replace the database by one without tables."""
        sql = "DROP DATABASE IF EXISTS congress; CREATE DATABASE congress CHARACTER SET utf8mb3"
        self._under_lock(f"mariadb -e '{sql}'")

    def reencrypt(self, other: str | None) -> None:
        """Let the deployment's key read the datasources' secrets; `other`: the key that they may be encrypted by."""
        self._python(REMOTE / "reencrypt.py", f"reencrypt({other!r})")

    def migrate(self) -> None:
        """Bring the schema to the newest revision that the deployment's Congress knows."""
        self._python(MIGRATE, argument=CONFIGURATION)

    def _python(self, file: Path, call: str = "", argument: str = "") -> str:
        """Run a file as user congress, sent by standard input; then `call`, a line of it."""
        text = f"{file.read_text()}\n{call}\n"
        command = f"CONGRESS_LOCK={shlex.quote(self.lock)} runuser -u congress -- {PYTHON} - {argument}"
        return self.hosts.run(self.congress, command, stdin=text.encode(), timeout=LONG)


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
