"""What an interrupted run left is put right: first in the cloud, then in the state, and only when nobody is at it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.tools.fake_cloud import FakeCloud, server, thing
from tools.checkpoint import Checkpoint, Pending
from tools.pending import Pulumi, PulumiError, mend

SAMPLE = Path(__file__).parent / "samples/interrupted.json"
LONG_AGO = datetime(2026, 11, 25, tzinfo=UTC)
QUIET = Checkpoint(LONG_AGO, frozenset({"bastion", "net"}), {"bastion": "congress-dev-bastion"}, ())
PORT = Pending(
    "creating",
    "urn:pulumi:dev::congress-ha::Host$openstack:networking/port:Port::database-port",
    "openstack:networking/port:Port",
    {"name": "congress-dev-database", "networkId": "net"},
)
SKIP, CLEAR = "refresh --skip-pending-creates", "refresh --clear-pending-creates"


@dataclass(frozen=True)
class FakePulumi(Pulumi):
    """Keeps what was done in order, together with what the cloud was told to delete."""

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
class World:
    pulumi: FakePulumi
    cloud: FakeCloud
    asked: int = 0
    said: list[str] = field(default_factory=list)

    def mend(self) -> list[Any]:
        """What was done, in its order."""
        self.cloud.deleted.clear()
        mend(self.pulumi, self._connect, self.said.append)
        return self.pulumi.done

    def _connect(self) -> Any:
        self.asked += 1
        return self.cloud


def world(checkpoint: Checkpoint, **things: list[Any]) -> World:
    made = World(FakePulumi(checkpoint=checkpoint), FakeCloud(**({"servers": [server("bastion")]} | things)))
    # One record of both.
    for service in (made.cloud.compute, made.cloud.network, made.cloud.identity):
        service.deleted = made.pulumi.done
    return made


def orphan_port() -> Any:
    return thing("orphan", name="congress-dev-database", network_id="net", device_id="")


def test_an_empty_state_asks_no_cloud() -> None:
    at = world(Checkpoint(LONG_AGO, frozenset(), {}, ()))
    assert (at.mend(), at.asked, at.said) == ([], 0, [])


def test_a_state_that_is_true_is_left_alone() -> None:
    at = world(QUIET)
    assert (at.mend(), at.said) == ([], [])


def test_what_a_cut_off_creation_made_is_deleted_between_the_lock_and_the_state() -> None:
    at = world(replace(QUIET, pending=(PORT,)), ports=[orphan_port()])
    assert at.mend() == [SKIP, ("ports", "orphan"), CLEAR]
    assert at.said == [
        "database-port was cut off while creating: deleting port congress-dev-database (orphan)"
    ]


def test_a_creation_that_never_happened_is_cleared() -> None:
    at = world(replace(QUIET, pending=(PORT,)))
    assert at.mend() == [SKIP, CLEAR]
    assert at.said == ["database-port was cut off while creating"]


def test_of_what_only_groups_others_nothing_is_said() -> None:
    group = replace(
        PORT,
        type="congress-ha:index:Host",
        urn="urn:pulumi:dev::congress-ha::congress-ha:index:Host::database",
    )
    at = world(replace(QUIET, pending=(group,)))
    assert (at.mend(), at.said) == ([SKIP, CLEAR], [])


@pytest.mark.parametrize("operation", ["deleting", "updating"])
def test_other_operations_are_settled_by_one_refresh(operation: str) -> None:
    at = world(replace(QUIET, pending=(replace(PORT, operation=operation),)), ports=[orphan_port()])
    assert at.mend() == [SKIP]


def test_nothing_is_deleted_while_another_run_holds_the_lock() -> None:
    at = world(replace(QUIET, pending=(PORT,)), ports=[orphan_port()])
    at.pulumi = replace(at.pulumi, refusal="the stack is currently locked")
    with pytest.raises(PulumiError, match="locked"):
        at.mend()
    assert at.pulumi.done == []


def test_it_may_itself_be_cut_off_before_the_state_is_cleared() -> None:
    at = world(replace(QUIET, pending=(PORT,)), ports=[orphan_port()])
    at.mend()
    at.pulumi.done.clear()
    assert at.mend() == [SKIP, CLEAR]


def test_a_server_that_is_gone_is_forgotten() -> None:
    at = world(QUIET, servers=[])
    assert at.mend() == [SKIP]
    assert at.said == ["server congress-dev-bastion is gone from the cloud: the state forgets it"]


def test_a_server_that_is_being_deleted_is_waited_for() -> None:
    at = world(QUIET, servers=[server("bastion", task_state="deleting")])
    assert at.mend() == [("gone", "bastion"), SKIP]


def test_a_server_that_the_cloud_could_not_make_is_deleted() -> None:
    at = world(QUIET, servers=[server("bastion", status="ERROR", launched_at=None)])
    assert at.mend() == [SKIP, ("servers", "bastion"), ("gone", "bastion"), CLEAR]


def test_a_server_that_once_ran_is_kept_in_whatever_state() -> None:
    at = world(QUIET, servers=[server("bastion", status="ERROR")])
    assert at.mend() == []


def test_the_cloud_gets_time_for_the_last_request(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tools.pending.time.sleep", slept.append)
    world(replace(QUIET, pending=(PORT,), written=datetime.now(UTC) - timedelta(seconds=4))).mend()
    world(replace(QUIET, pending=(PORT,))).mend()
    assert slept[0] == pytest.approx(6, abs=1)
    assert slept[1] == 0
