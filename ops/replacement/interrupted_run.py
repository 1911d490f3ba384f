"""Remembers a replacement that has begun, so that the same command goes on after an interruption."""

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
class Begun:
    """`server`: id of the one that is replaced.

    `file`: the backup that the new database server gets, "" for other hosts; `content`: digest of what it holds, ""
    for one that the operator named; `loaded`: the new server has it, and may have more by now.
    """

    server: str
    file: str = ""
    content: str = ""
    loaded: bool = False

    def deleted(self, now: Server) -> bool:
        """Whether that server is gone, so that what is left to do must not replace another one."""
        return now.gone or now.id != self.server


class BusyError(Exception):
    """Another run goes on."""


class Unfinished:
    """The note about one host of one stack, on this machine."""

    def __init__(self, stack: str, host: str, root: Path = ROOT) -> None:
        self.file = root / ".state" / stack / f"replace-{host}.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other replacement of the stack begins on this machine meanwhile. Raises BusyError."""
        file = self.file.with_name("replace.lock")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError("another make replace of this stack goes on: wait for its end") from None
            yield

    def read(self) -> Begun | None:
        return Begun(**json.loads(self.file.read_text())) if self.file.exists() else None

    def write(self, begun: Begun) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.file, json.dumps(asdict(begun)))

    def forget(self) -> None:
        self.file.unlink()
