"""Files that are not valid backups: each is refused with its reason."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.data import archive
from ops.data.archive import ArchiveError
from tests.ops.support.backup_file import ENCRYPTION_KEY, SQL, refusal, write


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_a_changed_byte_is_detected_or_has_no_effect(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "backup"
    file.unlink(missing_ok=True)
    write(file)
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    bits = data.draw(st.integers(1, 255))
    file.write_bytes(whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :])
    # Much of gzip's header tells nothing, and the bits that fill up the last byte before its checksum and length.
    detected = at >= len(whole) - 8
    with pytest.raises(ArchiveError) if detected else suppress(ArchiveError), archive.read(file) as backup:
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


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
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
def test_an_unexpected_member_is_refused(tmp_path: Path, member: tarfile.TarInfo, problem: str) -> None:
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


def test_a_dump_larger_than_the_free_space_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup"
    write(file)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    assert f"its congress.sql has {len(SQL)} bytes" in refusal(file)
    assert "set TMPDIR to a larger folder" in refusal(file)
