"""Pulumi's CLI and a cloud for the recovery from an interrupted run; both record in one list."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from components.preflight.scope import Scope
from components.preflight.state import Pending, parse_state
from ops.stack.checkpoint import Checkpoint
from ops.stack.recovery import Pulumi, PulumiError, recover
from tests.ops.support.fake_cloud import FakeCloud, server, thing

LONG_AGO = datetime(2026, 11, 25, tzinfo=UTC)


QUIET = Checkpoint(
    LONG_AGO, frozenset({"bastion", "net"}), frozenset(), {"bastion": "congress-dev-bastion"}, ()
)


PAIR = replace(QUIET, servers={"bastion": "congress-dev-bastion", "database": "congress-dev-database"})


PROTECTED = replace(PAIR, protected=frozenset({"database"}))


OURS = Scope("project", "RegionOne")


PORT = Pending(
    "creating",
    "urn:pulumi:dev::congress-ha::Host$openstack:networking/port:Port::database-port",
    "openstack:networking/port:Port",
    {"name": "congress-dev-database", "networkId": "net"},
)


SKIP, CLEAR = "refresh --skip-pending-creates", "refresh --clear-pending-creates"


def checkpoint_of(exported: dict[str, Any], excluded: frozenset[str] = frozenset()) -> Checkpoint:
    return Checkpoint.of(parse_state(exported), excluded)


@dataclass(frozen=True)
class FakePulumi(Pulumi):
    """Records its own calls and the cloud's deletions in one order."""

    checkpoint: Checkpoint = QUIET
    done: list[Any] = field(default_factory=list)
    refusal: str = ""

    def export(self) -> Checkpoint:
        return self.checkpoint

    def refresh(self, *options: str) -> None:
        if self.refusal:
            raise PulumiError(self.refusal)
        self.done.append(f"refresh {' '.join(options)}")


@dataclass
class Simulation:
    pulumi: FakePulumi
    cloud: FakeCloud
    connections: int = 0
    messages: list[str] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    confirmed_gone: frozenset[str] = frozenset()

    def recover(self) -> list[Any]:
        """Run the recovery; returns what was done, in order."""
        self.cloud.deleted.clear()
        recover(self.pulumi, self._connect, self.messages.append, self.confirmed_gone)
        return self.pulumi.done

    def _connect(self, login: str | None) -> Any:
        self.connections += 1
        self.logins.append(login)
        return self.cloud


def simulation(checkpoint: Checkpoint, **things: list[Any]) -> Simulation:
    made = Simulation(
        FakePulumi(checkpoint=checkpoint), FakeCloud(**({"servers": [server("bastion")]} | things))
    )
    # One record of both.
    for service in (made.cloud.compute, made.cloud.network, made.cloud.identity):
        service.deleted = made.pulumi.done
    return made


def orphan_port() -> Any:
    return thing("orphan", name="congress-dev-database", network_id="net", device_id="")
