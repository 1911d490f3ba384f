import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.congress_runtime.conftest import RUNTIME, Load

SILENCE, GRACE = 0.4, 2.0


class Guarded:
    """A process and its guard. The test writes what the process would write."""

    def __init__(self, **env: str) -> None:
        guard_end, self.pipe = os.pipe()
        self.process = subprocess.Popen(["sleep", "60"])
        self.guard = subprocess.Popen(
            [sys.executable, "-IS", RUNTIME / "guard.py", str(self.process.pid), str(SILENCE), "1"],
            stdin=guard_end,
            env=os.environ | env,
        )
        os.close(guard_end)

    def says(self, *bytes_: int) -> None:
        os.write(self.pipe, bytes(bytes_))

    def ends(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.pipe)
        self.pipe = -1


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    guarded = Guarded()
    yield guarded
    if guarded.pipe >= 0:
        guarded.ends()
    guarded.guard.kill()
    guarded.guard.wait()


def test_an_end_after_sigterm_is_an_ordered_stop(guarded: Guarded) -> None:
    guarded.says(ord("."), signal.SIGTERM)
    guarded.ends()
    assert guarded.guard.wait(5) == 0


@pytest.mark.parametrize(("removed", "status"), [(True, 0), (False, 1)])
def test_under_pacemaker_only_the_agent_may_order_a_stop(
    tmp_path: Path, *, removed: bool, status: int
) -> None:
    """The agent's last act is to remove its pid file; a `kill` by hand removes nothing."""
    guarded = Guarded(OCF_RESOURCE_INSTANCE="ds-node", HA_RSCTMP=str(tmp_path))
    pid_file = tmp_path / "ds-node.pid"
    pid_file.write_text(f"{guarded.process.pid}\n")
    guarded.says(ord("."), signal.SIGTERM)
    guarded.ends()
    if removed:
        time.sleep(0.3)
        pid_file.unlink()
    assert guarded.guard.wait(10) == status


def test_any_other_end_is_a_crash(guarded: Guarded) -> None:
    guarded.says(ord("."), signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD)
    guarded.ends()
    assert guarded.guard.wait(5) == 1


def test_kills_a_silent_process(guarded: Guarded) -> None:
    guarded.says(ord("."))
    assert guarded.process.wait(SILENCE + GRACE + 5) == -signal.SIGKILL
    assert guarded.guard.wait(5) == 1


def test_keeps_a_process_that_writes_again_after_a_pause(guarded: Guarded) -> None:
    guarded.says(ord("."))
    for _ in range(4):
        time.sleep(SILENCE + 0.3)
        guarded.says(ord("."))
    assert guarded.process.poll() is None


def test_a_stop_and_a_start_have_no_silence_limit(guarded: Guarded) -> None:
    time.sleep(SILENCE + GRACE + 0.5)
    assert guarded.process.poll() is None
    guarded.says(signal.SIGTERM, ord("."))
    time.sleep(SILENCE + GRACE + 0.5)
    assert guarded.process.poll() is None


def test_outlives_the_signals_of_a_service_manager(guarded: Guarded) -> None:
    guarded.says(ord("."))
    time.sleep(0.3)  # it has set its handlers before it reads
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        guarded.guard.send_signal(number)
    guarded.says(signal.SIGTERM)
    guarded.ends()
    assert guarded.guard.wait(5) == 0


