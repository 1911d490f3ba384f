"""Facts about this machine that the lab's precheck needs. Reading them changes nothing."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CGROUPS = ("systemd", "unified", "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")
# Commands that `up` needs before it installs anything, each with its package.
COMMANDS = {"ip": "iproute2", "ps": "procps", "nsenter": "util-linux", "mount": "mount"}
Json = list[dict[str, Any]]


@dataclass(frozen=True)
class Facts:
    """The machine as it is; routes, links and addresses as `ip -json` prints them, sizes in GiB."""

    is_root: bool
    os_release: str
    routes: Json
    links: Json
    addresses: Json
    namespaces: frozenset[str]
    resolvers: tuple[str, ...]
    apt_sources: int
    memory: float
    disk: float
    cgroups: frozenset[str]
    kernel_lacks: tuple[str, ...]
    nft_ruleset: str
    missing_commands: tuple[str, ...]
    locked: bool
    has_state: bool
    runs: bool


def output(*command: str) -> str:
    """The standard output of a command; empty if the command is missing."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    except FileNotFoundError:
        return ""


def ip_json(*arguments: str) -> Json:
    result: Json = json.loads(output("ip", "-json", *arguments) or "[]")
    return [item for item in result if item]  # some versions print {} for an entry that they omit


def has_module(name: str) -> bool:
    modprobe = shutil.which("modprobe", path="/usr/sbin:/sbin")
    return bool(modprobe) and not subprocess.run([str(modprobe), "-nq", name], check=False).returncode


def kernel_lacks() -> tuple[str, ...]:
    """Features that the kernel lacks. Links are created for a test, in a temporary network namespace."""
    links = {
        "veth": "ip link add lab0 type veth peer name lab1",
        "bridge": "ip link add lab2 type bridge",
        "vxlan": "ip link add lab3 type vxlan id 1 dstport 4789 local 127.0.0.1",
    }
    lacks = [
        k
        for k, v in links.items()
        if subprocess.run(["unshare", "-n", *v.split()], capture_output=True, check=False).returncode
    ]
    available = Path("/proc/filesystems").read_text().split()
    lacks += [fs for fs in ("overlay", "xfs", "ext4", "fuse") if fs not in available and not has_module(fs)]
    lacks += [name for name in ("loop-control", "net/tun", "fuse") if not Path("/dev", name).exists()]
    return tuple(dict.fromkeys(lacks))


def is_locked(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def gather(env: Mapping[str, str]) -> Facts:
    """Read the facts; lab/up also sets LAB_RUNS (1 or empty), LAB_APT_SOURCES and LAB_RESOLVERS."""
    state = Path(env["LAB_STATE"])
    existing = next(p for p in (state, *state.parents) if p.exists())
    available = re.search(r"^MemAvailable: *(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    root = os.geteuid() == 0
    runs = bool(env["LAB_RUNS"])
    netns = Path("/run/netns")
    return Facts(
        is_root=root,
        os_release=Path("/etc/os-release").read_text(),
        routes=ip_json("-4", "route", "show", "table", "all"),
        links=ip_json("-details", "link", "show"),
        addresses=ip_json("-4", "address", "show"),
        namespaces=frozenset(p.name for p in netns.iterdir()) if netns.is_dir() else frozenset(),
        resolvers=tuple(env["LAB_RESOLVERS"].split()),
        apt_sources=len(env["LAB_APT_SOURCES"].splitlines()),
        memory=int(available[1]) / 2**20 if available else 0.0,
        disk=shutil.disk_usage(existing).free / 2**30,
        cgroups=frozenset(
            name for name in CGROUPS if os.path.ismount(os.path.realpath(f"/sys/fs/cgroup/{name}"))
        ),
        # Only root may test this, and a running lab has proved it.
        kernel_lacks=kernel_lacks() if root and not runs else (),
        nft_ruleset=output("nft", "list", "ruleset") if root else "",
        missing_commands=tuple(name for name in COMMANDS if not shutil.which(name)),
        locked=is_locked(state / "lock"),
        has_state=state.exists(),
        runs=runs,
    )
