"""Sent to every host over ssh's standard input: asks several questions at once and prints all answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict


class Question(TypedDict):
    argv: list[str]
    stdin: str


class Answer(TypedDict):
    """`code` is the exit status, None when the time was over; `seconds` is how long it took."""

    code: int | None
    out: str
    err: str
    seconds: float


def ask(question: Question, limit: float) -> Answer:
    """Run one command for at most `limit` seconds, with all that it started."""
    began = time.monotonic()
    out, err, code = "", "", None
    try:
        with subprocess.Popen(
            question["argv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as asked:
            try:
                out, err = asked.communicate(question["stdin"], timeout=limit)
                code = asked.returncode
            except subprocess.TimeoutExpired:
                os.killpg(asked.pid, signal.SIGKILL)
    except OSError as error:
        return {"code": 127, "out": "", "err": f"{question['argv'][0]}: {error.strerror}", "seconds": 0.0}
    return {"code": code, "out": out, "err": err, "seconds": round(time.monotonic() - began, 3)}


def report(questions: dict[str, Question], limit: float) -> None:
    """Print a line at once, which tells a slow host from one not reached, then {name: Answer} as JSON."""
    print("up", flush=True)
    with ThreadPoolExecutor(max(len(questions), 1)) as pool:
        asked = {name: pool.submit(ask, question, limit) for name, question in questions.items()}
        print(json.dumps({name: answer.result() for name, answer in asked.items()}))
