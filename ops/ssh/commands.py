"""Runs single commands as root on the stack's hosts. For commands that take long or transfer data."""

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
from ops.ssh.survey import bastion_connection, ssh_error

# ssh's own exit code when it could not connect.
SSH_FAILED = 255
# Seconds that a session gets to end. A session whose connection is lost never ends by itself.
SESSION_END = 5
# Seconds between two keepalive lines. A machine that is suspended does not close its connections.
KEEPALIVE = 5


class HostError(Exception):
    """A host was unreachable or a command on it failed. The text names host and reason, without credentials."""


class Hosts:
    """The stack's hosts. `folder` holds the files that ssh reads.

    Data is passed by standard input and output, because every user of a host can read command lines.
    """

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
        """Run a shell command as root; its output without surrounding blanks, "" if `stdout` (a file) takes it.

        A file given as `stdin` is sent from its beginning. `timeout` is in seconds. Raises HostError.
        """
        if not isinstance(stdin, bytes):
            # ssh uses the file descriptor's offset, which may differ from Python's own position.
            stdin.flush()
            os.lseek(stdin.fileno(), 0, os.SEEK_SET)
        with subprocess.Popen(
            self._argv(host, command),
            cwd=self.folder,
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C must reach only this program, which then ends ssh itself.
            start_new_session=True,
        ) as ssh:
            try:
                out, err = ssh.communicate(stdin if isinstance(stdin, bytes) else None, timeout)
            except subprocess.TimeoutExpired:
                raise HostError(
                    f"{host}: not finished within {timeout:.0f} s: {_first_line(command)}"
                ) from None
            finally:
                if ssh.poll() is None:
                    os.killpg(ssh.pid, signal.SIGKILL)
        if ssh.returncode:
            raise HostError(
                f"{host}: {_failure_reason(ssh.returncode, err.decode(errors='replace'), command)}"
            )
        return "" if stdout else out.decode(errors="replace").strip()

    @contextmanager
    def session(self, host: str, command: str) -> Iterator[Iterator[str]]:
        """Run a shell command as root while the context lasts; yields its output line by line.

        The command must end at the end of its standard input, or when it got no line for several times KEEPALIVE.
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
            keepalive = threading.Thread(target=_keep_alive, args=(ssh.stdin, ended), daemon=True)
            keepalive.start()
            try:
                yield map(str.strip, ssh.stdout or ())
            finally:
                ended.set()
                keepalive.join()
                with suppress(OSError):
                    ssh.stdin.close()  # type: ignore[union-attr]  # it is a pipe
                try:
                    ssh.wait(SESSION_END)
                except subprocess.TimeoutExpired:
                    os.killpg(ssh.pid, signal.SIGKILL)

    def _argv(self, host: str, command: str) -> list[str]:
        script = f"set -euo pipefail\n{command}"
        return ["ssh", "-F", "ssh_config", host, f"sudo -n bash -c {shlex.quote(script)}"]

    def is_reachable(self, host: str, command: str = "true") -> bool:
        """Whether the command succeeds on the host within 20 s."""
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
        with bastion_connection(folder, limits) as problem:
            if problem:
                raise HostError(f"bastion: {problem}")
            yield Hosts(folder)


def _keep_alive(stdin: IO[str], ended: threading.Event) -> None:
    """Write a line every KEEPALIVE seconds until `ended` is set or the pipe is closed."""
    with suppress(OSError):
        while not ended.wait(KEEPALIVE):
            stdin.write("\n")
            stdin.flush()


def _failure_reason(code: int, stderr: str, command: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    message = ssh_error(stderr) if code == SSH_FAILED else (lines or [""])[-1]
    return redact(message) or f"exit code {code}: {_first_line(command)}"


def redact(text: str) -> str:
    """The text without the login of any URL, as `redact` in templates/step/functions.sh."""
    return re.sub(r"://[^/ ]*@", "://***@", text)


def _first_line(command: str) -> str:
    return command.strip().splitlines()[0]