@pytest.mark.parametrize("unable", [False, True])
def test_reports_a_failure_to_pacemaker(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, unable: bool
) -> None:
    nodes = '[ "$1" = -n ] && echo this-host || echo this-host other-host'
    record = f'echo "$(basename $0) $@" >> {tmp_path}/told'
    for name, text in (("crm_node", nodes), ("crm_resource", record), ("attrd_updater", record)):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    guard = load("guard")
    monkeypatch.setattr(guard, "SYSTEM_PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(guard.time, "time", lambda: 1700000000.9)
    guard.Pacemaker("ds-node").failed(unable=unable)
    marked = [
        "attrd_updater -n fail-count-ds-node#asyncmon_0 -D -N other-host",
        "attrd_updater -n last-failure-ds-node#asyncmon_0 -D -N other-host",
        "attrd_updater -n last-failure-ds-node#asyncmon_0 -U 1700000000",
        "attrd_updater -n fail-count-ds-node#asyncmon_0 -U 1000",
    ]
    failed = "crm_resource --fail -r ds-node -N this-host"
    assert (tmp_path / "told").read_text().splitlines() == [*(marked if unable else []), failed]


@pytest.mark.parametrize(
    ("value", "taken_back"), [("0", False), ("2", False), ("999", False), ("1000", True), ("1002", True)]
)
def test_a_node_that_works_clears_the_unable_fail_count(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, value: str, taken_back: bool
) -> None:
    asked = "-t status -N this-host -n fail-count-ds-node#asyncmon_0 -G -q -d 0"
    for name, text in (
        ("crm_attribute", f'[ "$*" = "{asked}" ] && echo {value}'),
        ("attrd_updater", f'echo "told $@" >> {tmp_path}/told'),
        ("crm_node", "echo this-host"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "told").touch()
    guard = load("guard")
    monkeypatch.setattr(guard, "SYSTEM_PATH", f"{tmp_path}:/usr/bin:/bin")
    guard.Pacemaker("ds-node").clear_unable()
    both = [
        "told -n fail-count-ds-node#asyncmon_0 -D -N this-host",
        "told -n last-failure-ds-node#asyncmon_0 -D -N this-host",
    ]
    assert (tmp_path / "told").read_text().splitlines() == (both if taken_back else [])


def test_reads_that_the_node_works(load: Load) -> None:
    guard_end, pipe = os.pipe()
    os.write(pipe, b"..+.")
    os.close(pipe)
    calls: list[bool] = []
    load("guard").watch(guard_end, 1, 5, lambda: calls.append(True))
    assert calls == [True]
    os.close(guard_end)


@pytest.mark.parametrize(("output", "unable"), [(b"..", False), (b".!", True)])
def test_reads_that_the_node_is_unable_to_work_here(load: Load, output: bytes, *, unable: bool) -> None:
    guard_end, pipe = os.pipe()
    os.write(pipe, output)
    os.close(pipe)
    assert load("guard").watch(guard_end, 1, 5) == ("ended without a stop signal", unable)
    os.close(guard_end)


def test_logs_a_report_that_fails(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    guard, output = load("guard"), []
    monkeypatch.setattr(guard, "SYSTEM_PATH", "/nonexistent")
    monkeypatch.setattr(guard.syslog, "syslog", lambda _, text: output.append(text))
    guard.Pacemaker("ds-node").failed(unable=False)
    assert len(output) == 1
    assert "could not report the failure of ds-node" in output[0]


GIB = 1024 * 1024  # KiB


@pytest.mark.parametrize(
    "case",
    [
        (1, {}, 8.0),
        (4, {}, 2.0),
        (1, {"/system.slice/engine.service": 1.0}, 1.0),  # MemoryMax of the unit
        (4, {"/system.slice/engine.service": 1.0}, 1.0),
        (2, {"/system.slice": 4.0}, 2.0),
        (2, {"": 2.0, "/system.slice": None}, 1.0),  # a container
        (1, {"": 16.0}, 8.0),
    ],
)
def test_a_node_has_its_share_of_the_memory_of_host_or_container(
    load: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[int, dict[str, float | None], float],
) -> None:
    nodes, limits, part = case
    guard = load("guard")
    for cgroup, gib in limits.items():
        (tmp_path / cgroup.lstrip("/")).mkdir(parents=True, exist_ok=True)
        text = "max" if gib is None else str(int(gib * GIB * 1024))
        (tmp_path / cgroup.lstrip("/") / "memory.max").write_text(f"{text}\n")
    own = tmp_path / "own"
    own.write_text("1:name=systemd:/x\n0::/system.slice/engine.service\n")
    monkeypatch.setattr(guard, "CGROUPS", str(tmp_path))
    monkeypatch.setattr(guard, "OWN_CGROUP", str(own))
    monkeypatch.setattr(guard.os, "sysconf", {"SC_PHYS_PAGES": 2 * GIB, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert guard.available_memory(nodes) == part * GIB


def test_reads_the_memory_limit_of_this_host(load: Load) -> None:
    assert 1024 < load("guard").available_memory(1) < 10**10


def test_reads_the_resident_memory_of_a_process(load: Load) -> None:
    guard = load("guard")
    assert 1024 < guard.resident_memory(os.getpid()) < 10**7
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert guard.resident_memory(ended.pid) == 0


def test_kills_a_node_that_exceeds_its_memory(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although its loop turns."""
    guard = load("guard")
    monkeypatch.setattr(guard, "resident_memory", lambda _: 800 * 1024)
    guard_end, pipe = os.pipe()
    process = subprocess.Popen(["sleep", "60"])
    os.write(pipe, b".")
    usage = "it uses 800 MiB of memory and may use 750 MiB on this host"
    ended = guard.watch(guard_end, process.pid, 60, memory_limit=750.0 * 1024)
    assert ended == (f"{usage}; give its host a larger flavor, or fewer rows or nodes: killed", False)
    assert process.wait(5) == -signal.SIGKILL
    os.close(guard_end)
    os.close(pipe)
