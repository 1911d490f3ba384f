"""`make replace` with Pulumi, hosts and cloud replaced."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from typer import Typer
from typer.testing import CliRunner, Result

from components.preflight.scope import Scope
from components.preflight.state import SERVER
from ops.cloud.servers import CloudError
from ops.health.facts import Facts
from ops.replacement import replace
from ops.replacement.interrupted_run import RecordFile
from ops.stack.host_server import Server
from tests.ops.support import fact_changes as changes

HOST = "policy-engine-host-2"
URN = f"urn:pulumi:dev::congress-ha::congress-ha:index:Host${SERVER}::{HOST}"
OLD, NEW = Server(URN, "old", gone=False), Server(URN, "new", gone=False)
# The server "URN" with one step, and nothing else.
ONLY = "--target URN --target URN-of-a-step"

app = Typer()
app.command()(replace.main)


@dataclass
class Simulation:
    """Stands in for Pulumi, the hosts and the cloud. `fails`: what fails, by its first word."""

    record_file: RecordFile
    server: Server = OLD
    facts: Facts = field(default_factory=changes.healthy)
    fails: dict[str, bool | BaseException] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    mismatch: str = ""

    def do(self, *words: str) -> bool:
        self.done.append(" ".join(words))
        failed = self.fails.get(words[0], False)
        if isinstance(failed, BaseException):
            raise failed
        return not failed

    def require_same_scope(self, _: Scope | None) -> None:
        """Accept the login, unless `mismatch` says why not."""
        if self.mismatch:
            raise CloudError(self.mismatch)

    def database_record_file(self) -> RecordFile:
        return RecordFile("dev", "database", self.record_file.file.parents[2])

    def run(self, host: str = HOST, *more: str) -> Result:
        self.done = []
        return CliRunner().invoke(app, [host, *more])


def replace_server(server: Server, id_: str) -> Server:
    return dataclasses.replace(server, id=id_)
