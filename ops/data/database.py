"""Congress's database on its host: dumps, loads, the lock, and the schema migration by the deployment's Congress."""

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
from ops.data.dump import NAME, DatabaseError, Software, TrialLoad, parse_trial_load, revision
from ops.remote import REMOTE
from ops.ssh.commands import HostError, Hosts
from ops.stack.outputs import ROOT, Stack
from roles import CONFIGURATION, DATABASE, Role

FOLDER = "/var/backups/congress"
# This checkout's own programs: those on the host may be older, because a backup precedes an `up`.
PROGRAMS = {file.name: file.read_bytes() for file in sorted((ROOT / "files/database").glob("congress-*"))}
PROGRAM_FOLDER = "/run/congress-ha/database-" + sha256(b"\0".join(PROGRAMS.values())).hexdigest()[:16]
# Run by bash, because /run may be mounted noexec.
DUMP, LOAD, LOCK = (f"bash {PROGRAM_FOLDER}/congress-{name}" for name in ("dump", "load", "lock"))
INCOMING = "incoming.sql.gz"
# Exists while the database is partly replaced. It contains the name of the dump of the previous database.
RESTORING = "restoring"
MIGRATE = ROOT / "files/database/congress_migrate.py"
PYTHON = "/opt/congress/bin/python"
# Seconds to wait for the lock, and seconds for which its holder may be silent. The programs have the same limits.
LOCK_TIMEOUT, HOLDER_TIMEOUT = 600, 60
# Seconds for commands that transfer the whole database.
TRANSFER_TIMEOUT = 1800


@dataclass(frozen=True)
class CongressDatabase:
    """`host`: the database host, of several the one that takes writes; `others`: the other ones.

    `congress`: a host with Congress and its configuration.

    `lock`: id of the connection that holds files/database/congress-lock's lock, "" without the lock.
    """

    hosts: Hosts
    host: str
    congress: str
    lock: str = ""
    others: tuple[str, ...] = ()

    @contextmanager
    def locked(self, progress: Progress) -> Iterator[Self]:
        """The same database, locked against other dumps, loads and migrations. Raises HostError."""
        listens = f"while read -r -t {HOLDER_TIMEOUT}; do :; done"
        hold = f"{LOCK} {LOCK_TIMEOUT} bash -c 'echo held $CONGRESS_LOCK; {listens}'"
        with self.hosts.session(self.host, hold) as lines:
            line = "no answer"
            for line in lines:
                if line.startswith("held "):
                    break
                progress.say(f"{self.host}: {line}")
            else:
                raise HostError(f"{self.host}: {line}")
            yield replace(self, lock=line.removeprefix("held "))

    def require_lock(self) -> None:
        """Raises HostError if the lock was lost: another program may hold it now."""
        self._under_lock("true")

    def _under_lock(self, command: str, stdin: bytes | IO[bytes] = b"") -> str:
        """Run a command that does not check the lock itself, as PROGRAMS do."""
        return self._run(
            f"{LOCK} {LOCK_TIMEOUT} bash -c {shlex.quote(f'set -euo pipefail; {command}')}", stdin=stdin
        )

    def _run(self, command: str, *, stdin: bytes | IO[bytes] = b"", stdout: IO[bytes] | None = None) -> str:
        """Run a long command on the database host, under the lock."""
        text = f"export CONGRESS_LOCK={shlex.quote(self.lock)}; {command}"
        return self.hosts.run(self.host, text, stdin=stdin, stdout=stdout, timeout=TRANSFER_TIMEOUT)

    def software(self) -> Software:
        description = json.loads(self._python(REMOTE / "schema.py"))
        return Software(description["congress"], frozenset(description["revisions"]))

    def key(self) -> str:
        """Congress's encryption key, as text."""
        return self.hosts.run(self.congress, "cat /etc/congress/keys/aes_key")

    def install_programs(self) -> None:
        """Copy PROGRAMS to the database host, until it restarts. Raises HostError."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in PROGRAMS.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        # The rename makes it complete under its final name, even if another run installs it at the same time.
        text = f"""install -d -m 0700 {Path(PROGRAM_FOLDER).parent}
