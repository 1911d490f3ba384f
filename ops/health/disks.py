"""The disks of hosts: the command, the parser of its output, and the findings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from ops.health.facts import Disk, Facts, Unseen
from ops.health.finding import Finding, note, wrong
from ops.remote.runner import Command
from roles import by_name

# Percent. A full disk stops MariaDB and RabbitMQ, and steps can no longer install files.
FILLS, FULL = 80, 95
# Folders that every host writes to, beside those of its role. Each may be a separate disk.
EVERYWHERE = ("/", "/var/log", "/tmp")  # noqa: S108  only read


def command(role: str) -> Command:
    folders = (*EVERYWHERE, *by_name(role).folders)
    return {"argv": ["df", "--block-size=1M", "--output=pcent,ipcent,avail,target", *folders], "stdin": ""}


def disks(df: str) -> tuple[Disk, ...]:
    """Read the output of df, which lists a disk once for each of the folders on it."""
    by_mount = {}
    for line in df.splitlines()[1:]:
        room, inodes, free, mount = line.split(maxsplit=3)
        # A filesystem that allocates inodes dynamically reports none.
        used = max(int(part.removesuffix("%")) for part in (room, inodes) if part != "-")
        by_mount[mount] = Disk(mount, used, int(free))
    return tuple(by_mount.values())


def findings(facts: Facts) -> Iterator[Finding]:
    for name, observed in facts.disks.items():
        if isinstance(observed, Unseen):
            if not observed.explained:
                yield note("servers", f"{name}: its disks: {observed.why}", f"make ssh HOST={name} ARGS=df")
            continue
        for disk in observed:
            if disk.used > FILLS:
                finding = wrong if disk.used > FULL else note
                what = f"{name}: {disk.mount} is {disk.used} % full, {disk.free_mib} MiB are free"
                yield finding("servers", what, _way_out(name, facts.hosts[name].role, disk.mount, observed))


def _way_out(name: str, role: str, mount: str, observed: tuple[Disk, ...]) -> str:
    mounts = {disk.mount for disk in observed}
    folders = by_name(role).folders.items()
    hints = [hint for folder, hint in folders if hint and _disk_of(folder, mounts) == mount]
    du = f"make ssh HOST={name} ARGS='sudo du -xhd2 -t 100M {mount}' shows what fills it"
    return "; ".join([du, *hints, f"a larger flavor: make replace HOST={name}"])


def _disk_of(folder: str, mounts: set[str]) -> str:
    path = PurePath(folder)
    return next(str(part) for part in (path, *path.parents) if str(part) in mounts)
