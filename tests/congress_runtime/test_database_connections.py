"""Connections to a database whose host is lost, and whose address is on its way to another host."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.congress_runtime.support.congress_python import ENVIRONMENT, run_script
from tests.support import mariadb
from tests.support.ports import free_port
from tests.support.programs import congress_python, run
from tests.support.wire import HERE, THERE, cut, inside, wire

SILENCE = Path(__file__).parent / "support/database_silence.py"


def test_an_attempt_without_an_answer_is_repeated_soon() -> None:
    assert json.loads(run_script("database_connections.py", "ours")) == [0.125] * 32 + [1.0]


def test_upstream_leaves_it_to_the_kernel() -> None:
    """The reason for patches.database_connections: the kernel repeats its packet after 1, 3 and 7 s."""
    assert json.loads(run_script("database_connections.py", "upstream")) == [5]


def test_a_lost_host_is_noticed_while_a_node_waits_for_its_answer(tmp_path: Path) -> None:
    """Upstream waits until the read_timeout, here a minute."""
    mariadb.install(tmp_path)
    port = free_port()
    with (
        wire() as namespace,
        mariadb.started(tmp_path, "--no-defaults", f"--port={port}", f"--bind-address={HERE}"),
    ):
        user = f"CREATE USER engine@'{THERE}' IDENTIFIED BY 'x'"
        assert run(*mariadb.client(tmp_path), stdin=user).returncode == 0
        command = inside(namespace, str(congress_python()), str(SILENCE), HERE, str(port))
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT}
        ) as node:
            assert node.stdout
            assert node.stdout.readline() == "asks\n"
            cut(namespace)
            # 5 s of silence; a connection without a limit of its own would wait for 60.
            assert float(node.stdout.read()) < 30
