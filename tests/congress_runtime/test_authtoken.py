"""The probe that an engine's step runs, against a keystone and an engine with given answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.foundation.template import ROOT, render
from tests.congress_runtime.support.authtoken import PASSWORD, authtoken
from tests.congress_runtime.support.fake_keystone import CHECKER, keystone
from tests.render.support.contexts.congress_host import CONGRESS
from tests.support.programs import congress_python, run

SCRIPT = ROOT / "congress_runtime/probes/authtoken.py"


@contextmanager
def engine(without: int, with_one: int) -> Iterator[str]:
    """URL of an API that answers so without a token, and so with the one that keystone gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(with_one if self.headers.get("X-Auth-Token") == CHECKER else without)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/policies"
        server.shutdown()


def run_probe(folder: Path, keystone_url: str, without: int, with_one: int) -> tuple[int, str]:
    file = folder / "congress.conf"
    context = {**CONGRESS, "authtoken": authtoken(keystone_url)}
    file.write_text(render("congress_host/congress.conf.j2", context) + "\n")
    with engine(without, with_one) as url:
        done = run(congress_python(), SCRIPT, file, url, "5", env={"no_proxy": "127.0.0.1"})
    assert PASSWORD not in done.stderr
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(
    ("without", "with_one", "code", "output"),
    [
        (401, 403, 0, ""),
        (401, 200, 0, ""),
        (200, 200, 1, "without a token it answers 200"),
        (401, 503, 1, "with a token from keystone it answers 503: it cannot validate tokens at keystone"),
        (401, 401, 1, "with a token from keystone it answers 401: it cannot validate tokens at keystone"),
    ],
)
def test_reports_whether_an_engine_requires_and_validates_tokens(
    tmp_path: Path, without: int, with_one: int, code: int, output: str
) -> None:
    with keystone(PASSWORD, {}) as fake:
        assert run_probe(tmp_path, fake.url, without, with_one) == (code, output)


def test_keystone_s_refusal_or_silence_is_reported_in_one_line(tmp_path: Path) -> None:
    with keystone("another", {}) as fake:
        code, output = run_probe(tmp_path, fake.url, 401, 403)
    assert (code, output) == (1, "refused (HTTP 401)")
    code, output = run_probe(tmp_path, "http://127.0.0.1:9/v3", 401, 403)
    assert (code, output.count("\n")) == (1, 0)
    assert "127.0.0.1:9" in output
