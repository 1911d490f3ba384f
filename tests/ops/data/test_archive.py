"""The backup file: its content survives a round trip, its mode is 0600, and it never overwrites a file."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.data import archive
from ops.data.archive import ArchiveError
from ops.stack.outputs import ROOT
from tests.ops.support.backup_file import ENCRYPTION_KEY, WRITTEN, write
from tests.support.programs import private, run


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(sql=st.binary(max_size=3000))
def test_an_archive_returns_what_was_put_in(tmp_path: Path, sql: bytes) -> None:
    file = tmp_path / "backup"
    file.unlink(missing_ok=True)
    write(file, sql)
    with archive.read(file) as backup:
        assert backup.dump.read() == sql
        assert backup.key == ENCRYPTION_KEY
        manifest = backup.manifest
        assert (manifest.stack, manifest.congress, manifest.schema_revision, manifest.written) == (
            "dev",
            "11.0.0",
            "c0125080d572",
            WRITTEN,
        )


def test_the_archive_and_its_extracted_files_are_private(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    write(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    with tarfile.open(file) as members:
        assert {(member.name, member.mode) for member in members} == {
            ("manifest.json", 0o600),
            ("aes_key", 0o600),
            ("congress.sql", 0o600),
        }


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("mine")
    with pytest.raises(ArchiveError, match="backup already exists and was not changed"):
        write(file)
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_created_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "backup"
    monkeypatch.setattr(archive, "refuse_existing", lambda _: None)
    file.write_text("mine")
    with pytest.raises(ArchiveError, match="File exists"):
        write(file)
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot write into the folder"):
        archive.refuse_existing(tmp_path / "no/backup")


# A dump that no compression makes smaller, into a backup in the folder named; SLOW waits half-way to be ended.
WRITER = """
import io, os, sys
from datetime import datetime, UTC
from pathlib import Path
from typing import Annotated
import typer
from cryptography.fernet import Fernet
from ops.data import archive
from ops.data import backup
class Dump(io.BytesIO):
    def read(self, *size):
        if slow and self.tell() > 0:
            print("half", flush=True)
            sys.stdin.read()
        return super().read(*size)
def main(folder: Path, slow_: Annotated[str, typer.Option('--slow')] = ""):
    global slow
    slow = slow_
    with backup.reported("backup"):
        archive.write(folder / "backup", Dump(os.urandom(1 << 20)), Fernet.generate_key().decode(),
                      written=datetime.now(UTC), stack="dev", congress="11.0.0", revision="c0")
typer.run(main)
"""


def test_a_full_disk_is_reported_and_the_key_is_removed(tmp_path: Path) -> None:
    """Seen: a hidden file with the encryption key was not removed."""
    script = (
        f'mount -t tmpfs -o size=512k tmpfs {tmp_path}; shift 0; "$@"; echo "exit code $?"; ls -A {tmp_path}'
    )
    done = run(*private(["bash", "-c", script, "bash", sys.executable, "-c", WRITER, tmp_path], {}), cwd=ROOT)
    assert done.stdout == "exit code 1\n"
    assert done.stderr == f"backup: {tmp_path}/backup cannot be written: No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_termination_signal_leaves_no_key_behind(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path, "--slow", "x"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as writes:
        assert writes.stdout is not None
        assert writes.stdout.readline() == "half\n"
        assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]
        writes.send_signal(number)
        _, errors = writes.communicate(timeout=30)
    assert (writes.returncode, errors) == (1, f"backup: ended by {number.name}\n")
    assert list(tmp_path.iterdir()) == []
