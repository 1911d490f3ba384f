"""What a member keeps in files: over a restart, and until its host ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from congress_database_look import Configuration

# Seconds between two restarts of a writer. If it ends again sooner, the reason may be its host's.
AGAIN = 60.0


@dataclass(frozen=True)
class State:
    """What a member must know after a restart, a JSON file that exists as soon as it has the data.

    `role`, for the case that it ends without a word: `writer` has all of its writes; `replica` then loses what it has
    received and not applied; `stopped` has lost nothing; `part` may have lost something, and is no full member until it
    has caught up with a writer; `diverged` has writes that a later writer lacks; `copies` has incomplete data.

    `term`: of its last write. `latest`: of the writer that it is, or was last told to follow, which is `writer`.
    `begins`: the number of the last write before the term `latest`. With that write, from that writer, `term` is
    `latest`; before, it may still have writes of a former term that the other members lack.
    """

    role: str
    term: int
    latest: int = 0
    begins: int = 0
    writer: str = ""

    @classmethod
    def read(cls, configuration: Configuration) -> State | None:
        try:
            return cls(**json.loads(Path(configuration.state).read_text()))
        except FileNotFoundError:
            return None

    def write(self, configuration: Configuration) -> None:
        """Durable when it returns."""
        file = Path(configuration.state)
        new = file.with_suffix(".new")
        with new.open("w") as text:
            json.dump(self.__dict__, text)
            text.flush()
            os.fsync(text.fileno())
        new.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Mandate:
    """Pacemaker wants this member to be the writer: a file that stands until the next demotion or stop.

    Nobody else becomes the writer as long as it stands, so MariaDB may start again without a vote. The file is in
    memory, so it ends with the host. It has the time of the last such restart, in seconds since the host's boot.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.file = Path(configuration.mandate)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Pacemaker's actions and a restart exclude each other."""
        with self.file.with_suffix(".lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    @property
    def is_locked(self) -> bool:
        with self.file.with_suffix(".lock").open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def begin(self) -> None:
        """Begin, or go on with the time of the last restart."""
        self.file.touch()

    def end(self) -> None:
        self.file.unlink(missing_ok=True)

    @property
    def allows_restart(self) -> bool:
        try:
            last = self.file.read_text()
        except FileNotFoundError:
            return False
        return not last or time.monotonic() - float(last) > AGAIN

    def restarts(self) -> None:
        self.file.write_text(str(time.monotonic()))
