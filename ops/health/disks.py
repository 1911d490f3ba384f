"""The disks of hosts: what is asked, how it is read, and when it is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from ops.health.facts import Disk, Facts, Unseen
from ops.health.finding import Finding, note, wrong
from ops.remote.runner import Command
from roles import by_name

# Percent. A full disk stops MariaDB and RabbitMQ, and no step can put its files.
FILLS, FULL = 80, 95
# Where every host writes, beside the folders of its role; any of them may be a disk of its own.
EVERYWHERE = ("/", "/var/log", "/tmp")  # noqa: S108  only looked at
# What may go, by the folder on a disk of its own or on that of the system.
WAY_OUT = {
    "/var/lib/mysql": "the database grows with policies and datasources",
    "/var/backups": "dumps in /var/backups/congress may go, five of a kind are kept",
    "/var/lib/rabbitmq": "queues that nobody empties: sudo rabbitmqctl list_queues messages name",
}


def command(role: str) -> Command:
    folders = (*EVERYWHERE, *by_name(role).folders)
    return {"argv": ["df", "--block-size=1M", "--output=pcent,ipcent,avail,target", *folders], "stdin": ""}


def disks(df: str) -> tuple[Disk, ...]:
    """From what df printed; a disk that holds several of the folders stands there several times."""
    by_mount = {}
    for line in df.splitlines()[1:]:
        room, inodes, free, mount = line.split(maxsplit=3)
        # A filesystem that makes inodes as it needs them tells none.
        used = max(int(part.removesuffix("%")) for part in (room, inodes) if part != "-")
        by_mount[mount] = Disk(mount, used, int(free))
    return tuple(by_mount.values())


def findings(facts: Facts) -> Iterator[Finding]:
    for name, seen in facts.disks.items():
        if isinstance(seen, Unseen):
            if not seen.explained:
                yield note("servers", f"{name}: its disks: {seen.why}", f"make ssh HOST={name} ARGS=df")
            continue
        for disk in seen:
            if disk.used > FILLS:
                finding = wrong if disk.used > FULL else note
                what = f"{name}: {disk.mount} is {disk.used} % full, {disk.free_mib} MiB are free"
                yield finding("servers", what, _way_out(name, facts.hosts[name].role, disk.mount, seen))


def _way_out(name: str, role: str, mount: str, seen: tuple[Disk, ...]) -> str:
    mounts = {disk.mount for disk in seen}
    folders = [folder for folder in by_name(role).folders if _disk_of(folder, mounts) == mount]
    hints = [WAY_OUT[folder] for folder in folders if folder in WAY_OUT]
    du = f"make ssh HOST={name} ARGS='sudo du -xhd2 -t 100M {mount}' tells what fills it"
    return "; ".join([du, *hints, f"a larger flavor: make replace HOST={name}"])


def _disk_of(folder: str, mounts: set[str]) -> str:
    path = PurePath(folder)
    return next(str(part) for part in (path, *path.parents) if str(part) in mounts)
