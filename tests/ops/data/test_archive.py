"""The operator's file: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import gzip
import io
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.data import archive
from ops.data.archive import ArchiveError
from ops.stack.outputs import ROOT
from tests.support.programs import private, run

WRITTEN = datetime(2026, 11, 25, 16, 0, 30, tzinfo=UTC)
ENCRYPTION_KEY = Fernet.generate_key().decode()
SQL = b"CREATE TABLE `t` (`x` text);\nINSERT INTO `t` VALUES ('\xff\x00\\n');\n" * 50


def write(file: Path, sql: bytes = SQL, key: str = ENCRYPTION_KEY) -> None:
    with tempfile.TemporaryFile() as dump:
        dump.write(sql)
        archive.write(
            file, dump, key, written=WRITTEN, stack="dev", congress="11.0.0", revision="c0125080d572"
        )


def refusal(file: Path) -> str:
    with pytest.raises(ArchiveError) as refused, archive.read(file):
        pass
    return str(refused.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(sql=st.binary(max_size=3000))
def test_what_goes_in_comes_out(tmp_path: Path, sql: bytes) -> None:
    file = tmp_path / "backup"
    file.unlink(missing_ok=True)
    write(file, sql)
    with archive.read(file) as backup:
        assert backup.dump.read() == sql
        assert backup.key == ENCRYPTION_KEY
        known = backup.manifest
        assert (known.stack, known.congress, known.schema_revision, known.written) == (
            "dev",
            "11.0.0",
            "c0125080d572",
            WRITTEN,
        )


def test_the_file_is_the_operator_s_alone_and_so_is_what_comes_out_of_it(tmp_path: Path) -> None:
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


def test_a_file_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("mine")
    with pytest.raises(ArchiveError, match="backup already exists and was not changed"):
        write(file)
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_came_meanwhile_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "backup"
    monkeypatch.setattr(archive, "refuse_existing", lambda _: None)
    file.write_text("mine")
    with pytest.raises(ArchiveError, match="File exists"):
        write(file)
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot write into the folder"):
        archive.refuse_existing(tmp_path / "no/backup")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(data=st.data())
def test_a_changed_byte_is_found_or_changes_nothing(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "backup"
    file.unlink(missing_ok=True)
    write(file)
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    bits = data.draw(st.integers(1, 255))
    file.write_bytes(whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :])
    # Much of gzip's header tells nothing, and the bits that fill up the last byte before its checksum and length.
    told = at >= len(whole) - 8
    with pytest.raises(ArchiveError) if told else suppress(ArchiveError), archive.read(file) as backup:
        assert (backup.key, backup.dump.read()) == (ENCRYPTION_KEY, SQL)


@pytest.mark.parametrize("part", [0, 5, 0.5, 0.9, -8, -1])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, part: float) -> None:
    file = tmp_path / "backup"
    write(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(part * len(whole)) if 0 < part < 1 else int(part)])
    assert "is not a backup of congress-ha, or is damaged" in refusal(file)


@pytest.mark.parametrize("content", [b"", b"text", gzip.compress(b"-- a dump", mtime=0)])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    assert f"{file} is not a backup of congress-ha, or is damaged" in refusal(file)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing") == f"{tmp_path}/nothing: No such file or directory"
    assert refusal(tmp_path) == f"{tmp_path}: Is a directory"


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
    with backup.reported_errors("backup"):
        archive.write(folder / "backup", Dump(os.urandom(1 << 20)), Fernet.generate_key().decode(),
                      written=datetime.now(UTC), stack="dev", congress="11.0.0", revision="c0")
typer.run(main)
"""


def test_a_full_disk_is_said_and_nothing_of_the_key_stays(tmp_path: Path) -> None:
    """Seen: a hidden file with the encryption key in it stayed."""
    script = (
        f'mount -t tmpfs -o size=512k tmpfs {tmp_path}; shift 0; "$@"; echo "exit code $?"; ls -A {tmp_path}'
    )
    done = run(*private(["bash", "-c", script, "bash", sys.executable, "-c", WRITER, tmp_path], {}), cwd=ROOT)
    assert done.stdout == "exit code 1\n"
    assert done.stderr == f"backup: {tmp_path}/backup cannot be written: No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_leaves_nothing_of_the_key(tmp_path: Path, number: signal.Signals) -> None:
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


