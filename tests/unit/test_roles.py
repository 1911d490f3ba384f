"""A role is one object in one table: all code that distinguishes roles reads it, and there is no other list."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components import inventory
from ops.health.role_health import Health, health_of
from ops.stack.leftovers import NAMES
from roles import DATABASE, POLICY_ENGINE, ROLES
from tests.unit.support.parsing import parse
from tests.unit.support.recording import ROOT, settings_with

# Texts that equal a role's name by chance.
SOMETHING_ELSE = {
    ("components/database.py", "database"): "a variable of templates",
    ("components/inventory.py", "bastion"): "an output of the stack",
    ("ops/ssh/shell.py", "bastion"): "an output of the stack",
    ("settings/model.py", "database"): "a setting, in an example",
    ("settings/nodes.py", "datasource-node"): "the node's id",
    ("ops/health/roles/database.py", "database"): "a probe",
    ("ops/policy/cli.py", "datasource"): "a word of a sentence",
    ("policy_code/plan.py", "datasource"): "what a file declares",
    ("policy_code/simulated.py", "datasource"): "what a file declares",
    ("policy_code/in_congress/simulation.py", "datasource"): "what a file declares",
    ("policy_code/on_host/apply.py", "datasource"): "what a file declares",
    ("policy_code/on_host/live.py", "datasource"): "what a file declares",
}
# The modules that the operator's commands depend on.
BELOW = {"ops/common", "ops/remote", "ops/stack", "ops/cloud", "ops/ssh"}
# The parts of policies as code that run on the operator's machine, or name what is on hosts.
CODE = {"policy_code", "policy_code/on_host"}
# Which folder may import which. Imports inside a folder are not restricted.
ROOMS = {
    "congress_runtime": set[str](),
    "policy_code": set(),
    "policy_code/in_congress": {"congress_runtime", "policy_code"},
    "policy_code/on_host": {"congress_runtime", "policy_code"},
    "roles": set(),
    "image": {"roles"},
    "settings": {"roles"},
    "components/preflight": {"roles", "settings", "policy_code", "image"},
    "components/foundation": {"roles", "settings", "components/preflight", "image"},
    "components": {"roles", "settings", "components/preflight", "components/foundation", *CODE},
    "ops/common": set(),
    "ops/remote": set(),
    "ops/stack": {"roles", "components/preflight", "ops/common"},
    "ops/cloud": {"components/preflight", "ops/common", "ops/stack"},
    "ops/ssh": {"roles", "ops/common", "ops/remote", "ops/stack"},
    "ops/health": {"roles", "components/preflight", *BELOW},
    "ops/drift": {
        "roles",
        "components/preflight",
        *BELOW,
        "ops/health",
        "policy_code",
        "policy_code/on_host",
    },
    "ops/data": {"roles", "components/foundation", *BELOW},
    "ops/replacement": {"roles", "components/preflight", *BELOW, "ops/health", "ops/data"},
    "ops/image": {"image", "ops/common"},
    "ops/policy": {*CODE, *BELOW},
    "ops": {"ops/stack"},
    "scripts": {"ops/common", "ops/stack"},
}


@pytest.fixture(scope="module")
def made_up() -> dict[str, Any]:
    """What the program and the commands do with the role of tests/unit/support/made_up_role.py."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.unit.support.made_up_role"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    output: dict[str, Any] = json.loads(run.stdout)
    return output


