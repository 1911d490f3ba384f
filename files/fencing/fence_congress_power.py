# ruff: noqa: INP001 (on hosts it is in Python's path of local modules)
"""Ends the guest of a server by nova's power actions, with a proof, and starts it again.

A pause freezes the guest within two seconds even if it hangs. If nova does not pause the server, the agent stops it:
nova reports SHUTOFF if its hypervisor did not refuse, and reads the power state from the hypervisor afterwards. Both
prove that the old guest does not run.

The end of a hard reboot proves nothing: a server whose guest could not be destroyed returns to ACTIVE like a rebooted
one, and its list of actions says `Success` (nova/compute/manager.py: "Reboot failed but instance is running"). So
before the proof, a hard reboot is only used to release a server for which nova accepts no other action, because a pause
hangs or its state is not that of its guest.
"""

from __future__ import annotations

import time

from fence_congress_cloud import RUNNING, Nova, OutOfTimeError, Server
from fence_congress_credentials import FenceError

PAUSE_LIMIT = 10.0  # seconds
RESTART_LIMIT = 5.0
# Of a cloud that is slow, before an order counts as not carried out.
ANSWERS = 4
DELETED, DECLARED_DEAD = (
    "the cloud has deleted the server",
    "nova's administrator has declared its compute host dead",
)
HARD_REBOOT = {"reboot": {"type": "HARD"}}


class StuckError(FenceError):
    """Nova accepted an order for the server, but its compute host does not carry it out."""


def end_guest(nova: Nova, server: str, limit: float = float("inf")) -> str:
    """End the guest; how, in a word or two, as soon as it cannot run any more: `paused`, a status, DELETED, ...

    Raises StuckError if an order is still not carried out after `limit` seconds and a few answers of the cloud, else
    FenceError.
    """
    state: Server | None = None
    pauses, refused = True, False
    start = time.monotonic()
    try:
        while nova.in_time():
            # At once, without reading the server's state first: that also involves neutron, and takes longer.
            pause = nova.act(server, {"pause": None}) if pauses else None
            result = nova.result(server, pause, min(PAUSE_LIMIT, limit or PAUSE_LIMIT)) if pause else None
            if result == "Success":
                return "paused"
            state = nova.server(server)
            if state is None:
                return DELETED
            if state.dead:
                return DECLARED_DEAD
            if state.frozen or state.off:
                return state.status
            # An ACTIVE server without a task may just have finished one, so only a second refusal counts.
            pauses = pauses and result is None and not (refused and state.task is None)
            stops = not pauses and state.task is None and stop(nova, server)
            stuck = bool(pause) if pauses else state.task is None and state.status != "ACTIVE"
            if stuck and not stops:
                nova.act(server, HARD_REBOOT)
                pauses = True
            # A task other than our pause belongs to somebody else or to an earlier attempt: wait for its end.
            refused = pause is None and state.task is None
            if state.task and time.monotonic() >= start + limit + ANSWERS * nova.slowest:
                raise StuckError(f"nova does not stop {server}: {described(state)}")
    except OutOfTimeError:
        # What the server was doing tells the operator more than the request that came too late.
        if state is None:
            raise
    dead = "; its compute host may be down: make status" if state and state.task else ""
    raise FenceError(f"server {server} was not stopped in time: {described(state)}{nova.refusal}{dead}")


def stop(nova: Nova, server: str) -> bool:
    """Stop a server. Whether nova accepted the action. Raises FenceError if its hypervisor failed."""
    request = nova.act(server, {"os-stop": None})
    if request and nova.result(server, request) == "Error":
        raise FenceError(
            f"nova neither paused {server} nor stopped it, so its guest may run on "
            f"(openstack server event show {server} {request}): fix it in the cloud, or make confirm-dead"
        )
    return request is not None


def restart(how: str, nova: Nova, server: str) -> str:
    """Restart a server whose guest was ended, and return the agent's message. If that fails, it stays ended."""
    if how in {DELETED, DECLARED_DEAD}:
        return f"Success: {how}"
    nova.deadline = min(nova.deadline, time.monotonic() + RESTART_LIMIT)
    try:
        if nova.act(server, HARD_REBOOT):
            return f"Success: {how}, rebooting"
        why = nova.refusal
    except FenceError as error:
        why = f"; {error}"
    again = "make repair starts it" if how == "SHUTOFF" else "the monitor of this device tries it"
    return f"Stopped ({how}), but NOT started again: {again}{why}"


def described(state: Server | None) -> str:
    if state is None:
        return "the cloud has deleted it"
    runs = ", its guest runs" if state.power == RUNNING and state.status != "ACTIVE" else ""
    return f"it is {state.status}, task {state.task}{runs}"
