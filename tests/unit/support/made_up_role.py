"""Adds a role that does not exist to the table, and prints what the program and the commands do with it.

It runs in its own process, because the table must have the role before anything reads it.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import roles
from roles import API, Opening, Role

CACHE = Role(
    name="answer-cache",
    outage="answers come from the engines alone",
    row="cache",
    host="answer-cache",
    count=lambda settings: settings.policy_engines.count,
    flavor="m1.large",
    openings=(
        Opening("udp", lambda _: (4000, 4009), lambda _: ["policy-engine", IPv4Network("192.0.2.7/32")]),
        Opening("tcp", lambda _: (API, API), lambda _: ["answer-cache"]),
    ),
    services=("cached",),
    health="tests.unit.support.made_up_health:CacheHealth",
    folders={"/var/cache/answers": "answers older than a day may be deleted"},
    certificate="/etc/cache/answers.pem",
)
roles.ROLES = (*roles.ROLES, CACHE)

# Imported after the change, because these modules read the table.
from components import inventory  # noqa: E402
from components.foundation import firewall  # noqa: E402
from ops.common.limits import Limits  # noqa: E402
from ops.health.assessment import assess  # noqa: E402
from ops.health.parsing import parse_facts  # noqa: E402
from ops.health.probes import health_commands  # noqa: E402
from ops.health.role_health import Candidate  # noqa: E402
from ops.health.table import details, rows  # noqa: E402
from ops.remote.runner import CommandResult  # noqa: E402
from ops.replacement.departure import Departure  # noqa: E402
from ops.replacement.preconditions import refusal  # noqa: E402
from ops.ssh.commands import Hosts  # noqa: E402
from ops.ssh.survey import Report  # noqa: E402
from ops.stack.host_server import Server  # noqa: E402
from ops.stack.leftovers import NAMES  # noqa: E402
from ops.stack.outputs import Host  # noqa: E402
from tests.ops.support import sample_stack  # noqa: E402
from tests.unit.support import recording  # noqa: E402
from tests.unit.support.parsing import parse, problems  # noqa: E402

HOST = CACHE.host_name(1)
STACK = replace(
    sample_stack.STACK, hosts={**sample_stack.STACK.hosts, HOST: Host(CACHE.name, f"congress-dev-{HOST}")}
)
SETTINGS = recording.settings_with(
    policyEngines={"count": 3}, flavors={"default": "small", "answerCache": "large"}
)


class Commands(Hosts):
    """Records the commands for hosts."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.sent: list[str] = []

    def run(self, host: str, command: str, **_: Any) -> str:
        self.sent.append(f"{host}: {command}")
        return ""


def program() -> dict[str, Any]:
    settings = parse(SETTINGS)
    network = {"externalNetwork": "public", "cidr": "10.20.0.0/28"}
    flavors = {"small": "small-id", "large": "large-id"}
    stack = recording.run(SETTINGS, replace(recording.CLOUD, flavor_ids=flavors))
    groups = stack.of_type("openstack:networking/secGroup:SecGroup")
    return {
        "hosts": [name for name, role in inventory.roles(settings).items() if role is CACHE],
        "flavor": inventory.servers("p", settings)[f"p-{HOST}"],
        "rules": [rule.name for rule in firewall.rules(settings) if rule.role == CACHE.name],
        "groups": [group.name for group in groups if group.name == CACHE.name],
        "too small": problems({**SETTINGS, "network": network})[0],
    }


def tools() -> dict[str, Any]:
    asked = health_commands(HOST, STACK, Limits())
    df = "Use% IUse% Avail Mounted on\n 97%  1%  5 /var/cache/answers\n"
    answers = {
        "cache": CommandResult(code=0, out="hits=3 misses=97\n", err="", seconds=0),
        "disks": CommandResult(code=0, out=df, err="", seconds=0),
        "certificate": CommandResult(code=0, out="notAfter=2020-01-01 00:00:00Z", err="", seconds=0),
    }
    facts = parse_facts(
        STACK, {**sample_stack.reports(), HOST: Report(answers=answers)}, sample_stack.SERVERS, 12
    )
    findings = assess(facts)
    commands = Commands()
    Departure(STACK, HOST, Server("", "", gone=False), commands, facts).carry_out()
    return {
        "asked": list(asked),
        "command": asked["cache"]["argv"],
        "folders": asked["disks"]["argv"][-1],
        "status": facts.hosts[HOST].status,
        "certificate": str(facts.certificates["cache"])[0],
        "row": rows(facts, findings)["cache"],
        "findings": [f"{finding.role}: {finding.what} -> {finding.way_out}" for finding in findings],
        "before its first up": "cache" in rows(sample_stack.facts(), []),
        "details": details(facts)["cache"],
        "refused": refusal(Candidate(STACK, facts, HOST)),
        "leaves": commands.sent,
        "left": [name for name in (HOST, f"{HOST}-12", f"{HOST}s") if re.fullmatch(NAMES, name)],
    }


if __name__ == "__main__":
    json.dump({**program(), **tools()}, sys.stdout)
