"""Sent to a host on ssh's standard input: runs several commands in parallel and prints all results as JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

# First line of output. It tells a slow host from an unreachable one (ops/ssh/survey.py).
READY = "up"


class Command(TypedDict):
    argv: list[str]
    stdin: str


class CommandResult(TypedDict):
    """`code`: exit status, None after the time limit; `seconds`: how long the command took."""

    code: int | None
    out: str
    err: str
    seconds: float


def execute(command: Command, limit: float) -> CommandResult:
    """Run one command for at most `limit` seconds; then it is killed with its child processes."""
    began = time.monotonic()
    out, err, code = "", "", None
    try:
        with subprocess.Popen(
            command["argv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(command["stdin"], timeout=limit)
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
    except OSError as error:
        return {"code": 127, "out": "", "err": f"{command['argv'][0]}: {error.strerror}", "seconds": 0.0}
    return {"code": code, "out": out, "err": err, "seconds": round(time.monotonic() - began, 3)}


def execute_all(commands: dict[str, Command], limit: float) -> None:
    """Print READY at once, then {name: CommandResult} as one JSON object. `limit`: seconds per command."""
    print(READY, flush=True)
    with ThreadPoolExecutor(max(len(commands), 1)) as pool:
        process = {name: pool.submit(execute, command, limit) for name, command in commands.items()}
        print(json.dumps({name: answer.result() for name, answer in process.items()}))
