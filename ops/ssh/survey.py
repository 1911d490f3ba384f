"""Reaches the stack's hosts by SSH through the bastion, each once, all at a time."""

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
from ops.remote.runner import Answer, Question
from ops.ssh.files import write_ssh_files

BASTION = roles.BASTION.host
# The first line of whoever is reached.
UP = "up\n"


@dataclass(frozen=True)
class Report:
    """A host's answers, or the problem that kept it from answering; `connected`: SSH was none."""

    problem: str | None = None
    connected: bool = True
    answers: Mapping[str, Answer] = field(default_factory=dict)


def look(
    asked: Mapping[str, Mapping[str, Question]], outputs: Mapping[str, Any], folder: Path, limits: Limits
) -> dict[str, Report]:
    """Ask every host its questions, by its name; `folder` is private and holds SSH's files meanwhile.

    The bastion, which is reached in any case, is asked only if there is something to ask it.
    """
    write_ssh_files(outputs, folder, limits)
    with bastion(folder, limits) as problem:
        if problem:
            behind = Report("the bastion was not reached", connected=False)
            itself = Report(problem, connected=False)
            return {host: itself if host == BASTION else behind for host in asked}
        hosts = [host for host in asked if host != BASTION or asked[host]]
        with ThreadPoolExecutor(len(hosts)) as pool:
            reports = pool.map(lambda host: _ask(host, asked[host], folder, limits), hosts)
            return {BASTION: Report(), **dict(zip(hosts, reports, strict=True))}


@contextmanager
def bastion(folder: Path, limits: Limits) -> Iterator[str | None]:
    """The connection that the others go through, while the context lasts; yields why there is none."""
    with _ssh(folder, "-M", BASTION, "echo up; exec cat") as master:
        match _first_line(master, limits.connect + 1):
            case None:
                yield f"no answer within {limits.connect + 1} s"
            case line if line == UP:
                yield None
            case _:
                yield reason(master.communicate()[1])


@contextmanager
def _ssh(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """An ssh that does not outlive the context, nor does the ssh that is its way through the bastion."""
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
    """What it printed first, "" when it ended without a word, None when the time was over."""
    stdout = process.stdout
    if stdout is None or not select.select([stdout], [], [], seconds)[0]:
        return None
    return stdout.readline()


def _ask(host: str, questions: Mapping[str, Question], folder: Path, limits: Limits) -> Report:
    script = f"{(REMOTE / 'runner.py').read_text()}\nreport({dict(questions)!r}, {limits.question})\n"
    with _ssh(folder, host, "sudo -n python3 -") as ssh:
        try:
            out, err = ssh.communicate(script, timeout=limits.host)
        except subprocess.TimeoutExpired as late:
            connected = bytes(late.stdout or b"").startswith(UP.encode())
            said = "answers" if connected else "connection"
            return Report(f"no {said} within {limits.host:.0f} s", connected=connected)
    if out.startswith(UP):
        with contextlib.suppress(json.JSONDecodeError):
            return Report(answers=json.loads(out.removeprefix(UP)))
    return Report(reason(err) or f"ssh ended with {ssh.returncode}", connected=out.startswith(UP))


def reason(stderr: str) -> str:
    """The line of ssh's complaint that says why; the first, but for a changed host key the last."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1 if lines[0].startswith("@") else 0] if lines else ""
