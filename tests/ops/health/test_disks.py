"""Findings about full disks, from the output of a real df."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ops.health.disks import command, disks, findings
from ops.health.facts import Disk, Unseen
from tests.ops.support.sample_stack import facts
from tests.support.programs import private, run

HEAD = "Use% IUse% Avail Mounted on\n"


def findings_of(name: str, *seen: Disk) -> list[str]:
    healthy = facts()
    results = findings(replace(healthy, disks={**healthy.disks, name: seen}))
    return [f"{finding.severity} {finding.role}: {finding.what} -> {finding.way_out}" for finding in results]


def test_disks_with_free_space_have_no_findings() -> None:
    assert facts().disks["database"] == (Disk("/", 24, 7340),)
    assert list(findings(facts())) == []
    assert findings_of("database", Disk("/", 80, 900)) == []


@pytest.mark.parametrize(("used", "severity"), [(81, "note"), (95, "note"), (96, "wrong"), (100, "wrong")])
def test_a_disk_that_fills_is_a_note_and_a_full_one_is_wrong(used: int, severity: str) -> None:
    (line,) = findings_of("database", Disk("/", 24, 7340), Disk("/var/lib/mysql", used, 12))
    assert line == (
        f"{severity} servers: database: /var/lib/mysql is {used} % full, 12 MiB are free -> make ssh HOST=database"
        " ARGS='sudo du -xhd2 -t 100M /var/lib/mysql' shows what fills it; the database grows with policies and"
        " datasources; a larger flavor: make replace HOST=database"
    )


def test_each_disk_names_what_may_be_deleted_on_it() -> None:
    (line,) = findings_of("database", Disk("/", 99, 7), Disk("/var/lib/mysql", 10, 900))
    assert "dumps in /var/backups/congress may be deleted" in line
    assert "grows" not in line
    (line,) = findings_of("bastion", Disk("/var/log", 99, 7), Disk("/", 10, 900))
    assert "bastion: /var/log is 99 % full" in line


def test_a_host_whose_disks_are_unknown_is_no_alarm() -> None:
    healthy = facts()
    seen = replace(
        healthy, disks={"database": Unseen("no answer within 4 s"), "bastion": Unseen("lost", explained=True)}
    )
    (finding,) = findings(seen)
    assert (finding.severity, finding.what) == ("note", "database: its disks: no answer within 4 s")


def test_inodes_count_and_some_filesystems_have_none() -> None:
    assert disks(f"{HEAD} 10% 97% 500 /\n 12% - 8 /mnt/a b\n") == (
        Disk("/", 97, 500),
        Disk("/mnt/a b", 12, 8),
    )


def test_a_real_disk_is_listed_once_for_all_folders_on_it(tmp_path: Path) -> None:
    """A full disk, and folders that do not exist: Congress's on a machine without it."""
    argv = command("policy-engine")["argv"]
    fill = f"mount -t tmpfs -o size=1M tmpfs {tmp_path}; head -c 2M /dev/zero > {tmp_path}/x 2> /dev/null; "
    done = run(*private(["bash", "-c", f'{fill} exec "$@"', "bash", *argv, tmp_path], {}))
    assert done.returncode in {0, 1}
    seen = {disk.mount: disk for disk in disks(done.stdout)}
    assert seen[str(tmp_path)] == Disk(str(tmp_path), 100, 0)
    assert 0 < seen["/"].used <= 100