def repacked(file: Path, **changed: bytes | None) -> Path:
    """The backup with members changed, added, or left out (None); gzip's own checksum is right."""
    content: dict[str, bytes | None] = {}
    with tarfile.open(file) as members:
        for member in members:
            content[member.name] = (members.extractfile(member) or io.BytesIO()).read()
    content |= {name.replace("_json", ".json"): text for name, text in changed.items()}
    with tarfile.open(file, "w:gz") as made:
        for name, text in content.items():
            if text is not None:
                member = tarfile.TarInfo(name)
                member.size = len(text)
                made.addfile(member, io.BytesIO(text))
    return file


@pytest.mark.parametrize(
    ("member", "text", "problem"),
    [
        ("aes_key", None, "a part of it is missing"),
        ("aes_key", b"another", "is damaged: aes_key does not match the manifest"),
        ("manifest_json", b'{"format": 2}', "has format 2; this version of congress-ha reads 1"),
        ("manifest_json", b'{"format": 1}', "manifest.json is invalid: written"),
        ("manifest_json", b"[]", "manifest.json is invalid"),
        ("other", b"", "is not a backup of congress-ha: it holds other"),
    ],
)
def test_a_part_that_is_wrong_is_named(tmp_path: Path, member: str, text: bytes | None, problem: str) -> None:
    file = tmp_path / "backup"
    write(file)
    assert problem in refusal(repacked(file, **{member: text}))


def test_a_dump_that_is_not_the_manifest_s_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    write(file)
    assert "congress.sql does not match the manifest" in refusal(
        repacked(file, **{"congress.sql": b"DROP DATABASE congress;"})
    )


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    write(file, key="no key")
    assert "aes_key is not an encryption key of Congress" in refusal(file)


def tampered(file: Path, *members: tarfile.TarInfo) -> Path:
    """The backup with further members, empty ones."""
    with tarfile.open(file) as whole:
        content = [(member, (whole.extractfile(member) or io.BytesIO()).read()) for member in whole]
    with tarfile.open(file, "w:gz") as made:
        for member, text in content:
            made.addfile(member, io.BytesIO(text))
        for member in members:
            made.addfile(member, io.BytesIO(b"\0" * member.size))
    return file


def special(name: str, kind: bytes, target: str = "", size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, size
    return member


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        (special("other", tarfile.SYMTYPE, "/etc/shadow"), "it holds other"),
        (special("../../etc/passwd", tarfile.REGTYPE), "it holds ../../etc/passwd"),
        (special("fifo", tarfile.FIFOTYPE), "it holds fifo"),
        (special("congress.sql", tarfile.REGTYPE), "it holds congress.sql twice"),
        (special("aes_key", tarfile.LNKTYPE, "manifest.json"), "it holds aes_key twice"),
    ],
)
def test_what_does_not_belong_there_is_refused(tmp_path: Path, member: tarfile.TarInfo, problem: str) -> None:
    file = tmp_path / "backup"
    write(file)
    assert refusal(tampered(file, member)) == f"{file} is not a backup of congress-ha: {problem}"


@pytest.mark.parametrize(
    "member",
    [
        special("aes_key", tarfile.SYMTYPE, "/etc/shadow"),
        special("congress.sql", tarfile.LNKTYPE, "aes_key"),
        special("manifest.json", tarfile.DIRTYPE),
    ],
)
def test_a_link_or_a_folder_is_no_part(tmp_path: Path, member: tarfile.TarInfo) -> None:
    file = tmp_path / "backup"
    with tarfile.open(file, "w:gz") as made:
        made.addfile(member)
    assert refusal(file) == f"{file} is not a backup of congress-ha: it holds {member.name}"


def test_a_key_that_is_too_large_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with tarfile.open(file, "w:gz") as made:
        made.addfile(special("aes_key", tarfile.REGTYPE, size=100_000), io.BytesIO(b"\0" * 100_000))
    assert refusal(file) == f"{file} is not a backup of congress-ha: its aes_key is too large"


def test_a_dump_for_which_there_is_no_room_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup"
    write(file)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    assert f"its congress.sql has {len(SQL)} bytes" in refusal(file)
    assert "set TMPDIR to a larger folder" in refusal(file)