class TestAMadeUpRole:
    def test_has_hosts_flavors_and_a_place_in_the_network(self, made_up: dict[str, Any]) -> None:
        assert made_up["hosts"] == ["answer-cache", "answer-cache-2", "answer-cache-3"]
        assert made_up["flavor"] == "large"
        # Three engines and three caches on different hosts, and the smallest stack's hosts besides its two engines.
        hosts = 3 + 3 + len(inventory.roles(parse(settings_with()))) - 2
        assert f"too small for {hosts} hosts" in made_up["too small"]

    def test_has_a_security_group_and_rules(self, made_up: dict[str, Any]) -> None:
        assert made_up["groups"] == ["answer-cache"]
        assert made_up["rules"] == [
            "answer-cache-tcp-22-from-bastion",
            "answer-cache-udp-4000-from-policy-engine",
            "answer-cache-udp-4000-from-192.0.2.7-32",
            "answer-cache-tcp-1789-from-answer-cache",
            *(f"answer-cache-{protocol}-to-0.0.0.0-0" for protocol in ("tcp", "udp", "icmp")),
        ]

    def test_is_probed(self, made_up: dict[str, Any]) -> None:
        assert made_up["asked"] == ["disks", "cache", "certificate"]
        assert made_up["command"] == ["cachectl", "stats", "2.5"]
        assert made_up["folders"] == "/var/cache/answers"
        assert made_up["status"] == "missing"
        assert made_up["certificate"].startswith("-")

    def test_has_a_row_and_findings_of_its_own_in_status(self, made_up: dict[str, Any]) -> None:
        (finding,) = [line for line in made_up["findings"] if " misses " in line]
        assert finding == "cache: answer-cache misses 97 of 100 answers -> a larger flavor"
        (disk,) = [line for line in made_up["findings"] if "97 % full" in line]
        assert "; answers older than a day may be deleted; " in disk
        assert made_up["row"] == ["wrong", "3 hits"]
        assert made_up["before its first up"] is False
        assert made_up["details"] == {"answer-cache": {"hits": 3, "misses": 97}}

    def test_can_be_replaced_and_is_recognised_as_a_leftover(self, made_up: dict[str, Any]) -> None:
        assert made_up["refused"] == "answer-cache has the only answers"
        assert made_up["leaves"] == ["answer-cache: systemctl stop cached"]
        assert made_up["left"] == ["answer-cache", "answer-cache-12"]


def sources(room: str) -> Iterator[tuple[str, ast.Module]]:
    """Path and syntax tree of a folder's modules, without those of its listed subfolders."""
    inside = [other for other in ROOMS if other.startswith(f"{room}/")]
    for file in sorted((ROOT / room).rglob("*.py")):
        path = str(file.relative_to(ROOT))
        if not path.startswith(tuple(f"{other}/" for other in inside)):
            yield path, ast.parse(file.read_text())


def literals(tree: ast.Module) -> set[str]:
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_no_role_or_host_is_named_outside_the_table() -> None:
    names = {name for role in ROLES for name in (role.name, role.host, role.host_name(1), role.host_name(2))}
    mentions = {
        (path, name)
        for room in ROOMS
        if room != "roles"
        for path, tree in sources(room)
        for name in literals(tree) & names
    }
    assert mentions == SOMETHING_ELSE.keys()


def imported(tree: ast.Module) -> set[str]:
    """Dotted names of all modules that a module imports, including those for type checking only."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(module: str) -> str | None:
    path = f"{module.replace('.', '/')}/"
    return max((room for room in [*ROOMS, "tests"] if path.startswith(f"{room}/")), key=len, default=None)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room: str) -> None:
    # The table uses the settings only as a type.
    allowed = {room, None, *ROOMS[room], *({"settings"} if room == "roles" else ())}
    wrong = {
        f"{path} imports {module}"
        for path, tree in sources(room)
        for module in imported(tree)
        if room_of(module) not in allowed
    }
    assert wrong == set()


def test_the_table_can_be_read_without_pulumi_and_the_settings() -> None:
    """Every command reads it when it starts, and the Pulumi program, which needs nothing of what the probes mean."""
    heavy = {"pulumi", "pydantic", "settings", "ops", "rich", "openstack"}
    code = f"import sys, roles; print(*{{m.split('.')[0] for m in sys.modules}} & {heavy})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_the_first_host_of_a_role_keeps_its_name_when_others_come() -> None:
    assert [DATABASE.host_name(number) for number in (1, 2, 3)] == ["database", "database-2", "database-3"]
    assert POLICY_ENGINE.host_name(1) == "policy-engine-host-1"


def test_leftovers_are_recognised_by_the_name_of_every_host_and_role() -> None:
    hosts = inventory.roles(parse(settings_with(policyEngines={"count": 12})))
    assert {role.name for role in hosts.values()} == {role.name for role in ROLES}
    unknown = [name for name in (*hosts, *(role.name for role in ROLES)) if not re.fullmatch(NAMES, name)]
    assert unknown == []


def test_every_role_s_probes_exist() -> None:
    kinds = [kind for role in ROLES if (kind := health_of(role))]
    assert all(issubclass(kind, Health) for kind in kinds)
    files = {probe.file for kind in kinds for probe in kind.probes if probe.file}
    assert len(files) == 2
    assert {file for file in files if not Path(ROOT / "ops/remote" / file).is_file()} == set()


def test_every_role_s_health_is_tested() -> None:
    tests = "".join(file.read_text() for file in (ROOT / "tests/ops/health").glob("*.py"))
    kinds = [kind.__name__ for role in ROLES if (kind := health_of(role))]
    assert [name for name in kinds if name not in tests] == [], "test it in tests/ops/health"
