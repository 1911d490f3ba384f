"""The scripts for hosts, run on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ops.health.roles.policy_engine import view
from ops.health.roles.policy_engine.engine import Lag
from ops.remote import REMOTE
from ops.remote.runner import Command, execute, execute_all

POLICIES = {"results": [{"name": "old"}, {"name": "new"}]}
RULES = {"results": [{"id": "1", "rule": "p(x) :- q(x)"}, {"id": "2", "rule": "p(1)"}]}
HEALTHY = {
    "/health": {},
    "/health/lag": {"subscribed": 2, "behind": ["nova:servers"], "silent": []},
    "policies": POLICIES,
    "policies/old/status": {},
    "policies/old/rules": RULES,
    "policies/old/rules/1/status": {},
    "policies/old/tables": {"results": [{"id": "q"}, {"id": "p"}]},
    "data-sources": {"results": [{"id": "d1", "name": "nova", "enabled": True}]},
    "policies/nova/status": {},
    "data-sources/d1/status": {"last_error": "None"},
}


@contextmanager
def engine(answers: dict[str, Any], hanging: str = "") -> Iterator[str]:
    """An engine's API with `answers`: path -> body, or a number as the status; other paths are 404."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/v1/")  # /health stays as it is
            if path == hanging:
                over.wait(10)
            answer = answers.get(path, 404)
            self.send_response(answer if isinstance(answer, int) else 200)
            self.end_headers()
            self.wfile.write(b"" if isinstance(answer, int) else json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        over.set()
        server.shutdown()


def looked(url: str, folder: Path, limit: str = "3") -> subprocess.CompletedProcess[str]:
    config = folder / "congress.conf"
    config.write_text("[DEFAULT]\ndatasource_sync_period = 7\nother = %(x)s\n")
    command = [sys.executable, "-", url, limit, str(config)]
    script = (REMOTE / "engine.py").read_text()
    return subprocess.run(command, input=script, capture_output=True, text=True, timeout=30, check=False)


def test_what_an_engine_lacks_in_memory_is_reported(tmp_path: Path) -> None:
    with engine(HEALTHY) as url:
        seen = json.loads(looked(url, tmp_path).stdout)
    assert (seen["code"], seen["sync_period"], seen["loading"]) == (200, 7, "")
    assert seen["lag"] == HEALTHY["/health/lag"]
    assert view(json.dumps(seen)).lag == Lag(2, ("nova:servers",))
    old, new = seen["policies"]
    assert old == {
        "name": "old",
        "known": True,
        "missing": [],
        "tables": ["p", "q"],
        "rules": 2,
        "complete": True,
    }
    assert (new["known"], new["complete"]) == (False, True)
    nothing = {"rows": None, "age": None}
    assert seen["datasources"] == [
        {"name": "nova", "known": True, "enabled": True, "code": 200, "last_error": "", **nothing}
    ]


def test_a_rule_missing_from_memory_is_reported_and_a_fact_is_not(tmp_path: Path) -> None:
    with engine({path: body for path, body in HEALTHY.items() if "rules/1" not in path}) as url:
        seen = json.loads(looked(url, tmp_path).stdout)
    assert seen["policies"][0]["missing"] == ["p(x) :- q(x)"]


@pytest.mark.parametrize(
    "hanging", ["policies/old/tables", "policies/old/rules/1/status", "policies/old/status"]
)
def test_a_policy_that_is_not_reported_in_time_is_incomplete(tmp_path: Path, hanging: str) -> None:
    with engine(HEALTHY, hanging) as url:
        seen = json.loads(looked(url, tmp_path, "0.6").stdout)
    old = seen["policies"][0]
    assert (old["known"], old["missing"], old["complete"]) == (True, [], False)


def test_datasources_that_cannot_be_listed_are_not_an_empty_list(tmp_path: Path) -> None:
    with engine({**HEALTHY, "data-sources": 500}) as url:
        assert json.loads(looked(url, tmp_path).stdout)["datasources"] is None


def test_a_datasource_s_error_is_reported(tmp_path: Path) -> None:
    with engine({**HEALTHY, "data-sources/d1/status": {"last_error": "HTTP 403"}}) as url:
        assert json.loads(looked(url, tmp_path).stdout)["datasources"][0]["last_error"] == "HTTP 403"


def test_a_datasource_s_rows_and_their_age_are_reported(tmp_path: Path) -> None:
    updated = datetime.now() - timedelta(seconds=100)  # noqa: DTZ005  as Congress tells it
    status = {"last_error": "None", "number_of_rows": "48000", "last_updated": str(updated)}
    with engine({**HEALTHY, "data-sources/d1/status": status}) as url:
        (seen,) = json.loads(looked(url, tmp_path).stdout)["datasources"]
    assert seen["rows"] == 48000
    assert 100 <= seen["age"] < 130


def test_an_engine_that_requires_a_token_is_alive_and_lists_no_policies(tmp_path: Path) -> None:
    with engine({"/health": {}, "policies": 401}) as url:
        seen = json.loads(looked(url, tmp_path).stdout)
    assert (seen["code"], seen["listed"]) == (200, 401)
    assert "policies" not in seen


def test_an_engine_that_cannot_serve_gets_no_more_requests(tmp_path: Path) -> None:
    with engine({**HEALTHY, "/health": 503}) as url:
        seen = json.loads(looked(url, tmp_path).stdout)
    assert seen["code"] == 503
    assert "listed" not in seen


@pytest.mark.parametrize("hanging", ["/health", "policies"])
def test_a_hung_engine_is_reported_in_one_line(tmp_path: Path, hanging: str) -> None:
    with engine(HEALTHY, hanging) as url:
        done = looked(url, tmp_path, "0.3")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "timed out\n")


def test_a_probe_that_hangs_ends_in_time_with_its_children() -> None:
    mark = f"33.{time.monotonic_ns()}"
    began = time.monotonic()
    answer = execute({"argv": ["bash", "-c", f"sleep {mark} & wait"], "stdin": ""}, 0.3)
    assert answer["code"] is None
    assert time.monotonic() - began < 5
    processes = subprocess.run(["pgrep", "-f", f"^sleep {mark}"], capture_output=True, text=True, check=False)
    assert processes.stdout == ""


def test_all_commands_run_and_a_missing_program_is_a_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands: dict[str, Command] = {
        "echo": {"argv": ["cat"], "stdin": "text"},
        "no program": {"argv": ["no-such-program", "x"], "stdin": ""},
    }
    execute_all(commands, 5)
    first, answers = capsys.readouterr().out.splitlines()
    assert first == "up"
    results = json.loads(answers)
    assert (results["echo"]["code"], results["echo"]["out"]) == (0, "text")
    assert (results["no program"]["code"], results["no program"]["err"]) == (
        127,
        "no-such-program: No such file or directory",
    )


def test_a_host_without_probes_reports_itself(capsys: pytest.CaptureFixture[str]) -> None:
    execute_all({}, 5)
    assert capsys.readouterr().out == "up\n{}\n"
