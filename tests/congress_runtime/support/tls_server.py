"""A real server with TLS, and the result when a Congress node connects to it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.congress_runtime.support.congress_python import run_script
from tests.support.certificates import authority
from tests.support.ports import free_port

OWN = "127.0.0.1"


class TlsServer(ABC):
    """A server with its own folder, port, certificate authority and certificate (`identity`: with the key)."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.authority, self.identity = authority(), folder / "congress.pem"
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_text(self.authority.pem)
        self.sign(OWN)

    def sign(self, address: str) -> None:
        signed = self.authority.sign("a server", addresses=[address])
        self.identity.write_text(signed.pem + signed.key)

    @abstractmethod
    def reload(self) -> None:
        """Make the server load its current certificate, as its step does."""

    @contextmanager
    def certified_for(self, address: str) -> Iterator[None]:
        """Use a certificate for another address meanwhile."""
        self.sign(address)
        self.reload()
        try:
            yield
        finally:
            self.sign(OWN)
            self.reload()


def connect(action: str, connection: str | Path) -> str:
    """The result of tls_client.py for one connection."""
    (result,) = json.loads(run_script("tls_client.py", action, connection).splitlines()[-1])
    return str(result)
