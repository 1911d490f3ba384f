#!/usr/bin/python3 -S
"""Pacemaker's resource agent of the database: one writer and two replicas, MariaDB's own unit on three hosts.

It implements the OCF resource agent API: the action as an argument, an exit status. It has no parameters.
"""

from __future__ import annotations

import os
import sys

from congress_database_look import Configuration, DatabaseError
from congress_database_member import Member
from congress_database_records import State

SUCCESS, FAILED, UNIMPLEMENTED, NOT_CONFIGURED, NOT_RUNNING, PROMOTED = 0, 1, 3, 6, 7, 8

# A writer has ended, regularly or with its host, or another one has begun. Pacemaker sends `pre` to one after another.
MOMENTS = {("post", "demote"), ("post", "stop"), ("post", "promote")}

METADATA = """<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="mariadb" version="1.0">
<version>1.0</version>
<longdesc lang="en">MariaDB with one writer and semi-synchronous replicas. A replica is promoted only if it has every \
write that a client knows of.</longdesc>
<shortdesc lang="en">The database of Congress</shortdesc>
<parameters>
</parameters>
<actions>
<action name="start" timeout="120s"/>
<action name="stop" timeout="100s"/>
<action name="promote" timeout="60s"/>
<action name="demote" timeout="60s"/>
<action name="monitor" timeout="30s" interval="5s" depth="0"/>
<action name="monitor" timeout="30s" interval="4s" depth="0" role="Promoted"/>
<action name="notify" timeout="60s"/>
<action name="validate-all" timeout="20s"/>
<action name="meta-data" timeout="5s"/>
</actions>
</resource-agent>"""


def monitor(member: Member) -> int:
    if State.read(member.configuration) is None:
        return NOT_RUNNING
    try:
        return PROMOTED if member.monitor() else SUCCESS
    except DatabaseError:
        if member.resume():
            return PROMOTED
        if not member.server.runs:
            # Its last word was that it takes writes, or that it receives them.
            member.cluster.withdraw()
            return NOT_RUNNING
        # A replica that cannot follow is reported, not restarted: this would not help it.
        if member.server.look().writable:
            raise
        print_error()
        return SUCCESS


def notify(member: Member) -> int:
    """Act at once, where the next monitor would be late: Pacemaker waits for each notification of all members."""
    moment = tuple(os.environ.get(f"OCF_RESKEY_CRM_meta_notify_{name}") for name in ("type", "operation"))
    # The first word of a writer that is lost. The fencing of its host waits until nobody follows it.
    lost = moment == ("pre", "demote") and not member.cluster.has_writer()
    if (lost or moment in MOMENTS) and member.server.answers:
        member.converge()
    return SUCCESS


def run(action: str) -> int:
    if action in {"meta-data", "metadata"}:
        print(METADATA)
        return SUCCESS
    member = Member(Configuration.read())
    with member.mandate.lock():
        return act(member, action)


def act(member: Member, action: str) -> int:
    if action == "monitor":
        return monitor(member)
    if action == "notify":
        return notify(member)
    if action == "validate-all":
        return SUCCESS
    actions = {"start": member.start, "stop": member.stop, "promote": member.promote, "demote": member.demote}
    if action not in actions:
        return UNIMPLEMENTED
    actions[action]()
    return SUCCESS


def print_error() -> None:
    print(f"{sys.exc_info()[1]}", file=sys.stderr)


def main() -> int:
    try:
        return run(sys.argv[1] if len(sys.argv) > 1 else "")
    except (DatabaseError, OSError):
        print_error()
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
