"""A network namespace as another host, with a wire to it that a test can cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.programs import missing, program, run

# Of this machine, and of the namespace.
HERE, THERE = "198.18.0.1", "198.18.0.2"


def ip(*words: str) -> None:
    done = run(program("ip"), *words)
    assert done.returncode == 0, done.stderr


def inside(namespace: str, *command: str) -> list[str]:
    """The command line that runs a command in the namespace."""
    return [str(program("ip")), "netns", "exec", namespace, *command]


def cut(namespace: str) -> None:
    """Let no packet pass any more, in either direction, as when the host's power is lost."""
    ip("link", "set", namespace, "down")


@contextmanager
def wire() -> Iterator[str]:
    """The name of the namespace, and of this machine's end of the wire."""
    if os.geteuid() != 0:
        missing("a network namespace with a wire to it takes root")
    name = f"ha{os.getpid()}"
    ip("netns", "add", name)
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "wire", "netns", name)
        ip("address", "add", f"{HERE}/30", "dev", name)
        ip("link", "set", name, "up")
        ip("-n", name, "address", "add", f"{THERE}/30", "dev", "wire")
        ip("-n", name, "link", "set", "wire", "up")
        yield name
    finally:
        # A namespace, with its wire, continues to exist while one of its sockets does.
        run(program("ip"), "link", "delete", name)
        ip("netns", "delete", name)
