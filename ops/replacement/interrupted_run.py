"""The record of a replacement that has begun, by which the same command continues it after an interruption."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ops.common.files import write_private
from ops.stack.host_server import Server
from ops.stack.outputs import ROOT


@dataclass(frozen=True)
class ReplacementRecord:
    """`server`: id of the server that is replaced.

    `file`: the backup for the new database server, "" for other hosts. `content`: digest of its content, "" if the
    operator named the file. `loaded`: the backup was loaded, and the database may have changed since.
    """

    server: str
    file: str = ""
    content: str = ""
    loaded: bool = False

    def deleted(self, now: Server) -> bool:
        """Whether the old server is gone, so that the rest of the run must not replace a server again."""
        return now.gone or now.id != self.server


class BusyError(Exception):
    """Another replacement of the stack is running."""


class RecordFile:
    """The file on this machine with the record of one host of one stack."""

    def __init__(self, stack: str, host: str, root: Path = ROOT) -> None:
        self.file = root / ".state" / stack / f"replace-{host}.json"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock out other replacements of the stack on this machine. Raises BusyError."""
        file = self.file.with_name("replace.lock")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError("another make replace of this stack is running: wait until it ends") from None
            yield

    def read(self) -> ReplacementRecord | None:
        return ReplacementRecord(**json.loads(self.file.read_text())) if self.file.exists() else None

    def write(self, record: ReplacementRecord) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.file, json.dumps(asdict(record)))

    def remove(self) -> None:
        self.file.unlink()
