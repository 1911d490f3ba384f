"""A host's comparison: a tree that the steps' own library made, and one change by hand at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.remote import REMOTE
from tests.render.support.library import ME, Library

# Steps run on a host of their own: `systemctl show` tells what the test wrote.
SYSTEMCTL = """case $1 in
  show) cat {folder}/units ;;
  is-active) false ;;
esac"""
RUNS = "ActiveState=active\nUnitFileState=enabled\n"
PASSWORD = "CanaryPassword"
STEPS = {
    "software": """
put_file {root}/launcher {me} 0755 <<< 'exec it'
mkdir -p {root}/library && touch {root}/library/policy
put_file {root}/venv-1/module {me} 0644 <<< 'import this'
put_link {root}/congress {root}/venv-1
record_file {root}/library {root}/library/*
put_line {root}/hosts '10.0.0.2 own'
install_packages haproxy curl
record table inet closed
record table ip closed""",
    "configuration": "put_file {root}/congress.conf {me} 0640 <<< 'password = CanaryPassword'",
    "engine": """
put_file {root}/unit {me} 0644 <<< '[Service]'
bring_up_to_date restart engine.service {root}/congress.conf {root}/unit {root}/congress/module
enable_unit other""",
    "engine-2": "put_file {root}/unit {me} 0644 <<< '[Service]'",
}


class Host:
    """`root` stands for a host's own folders."""

    def __init__(self, folder: Path) -> None:
        self.library, self.root = Library(folder), folder / "root"
        self.root.mkdir()
        (self.root / "hosts").write_text("127.0.0.1 localhost\n")
        self.library.fake("systemctl", SYSTEMCTL.format(folder=folder))
        self.library.fake("dpkg-query", f"cat {folder}/packages")
        self.library.fake("nft", f"cat {folder}/tables")
        (folder / "tables").write_text("table inet closed\ntable ip closed\n")
        self.units(RUNS, RUNS)
        (folder / "packages").write_text("installed")
        for name, body in STEPS.items():
            done = self.library.run(f"{body.format(root=self.root, me=ME)}\nkeep_record", name)
            assert done.returncode == 0, done.stderr
        self.packages("haproxy installed", "curl installed")

    def units(self, *paragraphs: str) -> None:
        (self.library.folder / "units").write_text("\n".join(paragraphs))

    def packages(self, *lines: str) -> None:
        (self.library.folder / "packages").write_text("\n".join(lines))

    def report(self, *steps: str) -> dict[str, Any]:
        """Its answer, with no content of any file in it."""
        path = f"{self.library.folder}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            [sys.executable, "-", self.library.state, *(steps or STEPS)],
            input=(REMOTE / "drift.py").read_text(),
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert PASSWORD not in done.stdout
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def findings(self) -> list[tuple[str, list[str]]]:
        """The differences without the folder's name, and the steps that repair them."""
        return [(one["what"].replace(f"{self.root}/", ""), one["steps"]) for one in self.report()["findings"]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_an_unchanged_host_has_no_drift(host: Host) -> None:
    assert host.report() == {"files": 8, "services": 2, "packages": 2, "findings": []}


CHANGES: dict[str, tuple[Callable[[Path], Any], str, list[str]]] = {
    "edited": (
        lambda root: (root / "congress.conf").write_text(f"password = {PASSWORD}2"),
        "congress.conf was edited",
        ["configuration", "engine"],
    ),
    "mode": (lambda root: (root / "launcher").chmod(0o4755), "launcher has mode 4755, not 755", ["software"]),
    "removed": (lambda root: (root / "launcher").unlink(), "launcher is gone", ["software"]),
    "put by two steps": (lambda root: (root / "unit").unlink(), "unit is gone", ["engine", "engine-2"]),
    "a link instead": (
        lambda root: (root / "launcher").rename(root / "l2").with_name("launcher").symlink_to("l2"),
        "launcher is not a file any more",
        ["software"],
    ),
    "folder removed": (lambda root: shutil.rmtree(root / "library"), "library is gone", ["software"]),
    "folder's mode": (
        lambda root: (root / "library").chmod(0o777),
        "library has mode 777, not 755",
        ["software"],
    ),
    "link removed": (
        lambda root: (root / "congress").unlink(),
        "congress is gone",
        ["engine", "software"],
    ),
    "line": (
        lambda root: (root / "hosts").write_text("127.0.0.1 localhost\n"),
        "hosts lacks the line '10.0.0.2 own'",
        ["software"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_named_once_with_the_steps_that_repair_it(host: Host, name: str) -> None:
    change, what, steps = CHANGES[name]
    change(host.root)
    assert host.findings() == [(what, steps)]


def test_a_flushed_table_of_nftables_is_named(host: Host) -> None:
    (host.library.folder / "tables").write_text("table inet closed\ntable ip6 closed\n")
    assert host.findings() == [("nftables table ip closed is gone", ["software"])]


def test_a_link_that_leads_elsewhere_is_named(host: Host) -> None:
    link = host.root / "congress"
    link.unlink()
    link.symlink_to("/elsewhere")
    assert host.findings() == [("congress leads to /elsewhere, not venv-1", ["engine", "software"])]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_all_faults_of_a_file_are_one_finding(host: Host) -> None:
    file = host.root / "congress.conf"
    os.chown(file, 1, 65534)
    file.write_text("other")
    assert host.findings() == [
        (
            "congress.conf was edited, belongs to daemon:nogroup, not root:root",
            ["configuration", "engine"],
        )
    ]
    os.chown(file, 54321, 54321)
    assert "belongs to UNKNOWN:UNKNOWN" in host.findings()[0][0]


@pytest.mark.parametrize(
    ("active", "enabled", "what"),
    [
        ("inactive", "enabled", "is inactive"),
        ("failed", "disabled", "is failed, is disabled"),
        ("active", "masked", "is masked"),
        ("inactive", "", "is inactive, is gone"),
    ],
)
def test_a_service_that_was_stopped_or_disabled_is_named(
    host: Host, active: str, enabled: str, what: str
) -> None:
    host.units(f"ActiveState={active}\nUnitFileState={enabled}\n", RUNS)
    assert host.findings() == [(f"service engine.service {what}", ["engine"])]


def test_a_package_that_was_removed_is_named(host: Host) -> None:
    host.packages("haproxy config-files", "curl installed")
    assert host.findings() == [("package haproxy is not installed", ["software"])]


def test_a_failed_step_is_named(host: Host) -> None:
    host.library.run(f"put_file {host.root}/unit {ME} 0644 <<< '[Service]'\nfalse", "engine")
    (host.library.state / "steps/configuration").unlink()
    assert host.findings() == [
        ("no record of configuration, engine: the step failed", ["configuration", "engine"])
    ]


def test_a_service_without_a_record_of_its_files_is_named(host: Host) -> None:
    """A step restored a file, and the step that restarts the service did not run."""
    (host.root / "congress.conf").write_text("edited")
    body = STEPS["configuration"].format(root=host.root, me=ME)
    host.library.run(f"{body}\nkeep_record", "configuration")
    assert host.findings() == [
        ("service engine.service may run with files other than those on disk", ["engine"])
    ]


def test_records_of_removed_steps_are_ignored(host: Host) -> None:
    (host.root / "congress.conf").unlink()
    assert host.report("software", "engine-2")["findings"] == []
