"""From facts to findings: what is wrong, one line each, with the way out. Sends no requests."""

from __future__ import annotations

from collections.abc import Iterator

from ops.health import disks
from ops.health.facts import Facts, HostState, Unseen
from ops.health.finding import Finding, note, unanswered, unseen, wrong
from roles import BASTION, DATABASE, by_name

# Days before a certificate's end. Every `up` during the year before renews the stack's own.
ENDS_SOON = 21


def assess(facts: Facts) -> list[Finding]:
    """All findings, in the order of the table's rows."""
    return [
        *servers(facts),
        *disks.findings(facts),
        *(finding for health in facts.health.values() for finding in health.findings(facts)),
        *certificates(facts),
    ]


def servers(facts: Facts) -> Iterator[Finding]:
    if facts.cloud is not None:
        yield unseen(
            "servers",
            f"the cloud could not be asked: {facts.cloud}",
            "run it again; if that does not help, check OS_CLOUD, clouds.yaml and the cloud's API",
        )
    bastion_unreachable = any(host.role == BASTION.name and host.ssh for host in facts.hosts.values())
    for name, host in facts.hosts.items():
        several = sum(other.role == host.role for other in facts.hosts.values()) > 1
        fenced = by_name(host.role).watched_by_pacemaker or (host.role == DATABASE.name and several)
        behind = bastion_unreachable and host.role != BASTION.name
        yield from _server(name, host, behind=behind, fenced=fenced)
    yield from _same_compute_host(facts)


def _same_compute_host(facts: Facts) -> Iterator[Finding]:
    """Hosts of a role that share a compute host, because a server is older than the server group of its role."""
    places: dict[tuple[str, str], list[str]] = {}
    for name, host in facts.hosts.items():
        places.setdefault((host.role, host.place), []).append(name)
    for (_, place), names in places.items():
        if place and len(names) > 1:
            what = f"{' and '.join(names)} run on the same compute host: one fault would stop them all"
            yield note(
                "servers",
                what,
                f"make replace HOST={names[0]} gives it another compute host, if the cloud has room on one",
            )


def _server(name: str, host: HostState, *, behind: bool, fenced: bool) -> Iterator[Finding]:
    """`behind`: a bastion that cannot be reached. `fenced`: a lost host of its role is stopped by the cloud."""
    match host.status:
        case "missing":
            yield wrong(
                "servers", f"{name}: the cloud has no server {host.server}", f"make replace HOST={name}"
            )
        case "PAUSED" | "SUSPENDED" if fenced:
            way_out = (
                f"openstack server reboot --hard {host.server} (make repair does it); resuming it would run its "
                "services beside another host's"
            )
            yield wrong("servers", f"{name} is {host.status}", way_out)
        case "SHUTOFF" | "PAUSED" | "SUSPENDED":
            verb = {"SHUTOFF": "start", "PAUSED": "unpause", "SUSPENDED": "resume"}[host.status]
            yield wrong("servers", f"{name} is {host.status}", f"openstack server {verb} {host.server}")
        case "ERROR":
            way_out = f"openstack server reboot --hard {host.server}, else make replace HOST={name}"
            fault = f": {host.fault}" if host.fault else ""
            yield wrong("servers", f"{name} is in state ERROR{fault}", way_out)
        case "ACTIVE" | "REBOOT" | "HARD_REBOOT" if by_name(host.role).watched_by_pacemaker and host.isolated:
            what = (
                f"{name} is isolated, because nova could not stop it or it was confirmed dead: its port has no "
                "security group"
            )
            way_out = (
                "wait until its compute host is back: the other host then has it rebooted and readmits it within two "
                "minutes; if it does not: make repair"
            )
            yield wrong("servers", what, way_out)
        case "ACTIVE" | None if host.ssh is not None and not behind:
            yield _unreachable(name, host)
        case "ACTIVE" | None:
            pass
        case other:
            yield wrong("servers", f"{name} is {other}", f"wait, then: openstack server show {host.server}")


def _unreachable(name: str, host: HostState) -> Finding:
    if host.connected:
        return wrong("servers", f"{name}: {host.ssh}", f"overloaded? make ssh HOST={name} ARGS='top -b -n 1'")
    way_out = f"openstack console log show {host.server}; openstack server reboot --hard {host.server}"
    return wrong("servers", f"{name} cannot be reached by SSH: {host.ssh}", way_out)


def certificates(facts: Facts) -> Iterator[Finding]:
    way_out = "make up renews the stack's own without an interruption; your own: set tls.certificate"
    for row, days in facts.certificates.items():
        if isinstance(days, Unseen):
            yield from unanswered(row, days, "its certificate", "make verify shows whether its file exists")
        elif days < ENDS_SOON:
            what = f"its certificate ends in {days} days" if days >= 0 else "its certificate has ended"
            yield wrong(row, what, way_out)
