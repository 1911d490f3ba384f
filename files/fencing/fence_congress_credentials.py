# ruff: noqa: INP001 (on hosts it is in Python's path of local modules)
"""The fence agent's file: its login to the cloud, and the servers of its cluster."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class FenceError(Exception):
    """Why an action failed, in one line for the operator."""


@dataclass(frozen=True)
class Credentials:
    """The file in `--credentials`: a JSON object with these keys.

    `servers`: host name -> server id. `addresses`: host name -> fixed address. `group`: id of the security group that
    lets these servers reach the services that they share, "" if a server must not be isolated. `probe_group`: id of a
    group whose members reach the ports in `probed`, and which the servers are not in. `probed`: role -> the
    `addresses` of its hosts, the port that is `closed` to other groups, and the one that is `open` to `group`.
    """

    auth_url: str
    application_credential_id: str
    application_credential_secret: str
    servers: Mapping[str, str]
    addresses: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    probe_group: str = ""
    probed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    region: str | None = None
    interface: str = "public"
    ca_file: str | None = None

    @classmethod
    def read(cls, path: Path) -> Credentials:
        try:
            if path.stat().st_mode & 0o077:
                raise FenceError(f"{path} may be read by others than its owner: chmod 0600 {path}")
            credentials = cls(**json.loads(path.read_text()))
        except OSError as error:
            raise FenceError(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, TypeError):
            # The parser's own error would quote the file.
            raise FenceError(f"{path} is not a JSON object with the keys of an agent's credentials") from None
        if not isinstance(credentials.probed, Mapping):
            raise FenceError(f"{path} is that of an older agent: run `up` again")
        if not (credentials.auth_url.startswith(("https://", "http://")) and credentials.servers):
            raise FenceError(f"{path}: auth_url must be a URL and servers must not be empty")
        return credentials

    def host(self, server: str) -> str:
        """Name of a server's host."""
        return next(host for host, id_ in self.servers.items() if id_ == server)

    @property
    def own(self) -> str | None:
        """Id of this host's server."""
        return self.servers.get(platform.node())
