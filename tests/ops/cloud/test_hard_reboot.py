"""The readmission of a host that was confirmed dead: a hard reboot that is certain to end the old guest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from openstack.connection import Connection
from openstack.exceptions import SDKException

from ops.cloud import hard_reboot
from ops.drift.cloud import compare
from tests.ops.support.cloud_changes import CHANGES, state
from tests.ops.support.fake_nova import HARD, REQUEST, Nova, with_nova


def readmission() -> Callable[[Connection], object]:
    """The repair of a host of the pair whose port has no security groups."""
    renamed = (
        replace(
            one,
            **{
                part: getattr(one, part).replace("database", "datasource-1")
                for part in ("urn", "deleted_with")
            },
        )
        for one in state().resources
    )
    (drift,) = compare(CHANGES["port without groups"][0], replace(state(), resources=tuple(renamed)))
    assert drift.remedy == "pauses or stops datasource-1 and reboots it hard, then restores them"
    assert drift.call is not None
    return drift.call


@pytest.mark.parametrize(
    ("nova", "orders"),
    [
        (Nova("ACTIVE"), ["pause", "reboot"]),
        (Nova("PAUSED"), ["reboot"]),
        (Nova("SHUTOFF"), ["reboot"]),
        (Nova(pauses=False), ["pause", "os-stop", "reboot"]),
        # Whatever the first reboot ends with, the guest is ended with a proof after it.
        (Nova(busy=True), ["reboot", "pause", "reboot"]),
    ],
)
def test_a_host_that_was_confirmed_dead_is_readmitted_after_a_reboot(nova: Nova, orders: list[str]) -> None:
    """The old guest is paused, or stopped if the hypervisor cannot pause it."""
    cloud, _ = with_nova(nova)
    readmission()(cloud)
    assert not nova.old_guest
    assert nova.orders == orders
    cloud.network.update_port.assert_called_once_with("port-database", security_groups=["group"])


@pytest.mark.parametrize(
    ("nova", "why"),
    [
        (Nova(destroys=False), r"did not carry out the hard reboot \(Error\): openstack server event show"),
        (Nova(answers=False), "not finished within 0 s"),
        (Nova(pauses=False, destroys=False), r"neither paused it nor stopped it \(Error\)"),
        (Nova(busy=True, pauses=False, destroys=False), r"neither paused it nor stopped it \(Error\)"),
        (Nova(busy=True, answers=False), r"neither paused it nor stopped it \(HTTP 409\)"),
    ],
)
def test_a_host_whose_old_guest_may_run_stays_outside(
    monkeypatch: pytest.MonkeyPatch, nova: Nova, why: str
) -> None:
    """Its datasource node may still run and must not reach the bus."""
    monkeypatch.setattr(hard_reboot, "ACTION_TIMEOUT", 0)
    cloud, _ = with_nova(nova)
    with pytest.raises(SDKException, match=why):
        readmission()(cloud)
    assert not cloud.network.update_port.called


def test_nova_reports_success_while_the_old_guest_still_runs() -> None:
    """The reason for the pause before the reboot."""
    nova = Nova(destroys=False)
    request = nova.post("/servers/server-database/action", json=HARD, microversion="2.51").headers[REQUEST]
    action = nova.get(f"/servers/server-database/os-instance-actions/{request}", microversion="2.51").json()
    assert (nova.status, action["instanceAction"]["events"][0]["result"]) == ("ACTIVE", "Success")
    assert nova.old_guest
