"""The operator's file: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools import archive
from tools.archive import ArchiveError

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
    with pytest.raises(ArchiveError, match="backup exists already, and is left as it is"):
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
    with pytest.raises(ArchiveError, match="no file can be written in the folder"):
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
    assert "is no backup of congress-ha, or is damaged" in refusal(file)


@pytest.mark.parametrize("content", [b"", b"text", gzip.compress(b"-- a dump", mtime=0)])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    assert f"{file} is no backup of congress-ha, or is damaged" in refusal(file)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing") == f"{tmp_path}/nothing: No such file or directory"
    assert refusal(tmp_path) == f"{tmp_path}: Is a directory"


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
        ("aes_key", b"another", "is damaged: aes_key is not what the manifest tells of it"),
        ("manifest_json", b'{"format": 2}', "has format 2; this version of congress-ha reads 1"),
        ("manifest_json", b'{"format": 1}', "manifest.json is not understood: written"),
        ("manifest_json", b"[]", "manifest.json is not understood"),
        ("other", b"", "is no backup of congress-ha: it holds other"),
    ],
)
def test_a_part_that_is_wrong_is_named(tmp_path: Path, member: str, text: bytes | None, problem: str) -> None:
    file = tmp_path / "backup"
    write(file)
    assert problem in refusal(repacked(file, **{member: text}))


def test_a_dump_that_is_not_the_manifest_s_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    write(file)
    assert "congress.sql is not what the manifest tells of it" in refusal(
        repacked(file, **{"congress.sql": b"DROP DATABASE congress;"})
    )


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    write(file, key="no key")
    assert "aes_key is no encryption key of Congress" in refusal(file)
