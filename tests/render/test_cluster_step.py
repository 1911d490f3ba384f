"""The step that forms the cluster, run for real but for systemd: what it stops and starts, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.template import render
from tests.render.contexts import CLUSTER
from tests.render.library import ME, Library

# A unit is active when its file is there; what corosync.conf said at that moment is kept.
SYSTEMCTL = """unit=${{*: -1}}
case $1 in
  is-active) [ -e {folder}/active-$unit ] ;;
  start) touch {folder}/active-$unit ;;
  stop) rm -f {folder}/active-$unit; cp {conf} {folder}/at-stop 2> {folder}/log || true ;;
esac"""

DROP_IN = Path("/etc/systemd/system/pacemaker.service.d/congress-ha.conf")


class Step:
    def __init__(self, folder: Path) -> None:
        self.library, self.conf, self.key = Library(folder), folder / "corosync.conf", folder / "authkey"
        self.sandbox = folder / DROP_IN.name
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        self.library.fake("systemctl", SYSTEMCTL.format(folder=folder, conf=self.conf))
        script = render("datasource_node/cluster.sh.j2", CLUSTER).replace("root:root", ME)
        self.script = script.replace("/etc/corosync", str(folder)).replace("/etc/hosts", f"{folder}/hosts")
        self.script = self.script.replace(str(DROP_IN.parent), str(folder))

    def run(self) -> list[str]:
        """What it stopped and started."""
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
    """A host whose cluster runs."""
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
