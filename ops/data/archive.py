"""The backup file: a tar.gz of the database's dump, Congress's encryption key and a manifest.

The gzip checksum covers every byte of the file. The manifest's digests cover the members on their way to the hosts.
"""

from __future__ import annotations

import gzip
import io
import os
import secrets
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO

import pydantic
from cryptography.fernet import Fernet

FORMAT = 1
MANIFEST, DUMP, KEY = "manifest.json", "congress.sql", "aes_key"
# Upper bound of a manifest's or key's size, in bytes.
SMALL = 64 * 1024


class ArchiveError(Exception):
    """The file cannot be written, or is not a valid backup. The text names the file and the reason."""


class Manifest(pydantic.BaseModel):
    """`schema_revision`: Alembic's revision in the dump. `sha256`: member -> hex digest."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    format: int
    written: datetime
    stack: str
    congress: str
    schema_revision: str
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Backup:
    """`dump`: an anonymous file, at its beginning. `key`: Congress's aes_key."""

    manifest: Manifest
    key: str
    dump: IO[bytes]


def refuse_existing(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise ArchiveError(f"{file} already exists and was not changed: name another file")
    if not os.access(file.parent, os.W_OK):
        raise ArchiveError(f"cannot write into the folder {file.parent}")


def digest(file: IO[bytes]) -> str:
    """The file's sha256 in hex. Rewinds the file before and after."""
    file.seek(0)
    digests = file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return digests


def write(
    file: Path, dump: IO[bytes], key: str, *, written: datetime, stack: str, congress: str, revision: str
) -> None:
    """Write the file atomically, with mode 0600. Raises ArchiveError."""
    refuse_existing(file)
    manifest = Manifest(
        format=FORMAT,
        written=written,
        stack=stack,
        congress=congress,
        schema_revision=revision,
        sha256={DUMP: digest(dump), KEY: sha256(key.encode()).hexdigest()},
    )
    small = {MANIFEST: manifest.model_dump_json(indent=1).encode(), KEY: key.encode()}
    # The name is set before the file exists, so that it is removed on every error: it contains the key.
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
    try:
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(number, "wb") as made:
            with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
                for member, content in small.items():
                    archive.addfile(_member(member, len(content), written), io.BytesIO(content))
                archive.addfile(_member(DUMP, dump.seek(0, os.SEEK_END), written), _rewound(dump))
            made.flush()
            os.fsync(made.fileno())
        # Unlike a rename, a link does not replace a file that was created meanwhile.
        os.link(part, file)
    except OSError as error:
        raise ArchiveError(f"{file} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def read(file: Path) -> Iterator[Backup]:
    """The verified content of the file, while the context lasts. Raises ArchiveError."""
    try:
        archive = file.open("rb")
    except OSError as error:
        raise ArchiveError(f"{file}: {error.strerror}") from None
    with archive, tempfile.TemporaryFile() as dump:
        yield _checked(file, archive, dump)


def _checked(file: Path, archive: IO[bytes], dump: IO[bytes]) -> Backup:
    parts: dict[str, bytes] = {}
    try:
        # tarfile's own gzip does not verify the checksum and ignores data after the archive.
        with gzip.open(archive) as whole:
            with tarfile.open(fileobj=whole, mode="r|") as members:
                for member in members:
                    if member.name in parts:
                        raise ArchiveError(
                            f"{file} is not a backup of congress-ha: it holds {member.name} twice"
                        )
                    parts[member.name] = _part(file, member, members, dump)
            while whole.read(SMALL):
                pass
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(f"{file} is not a backup of congress-ha, or is damaged: {error}") from None
    if parts.keys() != {MANIFEST, KEY, DUMP}:
        raise ArchiveError(f"{file} is not a backup of congress-ha, or is damaged: a part of it is missing")
    manifest = _manifest(file, parts[MANIFEST])
    digests = {DUMP: digest(dump), KEY: sha256(parts[KEY]).hexdigest()}
    if damaged := [member for member in digests if digests[member] != manifest.sha256.get(member)]:
        raise ArchiveError(f"{file} is damaged: {damaged[0]} does not match the manifest")
    return Backup(manifest, checked_key(parts[KEY].decode(errors="replace")), dump)


def _part(file: Path, member: tarfile.TarInfo, members: tarfile.TarFile, dump: IO[bytes]) -> bytes:
    """The content of a small member. The dump is copied into its file, and b"" is returned."""
    content = members.extractfile(member) if member.isreg() else None
    if content is None or member.name not in {MANIFEST, KEY, DUMP}:
        raise ArchiveError(f"{file} is not a backup of congress-ha: it holds {member.name}")
    if member.name != DUMP:
        if member.size > SMALL:
            raise ArchiveError(f"{file} is not a backup of congress-ha: its {member.name} is too large")
        return content.read()
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if member.size > free:
        raise ArchiveError(
            f"{file} cannot be unpacked: its {DUMP} has {member.size} bytes, {tempfile.gettempdir()} has room"
            f" for {free}: set TMPDIR to a larger folder"
        )
    shutil.copyfileobj(content, dump)
    return b""


def _manifest(file: Path, text: bytes) -> Manifest:
    try:
        fields = pydantic.TypeAdapter(dict[str, object]).validate_json(text)
        if fields.get("format") != FORMAT:
            raise ArchiveError(
                f"{file} has format {fields.get('format')}; this version of congress-ha reads {FORMAT}"
            )
        return Manifest.model_validate_json(text)
    except pydantic.ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise ArchiveError(f"{file} is damaged: {MANIFEST} is invalid: {where}") from None


def checked_key(text: str) -> str:
    """A Fernet key without surrounding blanks. Raises ArchiveError if it is not one."""
    key = text.strip()
    try:
        Fernet(key)
    except ValueError:
        raise ArchiveError("aes_key is not an encryption key of Congress: it is not a Fernet key") from None
    return key


def _member(name: str, size: int, written: datetime) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(written.timestamp())
    return member


def _rewound(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file