new=$(mktemp -d {PROGRAM_FOLDER}.XXXXXX) && tar -x --no-same-owner -C "$new"
mv -T "$new" {PROGRAM_FOLDER} 2> /dev/null || {{ rm -r "$new"; [ -d {PROGRAM_FOLDER} ]; }}"""
        self.hosts.run(self.host, text, stdin=packed.getvalue())

    def dump_into(self, file: IO[bytes]) -> None:
        self._run(DUMP, stdout=file)

    def dump_on_host(self, kind: str) -> str | None:
        """Dump the database into FOLDER on its host; returns the file's name, None if there are no tables."""
        made = self._run(f"{DUMP} {kind}")
        return made.removeprefix(f"{FOLDER}/") or None

    def dumps_on_host(self) -> list[str]:
        """Names of the dumps in FOLDER, oldest first."""
        names = self.hosts.run(self.host, f"ls {FOLDER} 2>/dev/null || true").splitlines()
        dumps = [name for name in names if NAME.fullmatch(name)]
        return sorted(dumps, key=lambda name: name.removesuffix(".sql.gz").rsplit("-", 1)[-1])

    def receive(self, dump: IO[bytes], sha256: str) -> str:
        """Send a dump to FOLDER; returns the file's name. `discard` removes it. Raises DatabaseError, HostError."""
        file = f"{FOLDER}/{INCOMING}"
        # An interrupted restore may have left a link to another dump there, which must not be overwritten.
        text = (
            f"install -d -m 0700 {FOLDER}; rm -f {file}; umask 077; gzip -1 > {file}; zcat {file} | sha256sum"
        )
        arrived = self._under_lock(text, dump).split()[0]
        if arrived != sha256:
            raise DatabaseError(f"{self.host}: the dump was damaged in transfer; try again")
        return INCOMING

    def pin(self, name: str) -> str:
        """Protect a dump in FOLDER from the rotation by a newer dump; returns the name of its link. See `discard`."""
        self._under_lock(f"ln -f {shlex.quote(f'{FOLDER}/{name}')} {FOLDER}/{INCOMING}")
        return INCOMING

    def discard(self) -> None:
        self._under_lock(f"rm -f {FOLDER}/{INCOMING}")

    def revision_of(self, name: str) -> str:
        """Schema revision of a dump in FOLDER, after a check of the whole file. Raises DatabaseError."""
        file = shlex.quote(f"{FOLDER}/{name}")
        try:
            self.hosts.run(self.host, f"gzip -t {file}", timeout=TRANSFER_TIMEOUT)
        except HostError as error:
            raise DatabaseError(f"the dump is damaged: {error}") from None
        # grep ends early, and zcat is then ended by a signal.
        text = f"set +o pipefail; zcat {file} | grep -m 1 -A 1 'INSERT INTO `alembic_version`' || true"
        return revision(self.hosts.run(self.host, text, timeout=TRANSFER_TIMEOUT))

    def interrupted_restore(self) -> str | None:
        """Name of the dump that an interrupted restore made of the previous database, None without such a restore."""
        # The mark is useless without that dump.
        text = f"""cd {FOLDER} 2>/dev/null && [ -e {RESTORING} ] || exit 0
name=$(cat {RESTORING})
if [ -e "$name" ]; then echo "$name"; else rm {RESTORING}; fi"""
        return self.hosts.run(self.host, text) or None

    def mark_incomplete(self, dump_name: str | None) -> None:
        """Mark the database as partly replaced, so that no dump of it is taken, until `mark_complete`."""
        if dump_name:
            self._under_lock(f"umask 077; echo {shlex.quote(dump_name)} > {FOLDER}/{RESTORING}")

    def mark_complete(self) -> None:
        self._under_lock(f"rm -f {FOLDER}/{RESTORING}")
        for host in self.others:
            # One that is lost has the mark until it is replaced.
            self.hosts.is_reachable(host, f"rm -f {FOLDER}/{RESTORING}")

    def require_whole(self) -> None:
        """Raises DatabaseError if a restore was cut off on another host, which took the writes then.

        On this one, files/database/congress-dump looks itself.
        """
        for host in self.others:
            if self.hosts.is_reachable(host, f"test -e {FOLDER}/{RESTORING}"):
                raise DatabaseError(
                    f"a restore was cut off while {host} took the writes, so the database is incomplete: "
                    f"make ssh HOST={host} ARGS='sudo congress-database take', then make restore DUMP=NAME; "
                    f"{FOLDER}/{RESTORING} there has the name"
                )

    def check(self, dump: IO[bytes]) -> TrialLoad:
        """Trial load of a dump into a temporary schema. Raises DatabaseError if it cannot be loaded."""
        try:
            return parse_trial_load(self._run(f"{LOAD} check {dump.seek(0, os.SEEK_END)}", stdin=dump))
        except HostError as error:
            raise DatabaseError(f"the dump cannot be loaded: {error}") from None

    def check_dump_on_host(self, name: str) -> TrialLoad:
        """Trial load of a dump in FOLDER. Raises DatabaseError if it cannot be loaded."""
        file = shlex.quote(f"{FOLDER}/{name}")
        try:
            return parse_trial_load(self._run(f"zcat {file} | {LOAD} check $(zcat {file} | wc -c)"))
        except HostError as error:
            raise DatabaseError(f"{name} cannot be loaded: {error}") from None

    def load(self, name: str) -> None:
        """Replace the database by a dump in FOLDER. If this program ends, the host ends the load."""
        self._run(f"zcat {shlex.quote(f'{FOLDER}/{name}')} | {LOAD} replace")

    def empty(self) -> None:
        """Replace the database by one without tables."""
        sql = "DROP DATABASE IF EXISTS congress; CREATE DATABASE congress CHARACTER SET utf8mb3"
        self._under_lock(f"mariadb -e '{sql}'")

    def reencrypt(self, other: str | None) -> None:
        """Encrypt the datasources' secrets with the deployment's key. `other`: their present key, if it is another."""
        self._python(REMOTE / "reencrypt.py", f"reencrypt({other!r})")

    def migrate(self) -> None:
        """Migrate the schema to the newest revision of the deployment's Congress."""
        self._python(MIGRATE, argument=CONFIGURATION)

    def _python(self, file: Path, call: str = "", argument: str = "") -> str:
        """Run a file, followed by the line `call`, by Congress's Python as user congress."""
        text = f"{file.read_text()}\n{call}\n"
        command = f"CONGRESS_LOCK={shlex.quote(self.lock)} runuser -u congress -- {PYTHON} - {argument}"
        return self.hosts.run(self.congress, command, stdin=text.encode(), timeout=TRANSFER_TIMEOUT)


def database_of(hosts: Hosts, stack: Stack, congress: str) -> CongressDatabase:
    """The stack's database, not locked. Raises HostError."""
    several = len(stack.hosts_of(DATABASE)) > 1
    host = first_reachable(hosts, stack, DATABASE, "congress-database is-writer" if several else "true")
    others = tuple(other for other in stack.hosts_of(DATABASE) if other != host)
    return CongressDatabase(hosts, host, congress, others=others)


def first_reachable(hosts: Hosts, stack: Stack, role: Role, command: str = "true") -> str:
    """The first host of the role on which the command succeeds. Raises HostError."""
    names = stack.hosts_of(role)
    for name in names:
        if hosts.is_reachable(name, command):
            return name
    raise HostError(f"no host of role {role.name} is reachable and healthy ({', '.join(names)}): make status")
