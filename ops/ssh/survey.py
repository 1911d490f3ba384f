"""Runs commands on all of the stack's hosts in parallel, with one SSH connection per host through the bastion."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import roles
from ops.common.limits import Limits
from ops.remote import REMOTE
from ops.remote.runner import READY, Command, CommandResult
from ops.ssh.files import write_ssh_files

BASTION = roles.BASTION.host
# The first line that a host prints once it was reached.
GREETING = f"{READY}\n"


@dataclass(frozen=True)
class Report:
    """`answers`: command name -> result. `problem`: why there are none. `connected`: whether SSH itself worked."""

    problem: str | None = None
    connected: bool = True
    answers: Mapping[str, CommandResult] = field(default_factory=dict)


def run_on_hosts(
    commands_of: Mapping[str, Mapping[str, Command]], outputs: Mapping[str, Any], folder: Path, limits: Limits
) -> dict[str, Report]:
    """Run commands on hosts: `commands_of` maps host -> command name -> command. Returns host -> report.

    `folder`: a private folder for the files that ssh reads. The bastion is always connected to, but runs only the
    commands that it has.
    """
    write_ssh_files(outputs, folder, limits)
    with bastion_connection(folder, limits) as problem:
        if problem:
            unreachable = Report("the bastion was not reached", connected=False)
            bastion_report = Report(problem, connected=False)
            return {host: bastion_report if host == BASTION else unreachable for host in commands_of}
        hosts = [host for host in commands_of if host != BASTION or commands_of[host]]
        with ThreadPoolExecutor(len(hosts)) as pool:
            reports = pool.map(lambda host: _execute_on(host, commands_of[host], folder, limits), hosts)
            return {BASTION: Report(), **dict(zip(hosts, reports, strict=True))}


@contextmanager
def bastion_connection(folder: Path, limits: Limits) -> Iterator[str | None]:
    """The shared connection to the bastion, while the context lasts. Yields None, or why there is no connection."""
    with _ssh(folder, "-M", BASTION, f"echo {READY}; exec cat") as master:
        match _first_line(master, limits.connect + 1):
            case None:
                yield f"no answer within {limits.connect + 1} s"
            case line if line == GREETING:
                yield None
            case _:
                yield ssh_error(master.communicate()[1])


@contextmanager
def _ssh(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """An ssh process group (with its proxy through the bastion) that is killed at the end of the context."""
    with subprocess.Popen(
        ["ssh", "-F", "ssh_config", *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as ssh:
        try:
            yield ssh
        finally:
            if ssh.poll() is None:
                os.killpg(ssh.pid, signal.SIGKILL)


def _first_line(process: subprocess.Popen[str], seconds: float) -> str | None:
    """The first line of output, "" if the process ended without output, None after `seconds`."""
    stdout = process.stdout
    if stdout is None or not select.select([stdout], [], [], seconds)[0]:
        return None
    return stdout.readline()


def _execute_on(host: str, commands: Mapping[str, Command], folder: Path, limits: Limits) -> Report:
    script = f"{(REMOTE / 'runner.py').read_text()}\nexecute_all({dict(commands)!r}, {limits.command})\n"
    with _ssh(folder, host, "sudo -n python3 -") as ssh:
        try:
            out, err = ssh.communicate(script, timeout=limits.host)
        except subprocess.TimeoutExpired as late:
            connected = bytes(late.stdout or b"").startswith(GREETING.encode())
            missing = "answers" if connected else "connection"
            return Report(f"no {missing} within {limits.host:.0f} s", connected=connected)
    if out.startswith(GREETING):
        with contextlib.suppress(json.JSONDecodeError):
            return Report(answers=json.loads(out.removeprefix(GREETING)))
    return Report(ssh_error(err) or f"ssh ended with {ssh.returncode}", connected=out.startswith(GREETING))


def ssh_error(stderr: str) -> str:
    """The line of ssh's error output with the reason: the first one, for a changed host key the last one."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1 if lines[0].startswith("@") else 0] if lines else ""
