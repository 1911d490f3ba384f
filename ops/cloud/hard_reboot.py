"""A hard reboot after which the old guest certainly no longer runs.

If nova cannot destroy a running guest, it sets the server to ACTIVE and reports the reboot as a success
(reboot_instance in nova/compute/manager.py: "Reboot failed but instance is running"). If the guest was paused before,
the reboot fails instead. A stopped guest is certainly gone, because nova reports a stop only when the hypervisor did
it. Not every hypervisor can pause a guest.

An order that nova lost, such as by a restart of its message bus, keeps the server busy. Nova then refuses everything
but a hard reboot, which releases the server.
"""

from __future__ import annotations

from typing import Any

from openstack.connection import Connection
from openstack.exceptions import NotFoundException, SDKException, raise_from_response

from ops.common.waiting import poll

# The first microversion that shows the results of actions to a server's owner.
MICROVERSION = "2.51"
# Statuses in which the guest does not run.
FROZEN = {"PAUSED", "SUSPENDED"}
RUNNING = 1  # power state
# HTTP codes of a refusal: by policy, or by the server's state.
REFUSALS = {403, 409}
BUSY = "HTTP 409"
HARD = {"reboot": {"type": "HARD"}}
ACTION_TIMEOUT, PAUSE = 120, 1  # seconds


def reboot(server: str, cloud: Connection) -> None:
    """Hard-reboot a server. Raises SDKException unless the compute host ended the guest and started it again."""
    compute: Any = cloud.compute
    if not _is_stopped(compute, server):
        result, request = _ended(compute, server)
        if result == BUSY and _outcome(compute, server, HARD)[0] == "Success":
            result, request = _ended(compute, server)
        if result != "Success":
            raise SDKException(_failure("neither paused it nor stopped it", server, result, request))
    result, request = _outcome(compute, server, HARD)
    if result != "Success":
        raise SDKException(_failure("did not carry out the hard reboot", server, result, request))


def _ended(compute: Any, server: str) -> tuple[str, str]:
    """Pause the guest, or stop it; the result and the request id of the last order."""
    result, request = _outcome(compute, server, {"pause": None})
    # One that is not finished keeps the server busy, so nova would refuse to stop it.
    if result not in {"", "Success"}:
        result, request = _outcome(compute, server, {"os-stop": None})
        if result == "Success" and not _is_stopped(compute, server):
            result = "its guest runs on"
    return result, request


def _is_stopped(compute: Any, server: str) -> bool:
    """Whether the guest does not run, both by the server's status and by its power state."""
    details = compute.get_server(server)
    return details.status in {*FROZEN, "SHUTOFF"} and details.power_state != RUNNING


def _failure(what: str, server: str, result: str, request: str) -> str:
    outcome = result or f"not finished within {ACTION_TIMEOUT} s"
    more = f": openstack server event show {server} {request}" if request else ""
    return f"nova {what} ({outcome}){more}"


def _outcome(compute: Any, server: str, action: Any) -> tuple[str, str]:
    """Run an action; its result ("" at the time limit) and request id: openstacksdk's own methods return neither."""
    response = compute.post(f"/servers/{server}/action", json=action, microversion=MICROVERSION)
    if response.status_code in REFUSALS:
        return f"HTTP {response.status_code}", ""
    raise_from_response(response)
    request = response.headers["x-compute-request-id"]
    return poll(ACTION_TIMEOUT, PAUSE, lambda: _result(compute, server, request), bool), request


def _result(compute: Any, server: str, request: str) -> str:
    """Result of an action on the compute host, "" while it runs."""
    response = compute.get(f"/servers/{server}/os-instance-actions/{request}", microversion=MICROVERSION)
    try:
        raise_from_response(response)
    except NotFoundException:
        return ""
    events = response.json()["instanceAction"].get("events", [])
    return next((str(event["result"]) for event in events if event["result"]), "")
