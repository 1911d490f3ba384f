"""A reboot after which the old guest is certain not to run any more.

Nova goes back to ACTIVE and calls the reboot a success when it could not destroy a guest that runs (reboot_instance in
nova/compute/manager.py: "Reboot failed but instance is running"). With a guest that was paused before, it fails; one
that was stopped is gone, for nova stops none whose hypervisor refuses. Not each hypervisor can pause.
"""

from __future__ import annotations

from typing import Any

from openstack.connection import Connection
from openstack.exceptions import NotFoundException, SDKException, raise_from_response

from ops.common.waiting import last_look

# From it on a server's owner sees how an action ended.
MICROVERSION = "2.51"
# Statuses whose guest does no work.
FROZEN = {"PAUSED", "SUSPENDED"}
RUNNING = 1  # power state
# By a policy, or by the server's state.
REFUSALS = {403, 409}
ENDS, PAUSE = 120, 1  # seconds


def reboot(server: str, cloud: Connection) -> None:
    """Raises SDKException unless the compute host ended the guest and started it again."""
    compute: Any = cloud.compute
    if not _still(compute, server) and _outcome(compute, server, {"pause": None})[0] != "Success":
        result, request = _outcome(compute, server, {"os-stop": None})
        if result != "Success" or not _still(compute, server):
            raise SDKException(_told("neither paused it nor stopped it", server, result, request))
    result, request = _outcome(compute, server, {"reboot": {"type": "HARD"}})
    if result != "Success":
        raise SDKException(_told("did not carry out the hard reboot", server, result, request))


def _still(compute: Any, server: str) -> bool:
    """Whether its guest does no work, by nova's order and by what its hypervisor says."""
    found = compute.get_server(server)
    return found.status in {*FROZEN, "SHUTOFF"} and found.power_state != RUNNING


def _told(what: str, server: str, result: str, request: str) -> str:
    return (
        f"nova {what} ({result or f'no end within {ENDS} s'}): openstack server event show {server} {request}"
    )


def _outcome(compute: Any, server: str, action: Any) -> tuple[str, str]:
    """How an action ended, and its request's id: openstacksdk's own methods tell neither."""
    asked = compute.post(f"/servers/{server}/action", json=action, microversion=MICROVERSION)
    if asked.status_code in REFUSALS:
        return f"HTTP {asked.status_code}", ""
    raise_from_response(asked)
    request = asked.headers["x-compute-request-id"]
    return last_look(ENDS, PAUSE, lambda: _result(compute, server, request), bool), request


def _result(compute: Any, server: str, request: str) -> str:
    """How the compute host ended an action, "" before."""
    told = compute.get(f"/servers/{server}/os-instance-actions/{request}", microversion=MICROVERSION)
    try:
        raise_from_response(told)
    except NotFoundException:
        return ""
    events = told.json()["instanceAction"].get("events", [])
    return next((str(event["result"]) for event in events if event["result"]), "")
