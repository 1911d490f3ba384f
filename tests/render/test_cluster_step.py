"""The step that forms the cluster, with real commands except systemd: what it stops and starts, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.foundation.template import render
from tests.render.support.contexts.datasource_node import CLUSTER
from tests.render.support.library import ME, Library

# A unit is active if its file exists, which has corosync.conf as it was at the start.
SYSTEMCTL = """unit=${{*: -1}}
case $1 in
  is-active) [ -e {folder}/active-$unit ] ;;
  start) touch {folder}/active-$unit ;;
  stop) rm -f {folder}/active-$unit; cp {conf} {folder}/at-stop 2> {folder}/log || true ;;
esac"""

# The value that corosync read at its last reload.
RUNTIME = """sed -n 's/^ *token: /runtime.config.totem.token (u32) = /p' {folder}/reloaded"""

DROP_IN = Path("/etc/systemd/system/pacemaker.service.d/congress-ha.conf")


class Step:
    def __init__(self, folder: Path) -> None:
        self.library, self.conf, self.key = Library(folder), folder / "corosync.conf", folder / "authkey"
        self.sandbox = folder / DROP_IN.name
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        self.library.fake("systemctl", SYSTEMCTL.format(folder=folder, conf=self.conf))
        self.library.fake("corosync-cfgtool", f"cp {self.conf} {folder}/reloaded")
        self.library.fake("corosync-cmapctl", RUNTIME.format(folder=folder))
        self.set()

    def set(self, **changes: object) -> None:
        """The step with other settings."""
        folder = self.library.folder
        script = render("datasource_node/cluster.sh.j2", {**CLUSTER, **changes}).replace("root:root", ME)
        self.script = script.replace("/etc/corosync", str(folder)).replace("/etc/hosts", f"{folder}/hosts")
        self.script = self.script.replace(str(DROP_IN.parent), str(folder))

    def run(self) -> list[str]:
        """The units that it stopped and started."""
        self.library.forget_calls()
        done = self.library.run(f"{self.script}\nkeep_record")
        assert done.returncode == 0, done.stderr
        (self.since,) = done.stdout.splitlines()
        calls = [call.removeprefix("systemctl ") for call in self.library.calls]
        return [call for call in calls if call.startswith(("stop", "start", "daemon-reload"))]


STOP, START = (
    ["stop pacemaker", "stop corosync"],
    ["start corosync", "daemon-reload", "start --no-block pacemaker"],
)


@pytest.fixture
def step(tmp_path: Path) -> Step:
    """A host with a running cluster."""
    made = Step(tmp_path)
    assert made.run() == [*STOP, *START]
    return made


def test_a_cluster_that_runs_is_left_alone(step: Step) -> None:
    since = step.since
    assert step.run() == []
    assert step.since == since
    assert (step.library.folder / "hosts").read_text().count("datasource-1") == 1


@pytest.mark.parametrize("file", ["conf", "key", "sandbox"])
def test_an_edited_file_is_put_back_while_the_cluster_is_stopped(step: Step, file: str) -> None:
    path: Path = getattr(step, file)
    since = step.since
    right = path.read_bytes()
    path.write_text("edited\n")
    assert step.run() == [*STOP, *START]
    assert path.read_bytes() == right
    assert float(step.since) > float(since)
    if file == "conf":
        assert (step.library.folder / "at-stop").read_text() == "edited\n"


def test_another_token_is_taken_without_a_stop(step: Step) -> None:
    since = step.since
    step.set(token=5)
    assert step.run() == []
    assert "corosync-cfgtool -R" in step.library.calls
    assert "token: 5000" in step.conf.read_text()
    assert float(step.since) > float(since)
    assert step.run() == []
    assert "corosync-cfgtool -R" not in step.library.calls


def test_another_token_beside_another_change_is_a_restart(step: Step) -> None:
    step.set(token=5, authkey="k" * 255)
    assert step.run() == [*STOP, *START]


def test_another_token_in_a_file_that_was_edited_is_a_restart(step: Step) -> None:
    step.conf.write_text(step.conf.read_text().replace("token: 1000", "token: 2000"))
    step.set(token=5)
    assert step.run() == [*STOP, *START]


@pytest.mark.parametrize("program", ["corosync-cfgtool", "corosync-cmapctl"])
def test_a_token_that_is_not_taken_fails_and_is_a_restart_at_the_next_run(step: Step, program: str) -> None:
    step.library.fake(program, "echo no socket; exit 1")
    step.set(token=5)
    script = step.script.replace("wait_until 10", "wait_until 0")
    done = step.library.run(f"{script}\nkeep_record")
    assert done.returncode == 1
    assert "corosync does not take its new token (no socket)" in done.stderr
    assert step.run() == [*STOP, *START]


def test_a_mode_is_put_back(step: Step) -> None:
    step.key.chmod(0o644)
    step.run()
    assert step.key.stat().st_mode & 0o777 == 0o400


def test_what_was_stopped_is_started_and_nothing_else(step: Step) -> None:
    (step.library.folder / "active-pacemaker").unlink()
    assert step.run() == ["daemon-reload", "start --no-block pacemaker"]


def test_its_record_names_what_is_there(step: Step) -> None:
    assert step.library.record is not None
    paths = {record[1] for record in step.library.record if record[0] == "file"}
    assert paths == {str(step.conf), str(step.key), str(step.sandbox)}
    units = {record[1] for record in step.library.record if record[0] == "unit"}
    assert units == {"corosync", "pacemaker"}
