from __future__ import annotations

import json
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import dev_stack
from tests.scripts.support.checkout import write_clouds


def test_lab_settings_fill_what_is_not_committed_and_the_salt_stays() -> None:
    committed = {
        "config": {"congress-ha:auth": "noauth", "congress-ha:network": {"externalNetwork": "public"}}
    }
    previous = {"encryptionsalt": "v1:salt", "config": {"congress-ha:auth": "keystone", "congress-ha:old": 1}}
    lab: dict[str, dict[str, Any]] = {
        "guest": {"caFiles": ["/etc/ca.pem"]},
        "network": {"externalNetwork": "other", "dnsServers": ["192.0.2.53"]},
    }
    assert dev_stack.merged(committed, previous, lab) == {
        "encryptionsalt": "v1:salt",
        "config": {
            "congress-ha:auth": "noauth",
            "congress-ha:guest": {"caFiles": ["/etc/ca.pem"]},
            "congress-ha:network": {"externalNetwork": "public", "dnsServers": ["192.0.2.53"]},
        },
    }


@pytest.mark.parametrize("lab", [{}, {"guest": {}, "network": {}}])
def test_without_a_lab_the_configuration_is_the_committed_one(lab: dict[str, dict[str, Any]]) -> None:
    committed = {"config": {"congress-ha:image": "debian-12"}}
    assert dev_stack.merged(committed, {}, lab) == committed


def test_passphrase_is_made_once(tmp_path: Path) -> None:
    dev_stack.write_passphrase(tmp_path)
    first = (tmp_path / "passphrase").read_text()
    dev_stack.write_passphrase(tmp_path)
    assert (tmp_path / "passphrase").read_text() == first
    assert len(first) >= 40
    assert stat.S_IMODE((tmp_path / "passphrase").stat().st_mode) == 0o600


def test_lost_passphrase_is_not_replaced_under_an_encrypted_state(tmp_path: Path) -> None:
    state = tmp_path / "pulumi/.pulumi/stacks/congress-ha/dev.json"
    state.parent.mkdir(parents=True)
    state.touch()
    with pytest.raises(dev_stack.StackError, match="passphrase is missing"):
        dev_stack.write_passphrase(tmp_path)
    assert not (tmp_path / "passphrase").exists()


def test_a_lab_that_answers_is_enough(
    tmp_path: Path, keystone: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    write_clouds(tmp_path, keystone.server_port)
    dev_stack.check_lab(tmp_path)


def test_no_lab_and_a_stopped_lab_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(dev_stack.StackError, match=r"no lab on this machine.*make lab-up"):
        dev_stack.check_lab(tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        write_clouds(tmp_path, unused.getsockname()[1])
        with pytest.raises(dev_stack.StackError, match=r"not running.*make lab-up"):
            dev_stack.check_lab(tmp_path)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[int]:
    """Start a process that looks like a running engine."""
    binary = tmp_path / "engine" / "pulumi"
    binary.parent.mkdir()
    shutil.copy("/bin/sleep", binary)
    with subprocess.Popen([binary, "60"]) as process:
        # The kernel tells the parent of the new program a moment before it renames the process.
        while Path(f"/proc/{process.pid}/comm").read_text() != "pulumi\n":
            time.sleep(0.001)
        yield process.pid
        process.kill()


def _dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_holder_of_a_lock(engine: int) -> None:
    here = socket.gethostname()
    assert not dev_stack.holder_has_ended({"pid": engine, "hostname": here})
    assert dev_stack.holder_has_ended({"pid": _dead_pid(), "hostname": here})
    # Another process has the pid now.
    assert dev_stack.holder_has_ended({"pid": 1, "hostname": here})
    # The state of another machine's processes is unknown.
    assert not dev_stack.holder_has_ended({"pid": _dead_pid(), "hostname": f"not-{here}"})


def _lock(state: Path, name: str, pid: int) -> None:
    file = state / f"pulumi/.pulumi/locks/organization/congress-ha/dev/{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        json.dumps(
            {"pid": pid, "username": "root", "hostname": socket.gethostname(), "timestamp": "2026-01-01"}
        )
    )


@pytest.fixture
def cancels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a fake pulumi on PATH that writes its arguments to the file."""
    log = tmp_path / "cancels"
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pulumi").write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    (folder / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return log


def test_lock_of_a_dead_engine_is_released(
    tmp_path: Path, cancels: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pid = _dead_pid()
    _lock(tmp_path, "one", pid)
    dev_stack.release_stale_lock(tmp_path)
    assert cancels.read_text() == f"-C {tmp_path} cancel --yes --stack dev\n"
    shown = capfd.readouterr()
    assert f"(pid {pid}) was interrupted" in shown.err
    assert shown.out == ""


def test_lock_of_a_running_engine_is_kept(tmp_path: Path, cancels: Path, engine: int) -> None:
    _lock(tmp_path, "one", _dead_pid())
    _lock(tmp_path, "two", engine)
    dev_stack.release_stale_lock(tmp_path)
    assert not cancels.exists()
