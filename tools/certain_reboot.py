"""A reboot after which the old guest is certain not to run any more.

Nova goes back to ACTIVE and calls the reboot a success when it could not destroy a guest that runs (reboot_instance in
nova/compute/manager.py: "Reboot failed but instance is running"). With a guest that was paused before, it fails.
"""

from __future__ import annotations

from typing import Any

from openstack.connection import Connection
from openstack.exceptions import NotFoundException, SDKException, raise_from_response

from tools.waiting import last_look

# From it on a server's owner sees how an action ended.
MICROVERSION = "2.51"
# Statuses whose guest does no work.
FROZEN = {"PAUSED", "SUSPENDED"}
ENDS, PAUSE = 120, 1  # seconds


def reboot(server: str, cloud: Connection) -> None:
    """Raises SDKException unless the compute host stopped the guest and started it again."""
    compute: Any = cloud.compute
    found = compute.get_server(server)
    if found.status not in FROZEN:
        compute.pause_server(server)
        compute.wait_for_server(found, status="PAUSED", wait=ENDS)
    # openstacksdk's own method does not tell the request's id.
    asked = compute.post(
        f"/servers/{server}/action", json={"reboot": {"type": "HARD"}}, microversion=MICROVERSION
    )
    raise_from_response(asked)
    request = asked.headers["x-compute-request-id"]
    result = last_look(ENDS, PAUSE, lambda: _result(compute, server, request), bool)
    if result != "Success":
        raise SDKException(
            f"nova did not carry out the hard reboot ({result or f'no end within {ENDS} s'}): "
            f"openstack server event show {server} {request}"
        )


def _result(compute: Any, server: str, request: str) -> str:
    """How the compute host ended an action, "" before."""
    told = compute.get(f"/servers/{server}/os-instance-actions/{request}", microversion=MICROVERSION)
    try:
        raise_from_response(told)
    except NotFoundException:
        return ""
    events = told.json()["instanceAction"].get("events", [])
    return next((str(event["result"]) for event in events if event["result"]), "")
