"""Runs commands on the stack's hosts, one at a time, as root: for what takes long or moves data."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ops.common.limits import Limits
from ops.common.progress import private_folder
from ops.ssh.files import write_ssh_files
from ops.ssh.survey import bastion, reason

# ssh's own exit code when it reached nobody.
NOT_REACHED = 255
# Seconds for a session to end when it is told to; one whose connection is lost never does.
ENDS = 5
# Seconds between two signs of life. A machine that falls asleep closes no connection.
BEAT = 5


class HostError(Exception):
    """A host was not reached, or a command there failed: the text names the host and says why, without logins."""


class Hosts:
    """`folder` holds SSH's files. Data goes by standard input and output, for a command line is seen by all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(
        self,
        host: str,
        command: str,
        *,
        stdin: bytes | IO[bytes] = b"",
        stdout: IO[bytes] | None = None,
        timeout: float = 60,
    ) -> str:
        """Output of a shell command as root, or "" where it goes to the file `stdout`. Raises HostError.

        A file as `stdin` is sent from its beginning.
        """
        if not isinstance(stdin, bytes):
            # Python may be elsewhere in the file than the system, which is what ssh sees.
            stdin.flush()
            os.lseek(stdin.fileno(), 0, os.SEEK_SET)
        with subprocess.Popen(
            self._argv(host, command),
            cwd=self.folder,
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A Ctrl-C is for the tool alone, which then ends what it is doing.
            start_new_session=True,
        ) as ssh:
            try:
                out, err = ssh.communicate(stdin if isinstance(stdin, bytes) else None, timeout)
            except subprocess.TimeoutExpired:
                raise HostError(f"{host}: no end within {timeout:.0f} s: {_first_line(command)}") from None
            finally:
                if ssh.poll() is None:
                    os.killpg(ssh.pid, signal.SIGKILL)
        if ssh.returncode:
            raise HostError(f"{host}: {_why(ssh.returncode, err.decode(errors='replace'), command)}")
        return "" if stdout else out.decode(errors="replace").strip()

    @contextmanager
    def session(self, host: str, command: str) -> Iterator[Iterator[str]]:
        """A shell command as root that goes on while the context lasts: the lines that it says.

        It has to end when its standard input does, or when no line has come there for several times BEAT.
        """
        with subprocess.Popen(
            self._argv(host, command),
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as ssh:
            ended = threading.Event()
            lives = threading.Thread(target=_beat, args=(ssh.stdin, ended), daemon=True)
            lives.start()
            try:
                yield map(str.strip, ssh.stdout or ())
            finally:
                ended.set()
                lives.join()
                with suppress(OSError):
                    ssh.stdin.close()  # type: ignore[union-attr]  # it is a pipe
                try:
                    ssh.wait(ENDS)
                except subprocess.TimeoutExpired:
                    os.killpg(ssh.pid, signal.SIGKILL)

    def _argv(self, host: str, command: str) -> list[str]:
        script = f"set -euo pipefail\n{command}"
        return ["ssh", "-F", "ssh_config", host, f"sudo -n bash -c {shlex.quote(script)}"]

    def reached(self, host: str, command: str = "true") -> bool:
        """Whether the host takes commands, and this one ends well."""
        try:
            self.run(host, command, timeout=20)
        except HostError:
            return False
        return True


@contextmanager
def connected(outputs: Mapping[str, Any], limits: Limits) -> Iterator[Hosts]:
    """The stack's hosts, through one connection to its bastion. Raises HostError."""
    with private_folder() as folder:
        write_ssh_files(outputs, folder, limits)
        with bastion(folder, limits) as problem:
            if problem:
                raise HostError(f"bastion: {problem}")
            yield Hosts(folder)


def _beat(there: IO[str], ended: threading.Event) -> None:
    """Say a line now and then, until it is told to end or nobody hears it."""
    with suppress(OSError):
        while not ended.wait(BEAT):
            there.write("\n")
            there.flush()


def _why(code: int, stderr: str, command: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = reason(stderr) if code == NOT_REACHED else (lines or [""])[-1]
    # As redact in templates/step/lib.sh.
    return re.sub(r"://[^/ ]*@", "://***@", said) or f"exit code {code}: {_first_line(command)}"


def _first_line(command: str) -> str:
    return command.strip().splitlines()[0]
