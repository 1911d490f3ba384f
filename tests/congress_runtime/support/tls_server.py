"""A real server that shows a certificate, and what a node of Congress gets of it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.balance.support.haproxy import free_port
from tests.congress_runtime.support.of_congress import printed
from tests.support.certificates import authority

OWN = "127.0.0.1"


class TlsServer(ABC):
    """In a folder and on a port of its own: its certificate with the key, and who signed it."""

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
    def take(self) -> None:
        """Have the server take the certificate that is there now, as its step does."""

    @contextmanager
    def known_as(self, address: str) -> Iterator[None]:
        """With a certificate for another address."""
        self.sign(address)
        self.take()
        try:
            yield
        finally:
            self.sign(OWN)
            self.take()


def asked(what: str, connection: str | Path) -> str:
    """What tls_client.py says."""
    (told,) = json.loads(printed("tls_client.py", what, connection).splitlines()[-1])
    return str(told)
