"""Simulated hosts: network namespaces with an address each, on one bridge."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.support.programs import missing

NEW_NETWORK = 0x40000000
T = TypeVar("T")


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def inside(namespace: str, what: Callable[[], T]) -> T:
    """The result of `what`, whose sockets are created in that namespace."""

    def enter() -> T:
        with Path(f"/run/netns/{namespace}").open() as known:
            if ctypes.CDLL(None, use_errno=True).setns(known.fileno(), NEW_NETWORK):
                raise OSError(ctypes.get_errno(), namespace)
        return what()

    with ThreadPoolExecutor(1) as one_thread:
        return one_thread.submit(enter).result()


@contextmanager
def network(names: dict[str, str]) -> Iterator[Callable[[str], str]]:
    """A namespace with an address for each name, all on one bridge; yields a name's namespace."""
    if os.geteuid() != 0:
        missing("network namespaces take root")
    mark = f"cha{os.getpid()}"

    def of(name: str) -> str:
        return f"{mark}-{name}"

    with ExitStack() as stack:
        for name in (*names, "switch"):
            ip("netns", "add", of(name))
            stack.callback(ip, "netns", "delete", of(name))
        switch = of("switch")
        ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", switch, "link", "set", "bridge", "up")
        for number, (name, address) in enumerate(names.items()):
            end = f"port{number}"
            ip("-n", switch, "link", "add", end, "type", "veth", "peer", "eth0", "netns", of(name))
            ip("-n", switch, "link", "set", end, "master", "bridge", "up")
            ip("-n", of(name), "link", "set", "lo", "up")
            ip("-n", of(name), "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", of(name), "link", "set", "eth0", "up")
        yield of
