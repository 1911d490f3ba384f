"""A member that becomes the writer by an order: for work on the writer's host, or as the only host from then on."""

from __future__ import annotations

import subprocess

from congress_database_look import DatabaseError, wait_until
from congress_database_member import Member

# Seconds for some monitors, for Pacemaker to make this member the writer, and for one of its commands.
CATCH_UP_LIMIT, MOVE_LIMIT, COMMAND_LIMIT = 30.0, 120.0, 60.0
CLONE = "database-clone"


def take(member: Member) -> None:
    """Become the writer, while the present one stays as a replica. Raises DatabaseError; then Pacemaker decides."""
    if member.server.look().writable:
        return
    if member.cluster.states().get(member.name) != "follows":
        raise DatabaseError(f"{member.name} does not follow the writer: repair it first (make status)")
    # One that has just come back may lack writes until a monitor has seen that it has caught up. Its promotion would
    # be refused, and nobody would take writes meanwhile.
    if not wait_until(CATCH_UP_LIMIT, lambda: member.state.role == "replica"):
        raise DatabaseError(f"{member.name} has not caught up with the writer yet: try again in a minute")
    here = ("--promoted", "--resource", CLONE, "--node", member.name)
    _run("crm_resource", "--move", *here)
    try:
        if not wait_until(MOVE_LIMIT, lambda: member.server.answers and member.server.look().writable):
            raise DatabaseError(
                f"{member.name} did not become the writer within {MOVE_LIMIT:.0f} s: sudo crm_mon -1 on it"
            )
    finally:
        _run("crm_resource", "--clear", *here)


def alone(member: Member) -> None:
    """Take the writes here, and end the cluster on this host. Again after an interruption.

    Nothing is stopped: the others, which the stack removes afterwards, keep running, and so does this MariaDB with its
    address. Raises DatabaseError; then Pacemaker may touch nothing any more, and the next run goes on.
    """
    if _is_active("pacemaker"):
        take(member)
        # From here on Pacemaker neither stops nor fences anything, on any host.
        _run("crm_attribute", "--type", "crm_config", "--name", "maintenance-mode", "--update", "true")
    elif member.state.role != "writer":
        raise DatabaseError(
            f"Pacemaker does not run on {member.name}, which was not the last writer: repair it first (make status)"
        )
    _run("systemctl", "disable", "--now", "pacemaker", "corosync")
    member.mandate.end()
    # If it does not run, it starts without the setting.
    if member.server.answers:
        member.server.sql("SET GLOBAL rpl_semi_sync_master_enabled = 0")


def _is_active(unit: str) -> bool:
    return subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0


def _run(*command: str) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_LIMIT, check=True)
    except subprocess.CalledProcessError as error:
        raise DatabaseError(f"{command[0]}: {' '.join(error.stderr.split())}") from None
    except subprocess.TimeoutExpired:
        raise DatabaseError(f"{command[0]} takes more than {COMMAND_LIMIT:.0f} s") from None
